# SPDX-License-Identifier: Apache-2.0
"""`spine train`: from a configuration and a data folder to a bundle that can be used at once."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from SpineLib import __version__
from SpineLib.core.progress import Progress, part_of, silent
from SpineLib.models.bundle import write_bundle
from SpineLib.networks.factory import build_network
from SpineLib.training.augment.training_film import TrainingFilm, load_film
from SpineLib.training.config import TrainingConfig, read_config
from SpineLib.training.datasets import load_dataset
from SpineLib.training.loop import CURVES, Trainer
from SpineLib.training.splits import split_by_patient


def train(config_path: Path, data: Path, output: Path, progress: Progress = silent) -> Path:
    """Train by the configuration and write the bundle to `output/<id>`; returns its folder.

    A run that was stopped goes on from its last finished epoch when called again with the same `output`. Raises
    InputError for an unusable configuration or data folder.
    """
    config = read_config(config_path)
    cases = load_dataset(config.dataset, data)
    output.mkdir(parents=True, exist_ok=True)
    training, validation = split_by_patient(cases, config.validation_share, config.seed)
    trusted = [case for case in training if not case.suspect]
    progress(0.0, f"{len(trusted)} films to learn from, {len(validation)} to validate on")
    films = [load_film(case) for case in trusted]
    synthetic = _phantoms(config, part_of(progress, 0.0, 0.05))
    torch.manual_seed(config.seed)
    network = build_network(config.network["name"], 2, 1, 1, **config.network.get("options", {}))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    trainer = Trainer(config, network, films, synthetic, validation, output, device)
    best = trainer.run(part_of(progress, 0.05, 1.0)).to("cpu")
    folder = output / config.id
    numbers = {"training_films": len(trusted), "validation_films": len(validation)}
    write_bundle(folder, bundle_metadata(config, numbers), best, _records(config_path, output))
    return folder


def _phantoms(config: TrainingConfig, progress: Progress) -> list[TrainingFilm]:
    if not config.synthetic_films:
        return []
    from SpineLib.synthesis.training_films import phantom_cases

    return [load_film(case) for case in phantom_cases(config.synthetic_films, config.seed, progress)]


def bundle_metadata(config: TrainingConfig, numbers: dict[str, int]) -> dict[str, Any]:
    """The bundle's `metadata.json`; the configuration's own `metadata` comes on top."""
    network = {"spatial_dims": 2, "in_channels": 1, "out_channels": 1, **config.network}
    return {
        "id": config.id,
        "version": "1.0.0",
        "software": f"SpineLib {__version__}",
        "task": "ap",
        "modality": "radiograph",
        "view": "ap",
        "network": network,
        "input": asdict(config.input),
        "channels": {"0": "Spine: bodies and disc spaces of T1 to L5"},
        "threshold": 0.5,
        "two_pass": False,
        "training": {"dataset": config.dataset, "seed": config.seed, **numbers},
        **config.metadata,
    }


def _records(config_path: Path, output: Path) -> dict[str, Path]:
    return {"training/config.json": config_path, f"training/{CURVES}": output / CURVES}
