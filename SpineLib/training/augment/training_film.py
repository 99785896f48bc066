# SPDX-License-Identifier: Apache-2.0
"""A film held in memory at falling resolutions, so that small views of it do not alias."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from SpineLib.datasets.film_case import FilmCase
from SpineLib.inference.film_input import normalize

KEPT_LONG_SIDE = 768
LEVELS = 3


@dataclass(frozen=True)
class TrainingFilm:
    """`levels[n]`: (picture, mask) at 1/2^n of the kept size, uint8 `(rows, columns)`; the mask in 0..255."""

    levels: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    weight: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the finest level; scales of views refer to it."""
        rows, columns = self.levels[0][0].shape
        return rows, columns

    def at_scale(self, canvas_pixels_per_film_pixel: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Picture and mask, float32 in 0..1, at the coarsest level that is still finer than the view."""
        level = 0
        while level + 1 < len(self.levels) and canvas_pixels_per_film_pixel * 2 ** (level + 1) <= 1:
            level += 1
        picture, mask = self.levels[level]
        return picture.float() / 255, mask.float() / 255


def load_film(case: FilmCase) -> TrainingFilm:
    """Read a case once and keep it as bytes."""
    return training_film(case.pixels(), case.mask())


def training_film(pixels: np.ndarray, inside: np.ndarray) -> TrainingFilm:
    """A film and its mask, `(rows, columns)` each, at falling resolutions."""
    picture = normalize(torch.from_numpy(pixels.astype("float32")))
    mask = torch.from_numpy(inside).float()
    factor = min(1.0, KEPT_LONG_SIDE / max(picture.shape))
    levels = []
    for level in range(LEVELS):
        size = [max(8, round(length * factor / 2**level)) for length in picture.shape]
        small = (functional.interpolate(x[None, None], size, mode="bilinear", antialias=True) for x in (picture, mask))
        first, second = ((x[0, 0] * 255).round().clamp(0, 255).byte() for x in small)
        levels.append((first, second))
    return TrainingFilm(tuple(levels))
