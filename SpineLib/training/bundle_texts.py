# SPDX-License-Identifier: Apache-2.0
"""What a trained bundle says of itself: its metadata and its model card."""

from dataclasses import asdict
from typing import Any

from SpineLib import __version__
from SpineLib.core.result import DISCLAIMER
from SpineLib.training.config import TrainingConfig


def bundle_metadata(config: TrainingConfig, numbers: dict[str, int], metrics: dict[str, Any]) -> dict[str, Any]:
    """The bundle's `metadata.json`; the configuration's own `metadata` comes on top."""
    return {
        "id": config.id,
        "title": config.id,
        "version": "1.0.0",
        "software": f"SpineLib {__version__}",
        "task": "ap",
        "modality": "radiograph",
        "view": "ap",
        "network": {"spatial_dims": 2, "in_channels": 1, "out_channels": 1, **config.network},
        "input": asdict(config.input),
        "channels": {"0": "Spine: bodies and disc spaces of T1 to L5"},
        "threshold": 0.5,
        "two_pass": False,
        "license": "Apache-2.0",
        "intended_use": f"Research on frontal spine radiographs. {DISCLAIMER}",
        "training_data": {"dataset": config.dataset, "seed": config.seed, **numbers},
        "validation": {
            "data": f"{config.dataset}, {numbers['validation_films']} films of patients kept apart (split.csv)",
            "resolution": "the films' own",
            "metrics": metrics,
        },
        **config.metadata,
    }


def model_card(metadata: dict[str, Any]) -> str:
    """`docs/README.md` of a bundle."""
    metrics = metadata["validation"]["metrics"]
    rows = [
        f"| {name} | {value['mean']} | {value['low']} to {value['high']} | {value['median']} | {value['n']} |"
        for name, value in metrics.items()
        if value.get("mean") is not None
    ]
    table = ["| metric | mean | 95 % interval | median | n |", "|---|---|---|---|---|", *rows] if rows else []
    data = metadata["training_data"]
    paragraphs = [
        f"# {metadata['title']}",
        f"Version {metadata['version']}. {metadata['intended_use']}",
        f"License: {metadata['license']}. {metadata.get('license_note', '')}".strip(),
        f"Learned from {data['training_films']} films of {data['dataset']}; see `training/` for the configuration, the "
        "command, the split by patients and the curves.",
        f"Validation on {metadata['validation']['data']}, at {metadata['validation']['resolution']} resolution. The "
        "recipe was chosen on these same films, so expect a little less elsewhere.",
        "\n".join(table),
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"
