# SPDX-License-Identifier: Apache-2.0
"""What a bundle trained on scans says of itself: its metadata and its model card."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from SpineLib import __version__
from SpineLib.core.result import DISCLAIMER
from SpineLib.models.bundle import read_metadata
from SpineLib.models.loader import folder_of
from SpineLib.networks.ct_channels import FRACTURE_CLASSES, LEVELS, PARTS, REGIONS
from SpineLib.training.scan.config import REAL_SPINES, ScanConfig, SyntheticSet
from SpineLib.training.scan.targets import TARGETS

KEPT = "healthy_kept: share of the patches without a fracture in which not one voxel is marked."

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
    """The bundle's `metadata.json`; the configuration's own `metadata` comes on top, so it says nothing that is true of
    one training only."""
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
        **_license(config, real),
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


def _license(config: ScanConfig, real: int) -> dict[str, str]:
    """Of weights that learned from the product's own images alone, ours; what others gave keeps the license it has."""
    cases = [config.synthetic.options, *config.synthetic.mixed]
    files = [each[name] for each in cases for name in REAL_SPINES if each.get(name)]
    others = [config.dataset] if real else []
    others += dict.fromkeys(Path(file).name for file in files)
    if config.start:
        begun = read_metadata(folder_of(config.start))
        others.append(f"the weights of {begun['id']} ({begun['license']})")
    if not others:
        return {"license": "Apache-2.0"}
    return {"license": "That of its sources", "license_note": f"Learned from {', '.join(others)}."}


def _told(synthetic: SyntheticSet) -> dict[str, Any]:
    """What the bundle says of the synthetic cases: of files their names, where they lay is nobody's business."""
    told = asdict(synthetic)
    for options in (told["options"], *told["mixed"]):
        options.update({name: Path(options[name]).name for name in REAL_SPINES if options.get(name)})
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
        KEPT if "healthy_kept" in metadata["validation"]["metrics"] else "",
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"
