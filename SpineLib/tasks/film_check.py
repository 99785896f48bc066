# SPDX-License-Identifier: Apache-2.0
"""Whether an image can be a film at all. Needs no network, so that a bad image is told at once."""

import numpy as np

from SpineLib.core.errors import InputError
from SpineLib.core.film import Film, film_of
from SpineLib.core.volume import Volume

MIN_SIDE_PX = 32
MAX_SIDE_PX = 16_000
"""A full-length film of 120 cm at 0.1 mm has 12,000 pixels; beyond 16,000 a file is broken or no film. Our choice."""


def usable_film(volume: Volume) -> Film:
    """The film of a volume. Raises InputError when it has no picture in which anything could be found."""
    film = film_of(volume)
    rows, columns = film.pixels.shape
    if min(rows, columns) < MIN_SIDE_PX:
        raise InputError(
            f"The film is {columns} x {rows} pixels, too small to show a spine.",
            f"Use an image of at least {MIN_SIDE_PX} pixels on each side.",
        )
    if max(rows, columns) > MAX_SIDE_PX:
        raise InputError(
            f"The film is {columns} x {rows} pixels, larger than any radiograph.",
            f"Scale it down to at most {MAX_SIDE_PX} pixels on each side.",
        )
    low, high = float(film.pixels.min()), float(film.pixels.max())
    if not np.isfinite((low, high)).all():
        raise InputError("The film has pixels that are not numbers (NaN or infinite).", "Export the image again.")
    if low == high:
        raise InputError(f"All pixels of the film have the same value ({low:g}).", "Export the image again.")
    return film
