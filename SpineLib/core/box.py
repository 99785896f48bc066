# SPDX-License-Identifier: Apache-2.0
"""Boxes along the axes of a grid or a frame."""

from collections.abc import Sequence

import numpy as np


def box_at(start: Sequence[int], size: Sequence[int]) -> tuple[slice, ...]:
    """The slices of a box of `size` voxels that begins at index `start`."""
    return tuple(slice(low, low + length) for low, length in zip(start, size, strict=True))


def corners(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The eight corners `(8, 3)` of the box from `low` to `high`, `(3,)` each."""
    return np.stack(np.meshgrid(*np.stack([low, high]).T, indexing="ij"), -1).reshape(-1, 3)
