# SPDX-License-Identifier: Apache-2.0
"""What a bundle trained on scans says of itself: its metadata and its model card."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from SpineLib import __version__
from SpineLib.core.result import DISCLAIMER
from SpineLib.networks.ct_channels import FRACTURE_CLASSES, LEVELS, PARTS, REGIONS
from SpineLib.training.scan.config import REAL_SPINES, ScanConfig, SyntheticSet
from SpineLib.training.scan.targets import TARGETS

CHANNELS = {
    "levels": {"0": "spine", **{str(place): level for place, level in enumerate(LEVELS, 1)}},
    "parts": {
        **{str(place): name or "nothing" for place, name in enumerate(PARTS)},
        "5, 6, 7": "way to the vertebra's center along i, j, k in cm",
        **{str(place): f"region {name}" for place, name in enumerate(REGIONS, 8)},
    },
    "fractures": {str(place): name or "nothing" for place, name in enumerate(FRACTURE_CLASSES)},
}


def bundle_metadata(config: ScanConfig, real: int, last: dict[str, float]) -> dict[str, Any]:
    """The bundle's `metadata.json`; the configuration's own `metadata` comes on top."""
    scores = {
        name: round(value, 4)
        for name, value in last.items()
        if name not in ("step", "loss", "validation_loss", "seconds")
    }
    return {
        "id": config.id,
        "title": config.id,
        "version": "1.0.0",
        "software": f"SpineLib {__version__}",
        "task": "ct",
        "modality": "ct",
        "view": None,
        "network": {
            "spatial_dims": 3,
            "in_channels": 1,
            "out_channels": TARGETS[config.target].channels,
            **config.network,
        },
        "input": {"spacing_mm": config.spacing_mm, "patch": list(config.patch)},
        "channels": CHANNELS[config.target],
        "license": "Apache-2.0",
        "intended_use": f"Research on CT of the spine. {DISCLAIMER}",
        "training_data": {
            "synthetic": _told(config.synthetic),
            "seed": config.seed,
            "dataset": config.dataset if real else "none: synthetic scans only",
            "real_scans": real,
        },
        "validation": {
            "data": f"the middles of {config.synthetic.validation} synthetic scans of other seeds, one patch each",
            "resolution": f"{config.spacing_mm} mm",
            "metrics": scores,
        },
        **config.metadata,
    }


def _told(synthetic: SyntheticSet) -> dict[str, Any]:
    """What the bundle says of the synthetic cases: of files their names, where they lay is nobody's business."""
    told = asdict(synthetic)
    told["options"] = {
        name: Path(value).name if name in REAL_SPINES else value for name, value in told["options"].items()
    }
    return told


def model_card(metadata: dict[str, Any]) -> str:
    """`docs/README.md` of a bundle."""
    rows = [f"| {name} | {value} |" for name, value in metadata["validation"]["metrics"].items()]
    paragraphs = [
        f"# {metadata['title']}",
        f"Version {metadata['version']}. {metadata['intended_use']}",
        f"License: {metadata['license']}. {metadata.get('license_note', '')}".strip(),
        f"Learned from {metadata['training_data']['synthetic']['training']} synthetic scans (`spine synth ct`) and "
        f"{metadata['training_data']['real_scans']} real ones; see `training/` for configuration, command and curves. "
        + metadata.get("training_note", ""),
        f"Validation: {metadata['validation']['data']}, at {metadata['validation']['resolution']}. Scores on synthetic "
        "scans say little about real ones.",
        "\n".join(["| score | mean |", "|---|---|", *rows]),
    ]
    return "\n\n".join(paragraphs) + "\n"
