# SPDX-License-Identifier: Apache-2.0
"""A square in the middle of a film."""

import numpy as np


def square(shape: tuple[int, int, int], size: int) -> np.ndarray:
    """Boolean mask of `shape` (slices, rows, columns) with a square of `size` pixels in the middle."""
    mask = np.zeros(shape, bool)
    top, left = (shape[1] - size) // 2, (shape[2] - size) // 2
    mask[:, top : top + size, left : left + size] = True
    return mask
