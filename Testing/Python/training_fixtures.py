# SPDX-License-Identifier: Apache-2.0
"""A training run on scans that is over in seconds, and a scan of two vertebrae."""

import json
from pathlib import Path

import numpy as np

from SpineLib.training.scan.cases import TrainingScan


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


def small_scan(parts_known: bool = True, unlabeled: tuple[int, ...] = ()) -> TrainingScan:
    """Two vertebrae, L1 (20) above L2 (21), a disc between, a fracture in L1."""
    truth = np.zeros((3, 20, 24, 32), np.uint8)
    truth[0, 6:14, 6:14, 18:26], truth[0, 6:14, 6:14, 4:12], truth[0, 6:14, 6:14, 12:18] = 20, 21, 102
    truth[1, 6:14, 6:14, 4:26] = 1
    truth[0, 9:11, 14:20, 20:24], truth[1, 9:11, 14:20, 20:24] = 20, 2
    truth[2, 6:9, 6:9, 20:22] = 1
    voxels = (truth[0].astype(np.int16) * 10) - 200
    centers = {20: np.array([9.5, 9.5, 21.5], np.float32), 21: np.array([9.5, 9.5, 7.5], np.float32)}
    return TrainingScan(voxels, truth, centers, True, {20: 2}, parts_known, unlabeled)
