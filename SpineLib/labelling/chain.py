# SPDX-License-Identifier: Apache-2.0
"""Which of the things that look like vertebrae make up the spine: the weightiest row from the head downward.

A spine is one row: each vertebra lies below the one above it, neither too far away nor beside it, and where the way is
long or steep, it goes on as the row already goes. Hips, ribs or a heart full of contrast may pass for a vertebra each,
but they do not continue the row. A dynamic programme over pairs of neighbors; limits are ours.
"""

from collections.abc import Sequence

import numpy as np

NEAREST_MM, FAR_MM, FARTHEST_MM = 7.0, 85.0, 125.0
"""From center to center. One missed lumbar vertebra fits into a way that is not far yet, two into the farthest."""
STEEP_DEG, STEEPEST_DEG = 60.0, 80.0
"""Off the body's long axis. The neck of a patient whose chin is on the chest lies almost level."""
STEEP_TURN_DEG, FAR_TURN_DEG = 50.0, 35.0
"""A steep way or a far one turns no more than this from its neighbors. Two lumbar vertebrae that are missed hide some
25 degrees of lordosis; a hip lies 45 degrees and more off the way of the spine."""
FAR_COST = 1.0
"""What a gap of two usual distances costs, in weights of the surest vertebra: one that is seen is worth it, a speck
that only the fine network sees is not."""


def weightiest_row(
    centers_mm: np.ndarray, weights: Sequence[float], spine_between: np.ndarray | None = None
) -> list[int]:
    """Numbers of the vertebrae in the row, from the head downward.

    centers_mm: `(n, 3)`, RAS, sorted from the head (largest S) downward. weights: how much speaks for each, above 0.
    spine_between: `(n, n)`, 0 to 1, how surely a spine runs between two of them; a gap costs the less.
    """
    count = len(centers_mm)
    if not count:
        return []
    own = np.array(weights, float)
    ways = centers_mm[:, None] - centers_mm[None]
    distances = np.linalg.norm(ways, axis=2)
    upward = ways / np.maximum(distances, 1e-9)[..., None]
    straight = _straightness(distances, upward)
    costs = FAR_COST * own.max() * np.maximum(0.0, distances / 45.0 - 1.0)
    if spine_between is not None:
        costs *= 1 - spine_between
    # best[upper, lower]: weight of the best row that ends with these two; on the diagonal, of one that begins there.
    best, came = np.full((count, count), -np.inf), np.zeros((count, count), int)
    np.fill_diagonal(best, own)
    for upper, lower in np.argwhere(_is_way(distances, upward)):
        goes_on = upward[:, upper] @ upward[upper, lower] >= np.maximum(straight[:, upper], straight[upper, lower])
        goes_on[upper] = True
        before = np.where(goes_on, best[:, upper], -np.inf)
        came[upper, lower] = before.argmax()
        best[upper, lower] = before.max() + own[lower] - costs[upper, lower]
    return _traced(best, came)


def _is_way(distances: np.ndarray, upward: np.ndarray) -> np.ndarray:
    """Bool `(upper, lower)`: whether a spine may go from one to the other."""
    near_enough = (distances >= NEAREST_MM) & (distances <= FARTHEST_MM)
    return np.triu(near_enough & (upward[..., 2] >= np.cos(np.radians(STEEPEST_DEG))), 1)


def _straightness(distances: np.ndarray, upward: np.ndarray) -> np.ndarray:
    """`(upper, lower)`: least cosine of the turn before and after each way; -1 where any will do."""
    steep = np.where(upward[..., 2] < np.cos(np.radians(STEEP_DEG)), np.cos(np.radians(STEEP_TURN_DEG)), -1.0)
    return np.where(distances > FAR_MM, np.cos(np.radians(FAR_TURN_DEG)), steep)


def _traced(best: np.ndarray, came: np.ndarray) -> list[int]:
    """The best row, from its end back to where it begins."""
    upper, lower = (int(each) for each in np.unravel_index(best.argmax(), best.shape))
    row = [lower]
    while upper != lower:
        row.append(upper)
        upper, lower = int(came[upper, lower]), upper
    return row[::-1]
