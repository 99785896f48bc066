# SPDX-License-Identifier: Apache-2.0
"""Whether a vertebral body is cut where the scan ends: at a face of its array or at padding within it."""

import numpy as np
from scipy import ndimage

from SpineLib.core.mask import Mask
from SpineLib.measurement.heights import SLAB_MM
from SpineLib.measurement.padding import Padding

NEAR_END_MM = 6.5
"""A network is unsure at the very end of a scan and stops a little before it."""
TOUCHING_MM = 2.0
"""A voxel of the network's grid and a little."""


def is_cut(body: Mask, affine: np.ndarray, padding: Padding | None = None) -> bool:
    """Whether the scan ends so near to a body that a part of it which is measured may lie outside.

    Heights are taken in the midsagittal slab, so its surroundings must be seen. The sides need no more than not to
    touch the end, however the scan is turned: a sagittal scan is often hardly wider than the bodies.

    affine: 4x4, index -> RAS mm.
    """
    indices = np.argwhere(body.box) + np.array(body.origin)
    if not len(indices):
        return False
    gaps = gaps_mm(indices, body.shape, affine, NEAR_END_MM, padding)
    right = indices @ affine[0, :3]
    middle = np.abs(right - right.mean()) <= SLAB_MM / 2
    return bool(gaps.min() < TOUCHING_MM or gaps[middle].min(initial=np.inf) < NEAR_END_MM)


def gaps_mm(
    indices: np.ndarray, shape: tuple[int, ...], affine: np.ndarray, reach_mm: float, padding: Padding | None = None
) -> np.ndarray:
    """How far places `(n, 3)`, indices of a scan, are from where it ends: `(n,)` mm, negative beyond the array.

    shape, affine: of the scan. Padding farther than `reach_mm` from all of the voxels is not looked for.
    """
    steps = 1 / np.linalg.norm(np.linalg.inv(affine)[:3, :3], axis=1)
    last = np.array(shape) - 1
    gaps = (np.minimum(indices, last - indices) * steps).min(axis=1)
    return gaps if padding is None else np.minimum(gaps, _to_padding_mm(indices, last, steps, reach_mm, padding))


def _to_padding_mm(
    indices: np.ndarray, last: np.ndarray, steps: np.ndarray, reach_mm: float, padding: Padding
) -> np.ndarray:
    """steps: (3,) mm between the layers of voxels along each axis."""
    indices = np.clip(np.rint(indices).astype(int), 0, last)
    # A few voxels more, so that something of the padding is seen.
    reach = np.ceil(reach_mm / steps).astype(int) + 3
    low, high = np.maximum(indices.min(axis=0) - reach, 0), np.minimum(indices.max(axis=0) + reach, last)
    filled = padding.within(tuple(slice(first, end + 1) for first, end in zip(low, high, strict=True)))
    if not filled.any():
        return np.full(len(indices), np.inf)
    # From the last voxels that were scanned on, as at the array's faces.
    ends = ndimage.binary_dilation(filled)
    return ndimage.distance_transform_edt(~ends, steps)[tuple((indices - low).T)]
