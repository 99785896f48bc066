# SPDX-License-Identifier: Apache-2.0
"""From points on a surface to the solid within it, also where the surface has holes, and to its signed distance."""

import numpy as np
from scipy import ndimage

CLOSED_MM = (0.9, 1.8, 3.0)
"""Half widths of the holes in a surface that are closed, one after another: what a narrower one leaves whole stays."""
PAD = 6
"""Empty voxels around the solid."""
DEEPEST_MM = 8.0
SMOOTH_VOXELS = 0.6


def fill(points: np.ndarray, voxel_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """The solid within surface `points` (n, 3) as a mask (I, J, K), and the center of its first voxel in mm (3,)."""
    low = points.min(axis=0) - PAD * voxel_mm
    indices = ((points - low) / voxel_mm).astype(int)
    surface = np.zeros(indices.max(axis=0) + 1 + PAD, bool)
    surface[tuple(indices.T)] = True
    solid = surface.copy()
    for width in CLOSED_MM:
        closed = _closed(surface, max(round(width / voxel_mm), 1))
        # What closing adds fills fissures, too, and is no bone: only what it shuts in is.
        solid |= _filled(closed) & ~closed
    solid = _filled(_closed(solid, 1))
    pieces, count = ndimage.label(solid)
    if count > 1:
        solid = pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
    return solid, low + voxel_mm / 2


def signed_distance(solid: np.ndarray, voxel_mm: float) -> np.ndarray:
    """Distance in mm to the surface, negative inside, float16, of a mask that holds all voxels the surface cuts."""
    edt = ndimage.distance_transform_edt
    distance = (edt(~solid) - edt(solid)).astype(np.float32)
    distance = ndimage.gaussian_filter(distance, SMOOTH_VOXELS)
    # The voxels that the surface cuts make the mask too large by half a voxel.
    return np.clip((distance + 0.5) * voxel_mm, -DEEPEST_MM, DEEPEST_MM).astype(np.float16)


def _closed(mask: np.ndarray, reach: int) -> np.ndarray:
    """Closing with a cube of `reach` voxels to each side; the padding is wide enough for it."""
    size = 2 * reach + 1
    grown = ndimage.maximum_filter(mask.view(np.uint8), size)
    return ndimage.minimum_filter(grown, size).astype(bool)


def _filled(mask: np.ndarray) -> np.ndarray:
    """A mask with all that it shuts in; its first voxel lies outside."""
    outside, _ = ndimage.label(~mask)
    return outside != outside[0, 0, 0]
