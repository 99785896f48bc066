# SPDX-License-Identifier: Apache-2.0
"""Films with their answers, written to a folder that training can read."""

import json
from pathlib import Path

import numpy as np

from SpineLib.core.errors import InputError
from SpineLib.core.progress import Progress, silent
from SpineLib.io import safe_output, write_film
from SpineLib.synthesis.film import SyntheticFilm, ViewOptions, make_film

SUFFIXES = {"png": ".png", "dicom": ".dcm"}
MOST_FILMS = 100_000


def write_films(
    count: int,
    seed: int,
    folder: str | Path,
    format: str = "png",
    progress: Progress = silent,
    options: ViewOptions | None = None,
) -> list[Path]:
    """Write `film_0001.png` (or `.dcm`), `film_0001_mask.png` ... and `landmarks.json`; return the films' paths.

    `format` is `png` or `dicom`; DICOM keeps the pixel spacing. Film i of seed s is the same in every run. Raises
    InputError for an unusable count or format, ResourceError when the folder cannot be written.
    """
    if format not in SUFFIXES:
        raise InputError(f'Films cannot be written as "{format}".', f"Use one of: {', '.join(SUFFIXES)}.")
    if not 1 <= count <= MOST_FILMS:
        raise InputError(f"{count} films cannot be made.", f"Ask for 1 to {MOST_FILMS}.")
    folder, options = Path(folder), options or ViewOptions()
    options.validate()
    paths, landmarks = [], {}
    for number in range(1, count + 1):
        progress((number - 1) / count, f"Film {number} of {count}")
        film = make_film(case_seed(seed, number), options)
        path = folder / f"film_{number:04d}{SUFFIXES[format]}"
        write_film(path, film.pixels, (film.spacing_mm, film.spacing_mm))
        write_film(folder / f"film_{number:04d}_mask.png", film.mask.astype(np.uint8) * 255)
        landmarks[path.name] = _record(film)
        paths.append(path)
    with safe_output(folder / "landmarks.json") as temporary:
        temporary.write_text(json.dumps({"seed": seed, "films": landmarks}, indent=1), encoding="utf-8")
    progress(1.0, f"{count} films in {folder}")
    return paths


def case_seed(seed: int, number: int) -> int:
    """The seed of one film or CT of a set, far from its neighbors'."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0])


def _record(film: SyntheticFilm) -> dict[str, object]:
    corners = {level: np.round(points, 2).tolist() for level, points in film.corners.items()}
    return {"spacing_mm": film.spacing_mm, "corners": corners}
