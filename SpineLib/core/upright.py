# SPDX-License-Identifier: Apache-2.0
"""A scan seen along the patient's own axes, to the nearest axis of its grid: nothing is copied or resampled."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from SpineLib.core.mask import Mask


@dataclass(frozen=True)
class Upright:
    """How to turn a grid so that its axes run to the right, to the front and upward, as nearly as it can be.

    axes: which axis of the grid runs along right, anterior, superior. flips: whether against it. spacing_mm: along
    right, anterior, superior. shape: likewise, in voxels.
    """

    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]
    spacing_mm: tuple[float, float, float]
    shape: tuple[int, int, int]

    def view(self, voxels: np.ndarray) -> np.ndarray:
        """`(I, J, K)` as `(right, anterior, superior)`, not copied."""
        turned = voxels.transpose(self.axes)
        return turned[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]

    def mask(self, mask: Mask) -> Mask:
        """A mask of the grid in the turned order."""
        box = self.view(mask.box)
        starts = [mask.origin[axis] for axis in self.axes]
        origin = [
            size - start - length if flip else start
            for size, start, length, flip in zip(self.shape, starts, box.shape, self.flips, strict=True)
        ]
        return Mask(box, (origin[0], origin[1], origin[2]), self.shape)


def upright(affine: np.ndarray, shape: tuple[int, int, int]) -> Upright:
    """For a grid with this affine, 4x4, index -> RAS mm, and shape `(I, J, K)`."""
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    directions = affine[:3, :3] / lengths
    best = max(permutations(range(3)), key=lambda order: sum(abs(directions[row, order[row]]) for row in range(3)))
    flips = tuple(bool(directions[row, axis] < 0) for row, axis in enumerate(best))
    return Upright(
        (best[0], best[1], best[2]),
        (flips[0], flips[1], flips[2]),
        (float(lengths[best[0]]), float(lengths[best[1]]), float(lengths[best[2]])),
        (shape[best[0]], shape[best[1]], shape[best[2]]),
    )
