# SPDX-License-Identifier: Apache-2.0
"""Looking at a film through a scaled, turned and shifted window."""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional


@dataclass(frozen=True)
class View:
    """scale: canvas pixels per film pixel (x, y); degrees: turn; shift: of the film's center, canvas pixels (x, y)."""

    scale: tuple[float, float]
    degrees: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    mirrored: bool = False


def look(
    film: torch.Tensor, film_shape: tuple[int, int], canvas: tuple[int, int], view: View
) -> tuple[torch.Tensor, torch.Tensor]:
    """What `canvas` (rows, columns) shows of the film, and where it shows film at all (1) rather than nothing (0).

    film: `(channels, h, w)` at any resolution; film_shape: (rows, columns) that the view's scale refers to. Beyond its
    edge the film's edge values go on.
    """
    rows, columns = canvas
    down, right = torch.meshgrid(
        torch.arange(rows) - (rows - 1) / 2 - view.shift[1],
        torch.arange(columns) - (columns - 1) / 2 - view.shift[0],
        indexing="ij",
    )
    cosine, sine = math.cos(math.radians(view.degrees)), math.sin(math.radians(view.degrees))
    x = (cosine * right + sine * down) / view.scale[0] * (-1 if view.mirrored else 1)
    y = (cosine * down - sine * right) / view.scale[1]
    grid = torch.stack([2 * x / film_shape[1], 2 * y / film_shape[0]], dim=-1)
    seen = functional.grid_sample(film[None], grid[None], mode="bilinear", padding_mode="border", align_corners=False)
    return seen[0], (grid.abs().amax(dim=-1) <= 1).float()
