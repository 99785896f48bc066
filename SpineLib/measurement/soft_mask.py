# SPDX-License-Identifier: Apache-2.0
"""A mask as a smooth field in RAS mm, so that surfaces are found between voxels and at any angle to the grid."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SpineLib.core.mask import Mask

SMOOTHING = 0.6
"""Standard deviation in voxels: enough to turn the stairs of a tilted surface into a slope, too little to move it."""
PADDING = 3
"""Voxels around the box: the field has faded to nothing at its edge."""
LEAST_PIECE = 0.1
"""Pieces smaller than this share of the largest are specks of a segmentation; larger ones are parts of a break."""


@dataclass(frozen=True)
class SoftMask:
    """`values`: float32 field, 0.5 at the surface. `to_index`: 4x4, RAS mm -> index. `points`: (n, 3) voxels inside."""

    values: np.ndarray
    to_index: np.ndarray
    points: np.ndarray

    @property
    def center(self) -> np.ndarray:
        """Centroid (3,) in RAS mm."""
        return self.points.mean(axis=0)

    def at(self, points: np.ndarray) -> np.ndarray:
        """The field at `(..., 3)` RAS mm; 0 outside of the box."""
        indices = points @ self.to_index[:3, :3].T + self.to_index[:3, 3]
        return ndimage.map_coordinates(self.values, np.moveaxis(indices, -1, 0), order=1, cval=0.0)


def soften(mask: Mask, affine: np.ndarray) -> SoftMask | None:
    """The field of a mask and an affine (4x4, index -> RAS mm); None where the mask is empty."""
    if mask.is_empty:
        return None
    box = np.pad(main_pieces(mask.box), PADDING)
    to_ras = affine.copy()
    to_ras[:3, 3] += affine[:3, :3] @ (np.array(mask.origin) - PADDING)
    values = ndimage.gaussian_filter(box.astype(np.float32), SMOOTHING, mode="constant")
    points = np.argwhere(box) @ to_ras[:3, :3].T + to_ras[:3, 3]
    return SoftMask(values, np.linalg.inv(to_ras), points)


def main_pieces(box: np.ndarray) -> np.ndarray:
    """`box` (bool) without its specks."""
    pieces, count = ndimage.label(box, ndimage.generate_binary_structure(3, 3))
    if count < 2:
        return box
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return (sizes >= LEAST_PIECE * sizes.max())[pieces]
