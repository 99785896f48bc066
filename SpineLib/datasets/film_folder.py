# SPDX-License-Identifier: Apache-2.0
"""Films with masks in a plain folder, the form for a user's own data.

Each film `NAME.ext` stands beside `NAME_mask.png` (non-zero is spine, same size). An optional `groups.csv` with the
columns `image,patient_group` says which films belong to one patient; without it every film counts as a patient.
"""

import csv
from functools import partial
from pathlib import Path

import numpy as np

from SpineLib.core.errors import InputError
from SpineLib.core.film import film_of
from SpineLib.datasets.film_case import FilmCase

MASK_SUFFIX = "_mask"
FILM_SUFFIXES = {".png", ".jpg", ".jpeg", ".dcm", ".nrrd", ".mha", ".nii"}


def load(folder: Path) -> list[FilmCase]:
    """All films that have a mask, sorted by name. Raises InputError when there is none."""
    groups = _groups(folder / "groups.csv")
    cases = []
    for path in sorted(folder.iterdir()):
        mask = path.with_name(f"{path.stem}{MASK_SUFFIX}.png")
        if path.suffix.lower() in FILM_SUFFIXES and mask.is_file():
            group = groups.get(path.name, path.stem)
            cases.append(FilmCase(path.stem, group, partial(_read, path), partial(_read_mask, mask)))
    if not cases:
        raise InputError(f'The folder "{folder}" has no film with a mask.', "Put NAME_mask.png beside each NAME.png.")
    return cases


def _groups(table: Path) -> dict[str, str]:
    if not table.is_file():
        return {}
    with table.open(newline="", encoding="utf-8") as lines:
        return {row["image"]: row["patient_group"] for row in csv.DictReader(lines)}


def _read(path: Path) -> np.ndarray:
    from SpineLib import io

    return film_of(io.read(path)).pixels


def _read_mask(path: Path) -> np.ndarray:
    return _read(path) > 0
