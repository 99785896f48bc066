# SPDX-License-Identifier: Apache-2.0
"""A mask kept as its bounding box only, so that many masks of one large image stay small and may overlap."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mask:
    """Voxels of one structure: `box` (bool) begins at index `origin` of an image of `shape` (I, J, K)."""

    box: np.ndarray
    origin: tuple[int, int, int]
    shape: tuple[int, int, int]

    @classmethod
    def empty(cls, shape: tuple[int, int, int]) -> "Mask":
        """Nothing of an image of `shape`."""
        return cls(np.zeros((0, 0, 0), dtype=bool), (0, 0, 0), shape)

    @classmethod
    def from_array(cls, array: np.ndarray) -> "Mask":
        """Crop a whole `(I, J, K)` mask (any type, non-zero is inside) to its bounding box."""
        inside = array != 0
        shape = (int(inside.shape[0]), int(inside.shape[1]), int(inside.shape[2]))
        if not inside.any():
            return cls.empty(shape)
        bounds = []
        for axis in range(3):
            others = tuple(other for other in range(3) if other != axis)
            filled = np.flatnonzero(inside.any(axis=others))
            bounds.append((int(filled[0]), int(filled[-1]) + 1))
        box = inside[tuple(slice(low, high) for low, high in bounds)].copy()
        return cls(box, (bounds[0][0], bounds[1][0], bounds[2][0]), shape)

    @classmethod
    def union(cls, masks: Sequence["Mask"]) -> "Mask":
        """Every voxel that is in any of the masks; one or more, all of one image."""
        filled = [mask for mask in masks if not mask.is_empty]
        if not filled:
            return cls.empty(masks[0].shape)
        low = np.min([mask.origin for mask in filled], axis=0)
        high = np.max([np.add(mask.origin, mask.box.shape) for mask in filled], axis=0)
        box = np.zeros(high - low, dtype=bool)
        for mask in filled:
            start = np.subtract(mask.origin, low)
            box[tuple(slice(a, a + size) for a, size in zip(start, mask.box.shape, strict=True))] |= mask.box
        return cls(box, (int(low[0]), int(low[1]), int(low[2])), masks[0].shape)

    def within(self, other: "Mask") -> "Mask":
        """The voxels that are in the other mask, too."""
        low = np.maximum(self.origin, other.origin)
        high = np.maximum(low, np.minimum(np.add(self.origin, self.box.shape), np.add(other.origin, other.box.shape)))
        mine, theirs = (
            mask.box[tuple(slice(a, b) for a, b in zip(low - mask.origin, high - mask.origin, strict=True))]
            for mask in (self, other)
        )
        common = Mask.from_array(mine & theirs)
        start = low + common.origin if common.box.size else (0, 0, 0)
        return Mask(common.box, (int(start[0]), int(start[1]), int(start[2])), self.shape)

    def without(self, other: "Mask") -> "Mask":
        """The voxels that are not in the other mask."""
        common = self.within(other)
        if common.is_empty:
            return self
        box = self.box.copy()
        start = np.subtract(common.origin, self.origin)
        box[tuple(slice(a, a + size) for a, size in zip(start, common.box.shape, strict=True))] &= ~common.box
        rest = Mask.from_array(box)
        i, j, k = (int(a + b) for a, b in zip(self.origin, rest.origin, strict=True))
        return Mask(rest.box, (i, j, k), self.shape)

    @classmethod
    def from_indices(cls, where: np.ndarray, shape: tuple[int, int, int]) -> "Mask":
        """The mask of the voxels at indices `(n, 3)`, without an array of the whole image."""
        if not len(where):
            return cls.empty(shape)
        low = where.min(axis=0)
        box = np.zeros(where.max(axis=0) - low + 1, dtype=bool)
        box[tuple((where - low).T)] = True
        return cls(box, (int(low[0]), int(low[1]), int(low[2])), shape)

    def around(self, values: np.ndarray) -> np.ndarray:
        """`values` (I, J, K) of the mask's image in its box and one voxel around that; 0 beyond the image."""
        low, size = np.array(self.origin) - 1, np.array(self.box.shape) + 2
        first, last = np.maximum(low, 0), np.minimum(low + size, self.shape)
        part = values[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
        return np.pad(part, list(zip(first - low, low + size - last, strict=True)))

    def to_array(self) -> np.ndarray:
        """The mask at the image's full size, bool."""
        array = np.zeros(self.shape, dtype=bool)
        array[self.window] = self.box
        return array

    def center_ras_mm(self, affine: np.ndarray) -> np.ndarray:
        """Center of gravity `(3,)`; affine: 4x4, index -> RAS mm. NaN of an empty mask."""
        counts = [self.box.sum(axis=tuple({0, 1, 2} - {axis})) for axis in range(3)]
        total = sum(counts[0])
        center = [
            start + float(count @ np.arange(len(count))) / total if total else np.nan
            for start, count in zip(self.origin, counts, strict=True)
        ]
        return affine[:3, :3] @ center + affine[:3, 3]

    @property
    def window(self) -> tuple[slice, ...]:
        """Where the box lies in the image."""
        return tuple(slice(start, start + size) for start, size in zip(self.origin, self.box.shape, strict=True))

    @property
    def is_empty(self) -> bool:
        return not self.box.any()

    @property
    def count(self) -> int:
        """Number of voxels inside."""
        return int(self.box.sum())
