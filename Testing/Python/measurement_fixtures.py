# SPDX-License-Identifier: Apache-2.0
"""Vertebrae of known size and pose on grids of any spacing and turn, and what was measured on them."""

import numpy as np

from SpineLib.core.mask import Mask
from SpineLib.core.result import Measurement, Vertebra

HALF_WIDTH, HALF_DEPTH = 22.0, 16.0


def turned(x_deg: float = 0.0, y_deg: float = 0.0, z_deg: float = 0.0) -> np.ndarray:
    """Turn forward (x_deg > 0), to the right (y_deg > 0) and about the upright axis; columns right, front, up."""
    x, y, z = np.deg2rad([-x_deg, y_deg, z_deg])
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def grid(
    spacing_mm: tuple[float, float, float], turn: np.ndarray, size_mm: tuple[float, float, float]
) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Affine (4, 4) and shape of an image around the origin."""
    shape = tuple(int(length / step) for length, step in zip(size_mm, spacing_mm, strict=True))
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(spacing_mm)
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2
    return affine, (shape[0], shape[1], shape[2])


def vertebra(
    level: str,
    affine: np.ndarray,
    shape: tuple[int, int, int],
    center: tuple[float, float, float],
    turn: np.ndarray,
    heights: tuple[float, float] = (25.0, 25.0),
    with_arch: bool = True,
) -> Vertebra:
    """An elliptic cylinder whose height goes evenly from its front to its rear edge, and a bar behind it."""
    points = np.stack(np.indices(shape), axis=-1) @ affine[:3, :3].T + affine[:3, 3] - np.array(center)
    right, front, up = np.moveaxis(points @ turn, -1, 0)
    share = (front / HALF_DEPTH + 1) / 2
    half = (heights[1] + (heights[0] - heights[1]) * share) / 2
    body = ((right / HALF_WIDTH) ** 2 + (front / HALF_DEPTH) ** 2 <= 1) & (np.abs(up) <= half)
    arch = (np.abs(right) <= 14) & (front < -HALF_DEPTH) & (front > -HALF_DEPTH - 22) & (np.abs(up) <= 5)
    whole = body | arch if with_arch else body
    return Vertebra(level, 1.0, Mask.from_array(whole), body=Mask.from_array(body))


def stack(leans: list[tuple[float, float]], levels: list[str]) -> tuple[list[Vertebra], np.ndarray]:
    """Vertebrae from the top on an oblique grid, leaning forward and to the right by these degrees."""
    affine, shape = grid((1.5, 1.5, 1.5), turned(5, 5, 5), (85, 95, 36 * len(levels) + 30))
    tops = [18.0 * (len(levels) - 1) - 36 * number for number in range(len(levels))]
    poses = zip(levels, tops, leans, strict=True)
    return [vertebra(level, affine, shape, (0, 8, top), turned(*lean)) for level, top, lean in poses], affine


def values(measured: list[Measurement], name: str) -> dict[tuple[str, ...], float]:
    return {each.levels: each.value for each in measured if each.name == name}
