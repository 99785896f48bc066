# SPDX-License-Identifier: Apache-2.0
"""Which of the things that look like vertebrae make up the spine: the weightiest row from the head downward.

A spine is one row: each vertebra lies below the one above it, neither too far away nor beside it. Hips, ribs or a heart
full of contrast may pass for a vertebra each, but they do not continue the row. A dynamic programme; limits are ours.
"""

from collections.abc import Sequence

import numpy as np

NEAREST_MM, FARTHEST_MM = 7.0, 85.0
"""From center to center. Two missed lumbar vertebrae fit between the farthest."""
STEEPEST = 0.5
"""Least part of the way that leads downward: less than 60 degrees off the body's long axis."""
FAR_COST = 1.0
"""What a gap of two usual distances costs, in weights of the surest vertebra: one that is seen is worth it, a speck
that only the fine network sees is not."""


def weightiest_row(centers_mm: np.ndarray, weights: Sequence[float]) -> list[int]:
    """Numbers of the vertebrae in the row, from the head downward.

    centers_mm: `(n, 3)`, RAS, sorted from the head (largest S) downward. weights: how much speaks for each, above 0.
    """
    count = len(centers_mm)
    if not count:
        return []
    surest = float(np.max(weights))
    best, came = np.array(weights, float), np.full(count, -1)
    for lower in range(count):
        for upper in range(lower):
            cost = _cost(centers_mm[upper] - centers_mm[lower], surest)
            if cost is not None and best[upper] + weights[lower] - cost > best[lower]:
                best[lower], came[lower] = best[upper] + weights[lower] - cost, upper
    row = [int(best.argmax())]
    while came[row[-1]] >= 0:
        row.append(int(came[row[-1]]))
    return row[::-1]


def _cost(way_mm: np.ndarray, surest_weight: float) -> float | None:
    """Of going from one center to the next below; None where a spine cannot go that way."""
    distance = float(np.linalg.norm(way_mm))
    if not NEAREST_MM <= distance <= FARTHEST_MM or way_mm[2] < STEEPEST * distance:
        return None
    return FAR_COST * surest_weight * max(0.0, distance / 45.0 - 1.0)
