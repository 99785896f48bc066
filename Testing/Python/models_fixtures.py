# SPDX-License-Identifier: Apache-2.0
"""A small but real bundle for the tests of the model store."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from SpineLib.models.bundle import write_bundle
from SpineLib.networks.factory import build_network

NETWORK = {
    "name": "light_unet",
    "spatial_dims": 2,
    "in_channels": 1,
    "out_channels": 1,
    "options": {"features": [8, 8, 16, 16, 16]},
}


def small_network(seed: int = 0) -> nn.Module:
    """The network of the bundle with random weights and running statistics that are not the initial ones."""
    torch.manual_seed(seed)
    options = NETWORK["options"]
    network = build_network("light_unet", 2, 1, 1, **options)
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(2, 1, 64, 64) * 3)
    return network.eval()


def metadata(model_id: str = "tiny-ap", **changes: Any) -> dict[str, Any]:
    """Metadata with all the fields that the product relies on."""
    return {
        "id": model_id,
        "title": "Tiny test model",
        "version": "0.1.0",
        "task": "ap",
        "modality": "radiograph",
        "view": "ap",
        "license": "Apache-2.0",
        "license_note": "made for a test",
        "expected_seconds": {"cpu": 1.0, "cuda": 0.1},
        "network": NETWORK,
        "input": {"fit": "letterbox", "long_side": 64},
        "threshold": 0.5,
        **changes,
    }


def make_bundle(folder: Path, network: nn.Module | None = None, **changes: Any) -> Path:
    """A bundle in `folder`, named by its last part unless `id` is given."""
    files = {"LICENSE": "Apache License 2.0\n", "docs/README.md": "# Tiny\n", "training/log.csv": "epoch,loss\n"}
    write_bundle(folder, {**metadata(folder.name), **changes}, network or small_network(), files)
    return folder
