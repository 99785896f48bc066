# SPDX-License-Identifier: Apache-2.0
"""Curves of real spines: tilts of vertebrae from points on them, in the place of those that a formula gives.

The file is a `.npz` with `points_mm` (spines, levels, 3, 3): x, y, z in mm of the middle of the body, of the left and
of the right pedicle, NaN where absent, and `levels` (levels,), names from the uppermost downward. The axes run along
the patient's, x sideways, y through, z along the body; which way each points is told by the points themselves. Without
pedicles the back is told by the hollow of the loins, left and right are left open, and the turn about the spine's own
axis is drawn to fit the curve.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import ndimage

from SpineLib.io.npz import reading

CURVED_SHARE = 0.6
"""Share of persons with a real curve where a file of curves is given."""
LEAST_LEVELS = 5
STEPS_MM = (9.0, 55.0)
"""Least and largest distance of neighboring bodies."""
STEP_RATIO = 1.7
MOST_TILT_DEG, MOST_BEND_DEG, MOST_TURN_DEG = 65.0, 18.0, 40.0
"""What is believed of a vertebra's tilt, of the tilt between two neighbors, and of the turn about its own axis."""
FADE_LEVELS = 3.0
"""Over how many levels beyond the known ones a real curve gives way to the drawn one."""
SMOOTH_LEVELS = 0.7
"""Points set by hand or by a program shake; so much are angles smoothed along the spine."""


@dataclass(frozen=True)
class Tilts:
    """Coronal, sagittal and axial tilt in degrees as in `curve`, (n, 3), of `levels` from the lowest upward."""

    levels: tuple[str, ...]
    degrees: np.ndarray

    def blend(self, levels: Sequence[str], axis: int, drawn_deg: np.ndarray) -> np.ndarray:
        """Drawn tilts (m,) of one axis with the known ones in their place; the difference fades beyond these."""
        at = {level: index for index, level in enumerate(levels)}
        pairs = zip(self.levels, self.degrees[:, axis], strict=True)
        rows = [(at[level], tilt) for level, tilt in pairs if level in at and np.isfinite(tilt)]
        if not rows:
            return drawn_deg
        known, steps = np.array([index for index, _ in rows]), np.arange(len(levels))
        off = np.array([tilt for _, tilt in rows]) - drawn_deg[known]
        beyond = np.maximum(np.maximum(known.min() - steps, steps - known.max()), 0)
        return drawn_deg + np.interp(steps, known, off) * np.exp(-beyond / FADE_LEVELS)


def draw_tilts(curves: tuple[Tilts, ...], rng: np.random.Generator) -> Tilts | None:
    """The tilts of one spine of the file, mirrored in half of the persons; None for a person with a drawn curve."""
    if rng.random() > CURVED_SHARE:
        return None
    tilts = curves[int(rng.integers(len(curves)))]
    side = np.array([-1.0, 1.0, -1.0]) if rng.random() < 0.5 else np.ones(3)
    return Tilts(tilts.levels, tilts.degrees * side)


def load_curves(path: str | Path) -> tuple[Tilts, ...]:
    """All plausible spines of a file, kept for the next call. Raises InputError for a file that cannot be used."""
    path = Path(path)
    with reading(path, "file of curves", "Give a .npz file with points_mm and levels."):
        return _load(path.absolute(), path.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _load(path: Path, _changed: int) -> tuple[Tilts, ...]:
    with np.load(path, allow_pickle=False) as file:
        points, levels = np.asarray(file["points_mm"], float), [str(level) for level in file["levels"]]
    if points.ndim != 4 or points.shape[1:] != (len(levels), 3, 3):
        raise ValueError("another form")
    signs = _signs(points, levels)
    found = tuple(tilts for spine in points if (tilts := tilts_of(spine * signs, levels)) is not None)
    if not found:
        raise ValueError("no plausible spine")
    return found


def _signs(points: np.ndarray, levels: list[str]) -> np.ndarray:
    """(3,) of 1 or -1, which bring points (spines, levels, 3, 3) to x left, y back, z up. Raises ValueError."""
    body, left, right = np.moveaxis(points, 2, 0)
    signs = np.ones(3)
    signs[2] = np.sign(_mean(body[:, :-1, 2] - body[:, 1:, 2]))
    if np.isfinite(left).any() and np.isfinite(right).any():
        signs[0] = np.sign(_mean((left - right)[..., 0]))
        signs[1] = np.sign(_mean(((left + right) / 2 - body)[..., 1]))
    else:
        top, middle, bottom = (body[:, levels.index(level), 1] for level in ("L1", "L3", "L5"))
        signs[1] = np.sign(_mean((top + bottom) / 2 - middle))
    if not (np.abs(signs) == 1).all():
        raise ValueError("no axes")
    return signs


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    if not len(known):
        raise ValueError("too few points")
    return float(known.mean())


def tilts_of(points: np.ndarray, levels: Sequence[str]) -> Tilts | None:
    """Tilts of one spine from points (levels, 3, 3), x left, y back, z up, names from the uppermost downward.

    None for a spine that is implausible, or has gaps or fewer than `LEAST_LEVELS` levels.
    """
    rows = [row for row in reversed(range(len(levels))) if np.isfinite(points[row, 0]).all()]
    if len(rows) < LEAST_LEVELS:
        return None
    body, left, right = np.moveaxis(points[rows], 1, 0)
    steps = np.linalg.norm(np.diff(body, axis=0), axis=1)
    if steps.min() < STEPS_MM[0] or steps.max() > STEPS_MM[1]:
        return None
    if (np.maximum(steps[1:] / steps[:-1], steps[:-1] / steps[1:]) > STEP_RATIO).any():
        return None
    degrees = _tilts(body, left - right)
    bends = np.abs(np.diff(degrees[:, :2], axis=0))
    if np.abs(degrees[:, :2]).max() > MOST_TILT_DEG or bends.max() > MOST_BEND_DEG:
        return None
    if (np.abs(degrees[:, 2]) > MOST_TURN_DEG).any():
        return None
    return Tilts(tuple(levels[row] for row in rows), degrees)


def _tilts(body: np.ndarray, across: np.ndarray) -> np.ndarray:
    """(n, 3) degrees from the middles of bodies and the way from the right pedicle to the left one, NaN if unknown."""
    up = np.gradient(body, axis=0, edge_order=2)
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    coronal = np.arctan2(up[:, 0], up[:, 2])
    sagittal = np.arcsin(-up[:, 1])
    cos, sin = np.cos(coronal), np.sin(coronal)
    # What is left of the way across once both tilts are undone lies in the level plane.
    x, z = cos * across[:, 0] - sin * across[:, 2], sin * across[:, 0] + cos * across[:, 2]
    y = np.cos(sagittal) * across[:, 1] + np.sin(sagittal) * z
    angles = np.rad2deg(np.stack([coronal, sagittal, np.arctan2(y, x)], axis=1))
    smooth = ndimage.gaussian_filter1d(angles, SMOOTH_LEVELS, axis=0, mode="nearest")
    # One unknown turn would make its neighbors unknown, too.
    return np.where(np.isfinite(smooth), smooth, angles)
