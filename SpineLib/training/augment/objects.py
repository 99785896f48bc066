# SPDX-License-Identifier: Apache-2.0
"""What else lies on films: surroundings of a small view, metal, collimation borders, markers."""

import math

import numpy as np
import torch
from torch.nn import functional

from SpineLib.training.augment.exposure import smooth_field


def surroundings(canvas: tuple[int, int], rng: np.random.Generator) -> torch.Tensor:
    """A picture `(rows, columns)` in 0..1 without any spine: blank, cloudy, or limbs and a head in soft outlines."""
    kind = rng.random()
    if kind < 0.35:
        return torch.full(canvas, float(rng.choice([0.0, 0.0, rng.uniform(0, 1), 1.0])))
    cells = (int(rng.integers(2, 12)), int(rng.integers(2, 8)))
    clouds = float(rng.uniform(0, 0.4)) + float(rng.uniform(0.05, 0.5)) * smooth_field(canvas, cells, rng)
    if kind < 0.6:
        return clouds
    for _ in range(int(rng.integers(2, 7))):
        clouds = clouds + float(rng.uniform(0.05, 0.45)) * _soft_ellipse(canvas, rng)
    return clouds.clamp(0, 1)


def lay_around(picture: torch.Tensor, inside: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Put surroundings where the view shows no film; at times the film's edge runs out into them or fades."""
    if inside.min() > 0:
        return picture
    canvas = (picture.shape[0], picture.shape[1])
    around = surroundings(canvas, rng)
    if rng.random() < 0.35:
        share = float(rng.uniform(0.3, 1))
        around = share * picture + (1 - share) * around
    share_of_film = inside
    if rng.random() < 0.4:
        width = 2 * int(rng.integers(4, 24)) + 1
        nearby = inside[None, None]
        for kernel in ((width, 1), (1, width)):
            padding = (kernel[0] // 2, kernel[1] // 2)
            nearby = functional.avg_pool2d(nearby, kernel, 1, padding, count_include_pad=False)
        share_of_film = inside * (2 * nearby[0, 0] - 1).clamp(0, 1)
    return share_of_film * picture + (1 - share_of_film) * around


def add_metal(picture: torch.Tensor, spine: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Rods with screws along the spine, or a wire, a necklace, coins and clips anywhere; the mask goes on beneath."""
    if rng.random() > 0.22 or spine.max() < 0.5:
        return picture
    brightness = float(rng.uniform(0.85, 1.1))
    metal = _rods(spine, rng) if rng.random() < 0.5 else _jewelry(picture, rng)
    return torch.maximum(picture, metal * brightness)


def collimate(picture: torch.Tensor, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Cover edges of the picture; returns it and where it is still visible (1)."""
    visible = torch.ones_like(picture)
    if rng.random() > 0.2:
        return picture, visible
    rows, columns = picture.shape
    for axis, length in ((0, rows), (1, columns)):
        first, last = (int(length * rng.uniform(0, 0.14)) if rng.random() < 0.6 else 0 for _ in range(2))
        visible.narrow(axis, 0, first).zero_()
        visible.narrow(axis, length - last, last).zero_()
    shade = float(rng.choice([0.0, 0.0, 1.0, rng.uniform(0, 1)]))
    return torch.where(visible > 0, picture, torch.full_like(picture, shade)), visible


def add_markers(picture: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Side letters and text: small hard strokes near the edges."""
    if rng.random() > 0.2:
        return picture
    picture = picture.clone()
    rows, columns = picture.shape
    for _ in range(int(rng.integers(1, 6))):
        height, width = max(2, int(rows * rng.uniform(0.004, 0.03))), max(2, int(columns * rng.uniform(0.01, 0.12)))
        top, left = int(rng.integers(0, rows - height)), int(rng.integers(0, columns - width))
        picture[top : top + height, left : left + width] = float(rng.choice([0.0, 1.0]))
    return picture


def _grid(canvas: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    down, right = torch.meshgrid(torch.arange(canvas[0]).float(), torch.arange(canvas[1]).float(), indexing="ij")
    return down, right


def _soft_ellipse(canvas: tuple[int, int], rng: np.random.Generator) -> torch.Tensor:
    down, right = _grid(canvas)
    turn = rng.uniform(0, math.pi)
    y, x = down - canvas[0] * rng.uniform(-0.1, 1.1), right - canvas[1] * rng.uniform(-0.1, 1.1)
    along, across = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
    long, short = canvas[0] * rng.uniform(0.05, 0.4), canvas[1] * rng.uniform(0.03, 0.3)
    radius = ((along / long) ** 2 + (across / short) ** 2).sqrt()
    edge = torch.sigmoid((1 - radius) * float(rng.uniform(5, 40)))
    return edge * (1 - float(rng.uniform(0, 0.8)) * torch.sigmoid((0.85 - radius) * 40))


def _rods(spine: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Two bright bands that follow the column's middle, with dots and cross bars for screws."""
    column = spine > 0.5
    counts = column.sum(dim=1)
    rows = torch.nonzero(counts > 2)[:, 0]
    first, last = sorted(int(rows[int(len(rows) * share)]) for share in rng.uniform(0, 0.99, 2))
    down, right = _grid((spine.shape[0], spine.shape[1]))
    middle = (column * right).sum(dim=1) / counts.clamp_min(1)
    width = float(counts[rows].float().median())
    thick = width * float(rng.uniform(0.06, 0.12))
    between = (down >= first) & (down <= last) & (counts > 2)[:, None]
    metal = torch.zeros_like(spine)
    pitch = max(6, int(width * rng.uniform(0.5, 0.8)))
    for side in (-1, 1) if rng.random() < 0.8 else (1,):
        away = (right - middle[:, None] - side * width * float(rng.uniform(0.2, 0.42))).abs()
        metal = torch.maximum(metal, ((away < thick) & between).float())
        screws = (away < 3 * thick) & (down % pitch < 2 * thick) & between
        metal = torch.maximum(metal, screws.float() * float(rng.uniform(0.6, 1)))
    return metal


def _jewelry(picture: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    rows, columns = picture.shape
    down, right = _grid((rows, columns))
    metal = torch.zeros_like(picture)
    for _ in range(int(rng.integers(1, 5))):
        y, x = down - rows * rng.uniform(0, 1), right - columns * rng.uniform(0, 1)
        radius = columns * rng.uniform(0.01, 0.2)
        distance = (x**2 + (y * rng.uniform(0.5, 2)) ** 2).sqrt()
        ring = (distance - radius).abs() < max(1.0, columns * rng.uniform(0.002, 0.008))
        coin = distance < radius * 0.3
        metal = torch.maximum(metal, (ring if rng.random() < 0.7 else coin).float())
    return metal
