# SPDX-License-Identifier: Apache-2.0
"""Masks from the grid of one image to that of another, whichever way the two lie."""

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from SpineLib.core.box import corners
from SpineLib.core.errors import InputError
from SpineLib.core.mask import Mask
from SpineLib.core.volume import is_askew
from SpineLib.io.itk import array_of, image_of

SAME_MM = 1e-3
"""Grids whose voxels lie closer together than this are one."""


def check_axes(affine: np.ndarray, source: str) -> None:
    """Raise InputError, which names the source, where the axes of a grid are not at right angles."""
    if is_askew(affine):
        raise InputError(
            f"The axes of {source} are not at right angles to each other.", "Resample it to the grid of the scan."
        )


def grid_around(placed: Sequence[tuple[Mask, np.ndarray]]) -> tuple[tuple[int, int, int], np.ndarray]:
    """Shape and affine of a grid that holds masks, each with its affine, index -> RAS mm: the finest, made larger."""
    finest = min((affine for _, affine in placed), key=lambda affine: abs(np.linalg.det(affine)))
    reaches = [_bounds(mask, np.linalg.inv(finest) @ affine) for mask, affine in placed]
    # The ends lie half a voxel beside the outermost centers.
    low = np.floor(np.min([first for first, _ in reaches], axis=0) + 0.5 + 1e-6).astype(int)
    high = np.ceil(np.max([last for _, last in reaches], axis=0) + 0.5 - 1e-6).astype(int)
    i, j, k = (int(size) for size in high - low)
    return (i, j, k), _moved(finest, low)


def on_grid(mask: Mask, affine: np.ndarray, shape: tuple[int, int, int], target: np.ndarray) -> Mask:
    """A mask on another grid: the voxels whose centers lie in one of its voxels.

    affine, target: 4x4, index -> RAS mm, of the mask and of the grid of `shape`; axes at right angles each.
    """
    if mask.is_empty:
        return Mask.empty(shape)
    if mask.shape == shape and (np.abs(affine - target) @ (*shape, 1) < SAME_MM).all():
        return mask
    low, high = _reach(mask, np.linalg.inv(target) @ affine, shape)
    if (high <= low).any():
        return Mask.empty(shape)
    # Of the target's grid only the box that the mask can reach: large scans have small vertebrae.
    part = image_of(np.zeros(high - low, np.uint8), _moved(target, low))
    source = image_of(mask.box.astype(np.uint8), _moved(affine, np.array(mask.origin)))
    found = sitk.Resample(source, part, sitk.Transform(), sitk.sitkNearestNeighbor, 0.0, sitk.sitkUInt8)
    within = Mask.from_array(array_of(found))
    i, j, k = (int(each) for each in low + within.origin)
    return Mask(within.box, (i, j, k) if within.box.size else (0, 0, 0), shape)


def _reach(mask: Mask, to_target: np.ndarray, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """First index and the one behind the last, of a grid of `shape`, that the mask's box reaches."""
    first, last = _bounds(mask, to_target)
    return np.clip(np.floor(first), 0, shape).astype(int), np.clip(np.ceil(last) + 1, 0, shape).astype(int)


def _bounds(mask: Mask, to_target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest fractional index that the mask's box, with its voxels' full size, reaches on a grid."""
    start = np.array(mask.origin)
    ends = corners(start - 0.5, start + mask.box.shape - 0.5)
    places = ends @ to_target[:3, :3].T + to_target[:3, 3]
    return places.min(axis=0), places.max(axis=0)


def _moved(affine: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The affine of the part of a grid that begins at an index."""
    moved = affine.copy()
    moved[:3, 3] += affine[:3, :3] @ start
    return moved
