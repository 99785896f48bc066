# SPDX-License-Identifier: Apache-2.0
"""`spine train`: from a configuration and a data folder to a bundle that can be used at once."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from SpineLib.core.errors import InputError
from SpineLib.core.progress import Progress, part_of, silent
from SpineLib.datasets import load_dataset
from SpineLib.datasets.film_case import FilmCase
from SpineLib.evaluation.film_study import score_films, segment_pixels, summary, write_scores
from SpineLib.models.bundle import write_bundle
from SpineLib.networks.factory import build_network
from SpineLib.tasks.options import SegmentOptions
from SpineLib.training.augment.training_film import KEPT_LONG_SIDE, TrainingFilm, load_film, training_film
from SpineLib.training.bundle_texts import bundle_metadata, model_card
from SpineLib.training.config import TrainingConfig, read_config
from SpineLib.training.curve_picture import draw_curves
from SpineLib.training.loop import CURVES, Trainer
from SpineLib.training.splits import SPLIT, split_by_patient, write_split

SCORES = "validation.csv"
PHANTOMS = "phantoms.npz"
PICTURE = "curves.png"


def train(
    config_path: Path, data: Path | None, output: Path, progress: Progress = silent, dataset: str | None = None
) -> Path:
    """Train by the configuration, validate, and write the bundle to `output/<id>`; returns its folder.

    dataset: which set `data` is; the configuration's own where None. A run that was stopped goes on from its last
    finished epoch when called again with the same `output`. Raises InputError for an unusable configuration or data
    folder.
    """
    config = read_config(config_path)
    config = replace(config, dataset=dataset or config.dataset)
    if data is None:
        raise InputError(f'The data set "{config.dataset}" is needed.', "Give its folder with --data.")
    cases = load_dataset(config.dataset, data)
    output.mkdir(parents=True, exist_ok=True)
    training, validation = split_by_patient(cases, config.validation_share, config.seed)
    trusted = [case for case in training if not case.suspect]
    write_split("film", trusted, validation, output / SPLIT)
    progress(0.0, f"{len(trusted)} films to learn from, {len(validation)} to validate on")
    best = _learn(config, trusted, validation, output, progress)
    draw_curves(output / CURVES, output / PICTURE)
    numbers = {"training_films": len(trusted), "validation_films": len(validation)}
    folder = output / config.id
    _write(folder, config, numbers, {}, best, config_path, output)
    metrics = _validate(folder, validation, output, part_of(progress, 0.9, 1.0))
    _write(folder, config, numbers, metrics, best, config_path, output)
    return folder


def _learn(
    config: TrainingConfig, training: list[FilmCase], validation: list[FilmCase], output: Path, progress: Progress
) -> torch.nn.Module:
    films = [load_film(case) for case in training]
    synthetic = _phantoms(config, output, part_of(progress, 0.0, 0.05))
    torch.manual_seed(config.seed)
    network = build_network(config.network["name"], 2, 1, 1, **config.network.get("options", {}))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    trainer = Trainer(config, network, films, synthetic, validation, output, device)
    return trainer.run(part_of(progress, 0.05, 0.9)).to("cpu")


def _phantoms(config: TrainingConfig, output: Path, progress: Progress) -> list[TrainingFilm]:
    """The synthetic films, kept in the output folder so that a stopped run does not make them again."""
    if not config.synthetic_films:
        return []
    from SpineLib.synthesis.training_films import phantom_cases

    kept = output / PHANTOMS
    if kept.is_file():
        stored = np.load(kept)
        arrays = [stored[f"{number}"] for number in range(2 * config.synthetic_films)]
    else:
        cases = phantom_cases(config.synthetic_films, config.seed, progress, rows=KEPT_LONG_SIDE)
        arrays = [array for case in cases for array in (case.pixels(), case.mask())]
        np.savez_compressed(kept, **{f"{number}": array for number, array in enumerate(arrays)})
    return [training_film(pixels, mask) for pixels, mask in zip(arrays[::2], arrays[1::2], strict=True)]


def _validate(folder: Path, validation: list[FilmCase], output: Path, progress: Progress) -> dict:
    """Scores of the whole job at the films' own resolution, on patients the network has not seen."""
    options = SegmentOptions(model=str(folder.absolute()))
    scores = score_films(validation, lambda pixels: segment_pixels(pixels, options), progress=progress)
    write_scores(scores, output / SCORES)
    return summary(scores)


def _write(
    folder: Path,
    config: TrainingConfig,
    numbers: dict[str, int],
    metrics: dict,
    network: torch.nn.Module,
    config_path: Path,
    output: Path,
) -> None:
    metadata = bundle_metadata(config, numbers, metrics)
    license_text = (config_path.parent / config.license_file) if config.license_file else "Apache-2.0\n"
    made = [output / name for name in (CURVES, PICTURE, SPLIT, SCORES)]
    files = {
        "LICENSE": license_text,
        "docs/README.md": model_card(metadata),
        "training/config.json": config_path,
        "training/command.txt": f"spine train config.json --data {config.dataset} -o OUTPUT\n",
        "training/environment.json": json.dumps({"torch": torch.__version__}, indent=2) + "\n",
        **{f"training/{path.name}": path for path in made if path.is_file()},
    }
    write_bundle(folder, metadata, network, files)
