# SPDX-License-Identifier: Apache-2.0
"""Labeled data sets that training and evaluation read: one file and one table line each."""

from collections.abc import Callable
from pathlib import Path

from SpineLib.core.errors import InputError
from SpineLib.datasets import ap_radiographs, film_folder
from SpineLib.datasets.film_case import FilmCase

DATASETS: dict[str, Callable[[Path], list[FilmCase]]] = {
    "ap_radiographs": ap_radiographs.load,
    "film_folder": film_folder.load,
}


def load_dataset(name: str, folder: Path) -> list[FilmCase]:
    """The cases of data set `name` under `folder`. Raises InputError when the name or the folder is unknown."""
    if name not in DATASETS:
        raise InputError(f'There is no data set called "{name}".', f"Known data sets: {', '.join(sorted(DATASETS))}.")
    if not folder.is_dir():
        raise InputError(f'The data folder "{folder}" does not exist.', "Give the folder of the data set with --data.")
    return DATASETS[name](folder)
