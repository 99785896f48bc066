# SPDX-License-Identifier: Apache-2.0
"""AP/PA scoliosis films of SpineWeb data set 16 (AASCE 2019) with four corners for each of T1..L5.

Layout: `images/NAME.jpg` and `landmarks.csv` with x0,y0 .. x67,y67 in pixels of the stored image, per vertebra
top-left, top-right, bottom-left, bottom-right. Cite Wu et al., BoostNet, MICCAI 2017.
"""

import csv
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from SpineLib.core.errors import InputError
from SpineLib.core.film import film_of
from SpineLib.datasets.film_case import FilmCase

VERTEBRAE = 17


def load(folder: Path) -> list[FilmCase]:
    """All films of the set, in the order of its table."""
    table = folder / "landmarks.csv"
    if not table.is_file():
        raise InputError(f'The data folder "{folder}" has no landmarks.csv.', "Give the folder ap_radiographs itself.")
    with table.open(newline="", encoding="utf-8") as lines:
        return [_case(folder, row) for row in csv.DictReader(lines)]


def _case(folder: Path, row: dict[str, str]) -> FilmCase:
    numbers = [float(row[f"{letter}{index}"]) for index in range(4 * VERTEBRAE) for letter in "xy"]
    corners = np.array(numbers).reshape(VERTEBRAE, 4, 2)
    shape = (int(row["height"]), int(row["width"]))
    return FilmCase(
        name=Path(row["image"]).stem,
        patient_group=row["patient_group"],
        pixels=partial(_read, folder / "images" / row["image"]),
        mask=partial(column_mask, corners, shape),
        suspect=row["suspect"],
    )


def _read(path: Path) -> np.ndarray:
    from SpineLib import io

    return film_of(io.read(path)).pixels


def column_mask(corners: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The spinal column as bodies and the disc spaces between them.

    corners: `(vertebrae, 4, 2)` as (x, y): top-left, top-right, bottom-left, bottom-right. Returns bool of `shape`
    (rows, columns).
    """
    from skimage.draw import polygon

    mask = np.zeros(shape, dtype=bool)
    bodies = [body[[0, 1, 3, 2]] for body in corners]
    discs = [np.stack([upper[2], upper[3], lower[1], lower[0]]) for upper, lower in pairwise(corners)]
    for outline in (*bodies, *discs):
        mask[polygon(outline[:, 1], outline[:, 0], shape)] = True
    return mask
