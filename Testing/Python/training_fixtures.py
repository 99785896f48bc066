# SPDX-License-Identifier: Apache-2.0
"""A training run on scans that is over in seconds."""

import json
from pathlib import Path


def tiny_config(folder: Path, steps: int, **changes: object) -> Path:
    content = {
        "kind": "scan",
        "id": "tiny",
        "target": "parts",
        "network": {"name": "subvoxel_unet", "options": {"features": [4, 4, 4, 4, 4, 4]}},
        "spacing_mm": 3.0,
        "patch": [32, 32, 32],
        "synthetic": {"training": 2, "validation": 1, "options": {"shape": [32, 32, 40], "spacing_mm": [3, 3, 3]}},
        "steps": [steps],
        "validate_every": 2,
        "learning_rate": 0.01,
        **changes,
    }
    path = folder / "tiny.json"
    path.write_text(json.dumps(content))
    return path
