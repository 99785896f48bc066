# SPDX-License-Identifier: Apache-2.0
"""Phantoms as labeled films, for training beside real ones."""

from SpineLib.core.progress import Progress, silent
from SpineLib.datasets.film_case import FilmCase
from SpineLib.synthesis.film import ViewOptions, make_film
from SpineLib.synthesis.run import case_seed

TRAINING_ROWS = 1024
FULL_SHARE = 2
"""One film in so many is full-length, with skull, arms and hips."""


def phantom_cases(count: int, seed: int, progress: Progress = silent, rows: int = TRAINING_ROWS) -> list[FilmCase]:
    """`count` films of `rows` rows, made now and kept in memory (uint16 pixels and a mask, some 1 MB each)."""
    cases = []
    for number in range(1, count + 1):
        progress((number - 1) / count, f"Synthetic film {number} of {count}")
        field = "full" if number % FULL_SHARE == 0 else "trunk"
        film = make_film(case_seed(seed, number), ViewOptions(rows=rows, field=field))
        name = f"phantom_{number:04d}"
        cases.append(FilmCase(name, name, lambda film=film: film.pixels, lambda film=film: film.mask))
    return cases
