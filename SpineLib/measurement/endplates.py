# SPDX-License-Identifier: Apache-2.0
"""The planes of the endplates, fitted to the middle of a surface so that neither rims nor dents tip them."""

from dataclasses import dataclass

import numpy as np

from SpineLib.measurement.columns import Columns

MIDDLE = 0.75
"""Share of the half width and half depth within which an endplate is fitted: osteophytes sit on the rim."""
LEAST_SAMPLES = 12
ROUNDS = 8
LEAST_SPREAD_MM = 0.3


@dataclass(frozen=True)
class Endplate:
    """A plane in RAS mm: `point` (3,) in its middle, `normal` (3,) of length 1, toward the head for either endplate."""

    point: np.ndarray
    normal: np.ndarray


def middle_part(where: np.ndarray, right: np.ndarray, front: np.ndarray) -> np.ndarray:
    """The columns of a footprint (n, m) that lie in the ellipse of `MIDDLE` around its middle."""
    rows, places = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    if not rows.size:
        return where
    across, along = right[rows[[0, -1]]], front[places[[0, -1]]]
    x = (right - across.mean()) / max(np.ptp(across) / 2, 1e-6)
    y = (front - along.mean()) / max(np.ptp(along) / 2, 1e-6)
    return where & (x[:, None] ** 2 + y[None, :] ** 2 <= MIDDLE**2)


def fit_endplate(columns: Columns, surface: np.ndarray, where: np.ndarray) -> Endplate | None:
    """The plane through `surface` (n, m; offsets along up) at the columns `where`; None where they are too few."""
    where = where & np.isfinite(surface)
    if where.sum() < LEAST_SAMPLES:
        return None
    rows, places = np.nonzero(where)
    x, y, z = columns.right[rows], columns.front[places], surface[where]
    slope_x, slope_y, height = _robust_plane(x - x.mean(), y - y.mean(), z)
    normal = columns.axes @ np.array([-slope_x, -slope_y, 1.0])
    return Endplate(columns.ras(x.mean(), y.mean(), height), normal / np.linalg.norm(normal))


def _robust_plane(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Coefficients (3,) of x, y and 1, by least squares reweighted with Cauchy's weights."""
    terms = np.stack([x, y, np.ones_like(x)], axis=1)
    weights = np.ones_like(z)
    found = np.zeros(3)
    for _ in range(ROUNDS):
        found = np.linalg.lstsq(terms * weights[:, None], z * weights, rcond=None)[0]
        rest = z - terms @ found
        spread = max(1.4826 * float(np.median(np.abs(rest))), LEAST_SPREAD_MM)
        weights = 1 / np.sqrt(1 + (rest / (2 * spread)) ** 2)
    return found
