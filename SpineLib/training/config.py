# SPDX-License-Identifier: Apache-2.0
"""A training run as data: read from a JSON file, checked before anything is computed."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from SpineLib.core.errors import InputError
from SpineLib.inference.film_input import FilmInput


@dataclass(frozen=True)
class Stage:
    """One part of the schedule.

    canvas: (rows, columns) of the training pictures. epochs: passes over the films. synthetic_share: share of pictures
    that come from the phantom. doubt: `{"below_dice", "weight"}`: training films on which the averaged network's Dice
    at the start of the stage is below the limit get that weight, because there the label is more often wrong than the
    network. augmentation: in place of the run's own.
    """

    canvas: tuple[int, int]
    epochs: int
    batch_size: int
    learning_rate: float
    synthetic_share: float = 0.0
    doubt: dict[str, float] = field(default_factory=dict)
    augmentation: str = ""


@dataclass(frozen=True)
class TrainingConfig:
    """What `spine train` needs to know. See `training/configs` for the shipped runs.

    average_decay: of the running average of weights, 0 for none. synthetic_films: how many phantoms to make for stages
    with a `synthetic_share`. license_file: text beside the configuration that becomes the weights' license.
    metadata: fields of the bundle's metadata.json.
    """

    id: str
    dataset: str
    network: dict[str, Any]
    input: FilmInput
    augmentation: str
    loss: str
    stages: tuple[Stage, ...]
    seed: int = 2023
    validation_share: float = 0.2
    optimizer: str = "adamw"
    schedule: str = "cosine"
    average_decay: float = 0.99
    synthetic_films: int = 0
    license_file: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


def read_config(path: Path) -> TrainingConfig:
    """Raises InputError when the file is missing or says something that training does not know."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        stages = tuple(Stage(**{**stage, "canvas": tuple(stage["canvas"])}) for stage in raw.pop("stages"))
        film_input = raw.pop("input")
        if "size" in film_input:
            film_input["size"] = tuple(film_input["size"])
        return TrainingConfig(stages=stages, input=FilmInput(**film_input), **raw)
    except OSError as error:
        raise InputError(f'The training configuration "{path}" cannot be read.', "Check its path.") from error
    except (ValueError, KeyError, TypeError) as error:
        sentence = f'The training configuration "{path}" is not usable: {error}.'
        raise InputError(sentence, "Compare it with those in training/configs.") from error
