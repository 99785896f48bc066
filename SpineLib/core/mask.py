# SPDX-License-Identifier: Apache-2.0
"""A mask kept as its bounding box only, so that many masks of one large image stay small and may overlap."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mask:
    """Voxels of one structure: `box` (bool) begins at index `origin` of an image of `shape` (I, J, K)."""

    box: np.ndarray
    origin: tuple[int, int, int]
    shape: tuple[int, int, int]

    @classmethod
    def from_array(cls, array: np.ndarray) -> "Mask":
        """Crop a whole `(I, J, K)` mask (any type, non-zero is inside) to its bounding box."""
        inside = array != 0
        shape = (int(inside.shape[0]), int(inside.shape[1]), int(inside.shape[2]))
        if not inside.any():
            return cls(np.zeros((0, 0, 0), dtype=bool), (0, 0, 0), shape)
        bounds = []
        for axis in range(3):
            others = tuple(other for other in range(3) if other != axis)
            filled = np.flatnonzero(inside.any(axis=others))
            bounds.append((int(filled[0]), int(filled[-1]) + 1))
        box = inside[tuple(slice(low, high) for low, high in bounds)].copy()
        return cls(box, (bounds[0][0], bounds[1][0], bounds[2][0]), shape)

    def to_array(self) -> np.ndarray:
        """The mask at the image's full size, bool."""
        array = np.zeros(self.shape, dtype=bool)
        where = tuple(slice(start, start + size) for start, size in zip(self.origin, self.box.shape, strict=True))
        array[where] = self.box
        return array

    @property
    def is_empty(self) -> bool:
        return not self.box.any()

    @property
    def count(self) -> int:
        """Number of voxels inside."""
        return int(self.box.sum())
