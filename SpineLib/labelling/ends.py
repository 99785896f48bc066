# SPDX-License-Identifier: Apache-2.0
"""Where a row of vertebrae would go on."""

import numpy as np

UP = np.array([0.0, 0.0, 1.0])


def ways_on(centers: np.ndarray, length: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Start and end of the ways on from the upper and from the lower end, straight on from the last two vertebrae.

    centers: `(n, 3)` from the head downward, as indices of a grid whose last axis leads upward. length: in voxels.
    """
    if not len(centers):
        return []
    upward = _direction(centers[0] - centers[1]) if len(centers) > 1 else UP
    downward = _direction(centers[-1] - centers[-2]) if len(centers) > 1 else -UP
    return [(centers[0], centers[0] + length * upward), (centers[-1], centers[-1] + length * downward)]


def _direction(way: np.ndarray) -> np.ndarray:
    return way / max(float(np.linalg.norm(way)), 1e-9)
