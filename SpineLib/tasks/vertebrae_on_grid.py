# SPDX-License-Identifier: Apache-2.0
"""Vertebrae of a scan on a network's grid."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from SpineLib.core.box import corners
from SpineLib.core.mask import Mask
from SpineLib.core.result import Vertebra
from SpineLib.tasks.scan_image import ScanImage

if TYPE_CHECKING:
    from SpineLib.inference.scan_grid import ScanGrid


def vertebrae_on_grid(
    scan: ScanImage, vertebrae: Sequence[Vertebra], spacing_mm: float, margin_mm: float, within_scan: bool = False
) -> "tuple[ScanGrid, list[Mask]]":
    """A grid around the vertebrae with a margin, and the mask of each vertebra on it. within_scan: the grid ends where
    the scan does, beyond which there is nothing but air."""
    from SpineLib.inference.scan_grid import grid_around, grid_over
    from SpineLib.io.itk import affine_of
    from SpineLib.io.regrid import on_grid

    affine = affine_of(scan.image)
    ends = [_corners(each.mask) @ affine[:3, :3].T + affine[:3, 3] for each in vertebrae]
    grid = grid_around(np.concatenate(ends), spacing_mm, margin_mm)
    if within_scan:
        grid = grid.within(grid_over(scan.image.GetSize(), affine, spacing_mm))
    return grid, [on_grid(each.mask, affine, grid.shape, grid.affine) for each in vertebrae]


def without_padding(
    values: np.ndarray, scan: ScanImage, grid: "ScanGrid", masks: Sequence[Mask], reach_mm: float
) -> np.ndarray:
    """`values` of the grid, in which the nearest tissue stands for padding up to `reach_mm` from the box of a mask."""
    if scan.padding is None:
        return values
    values = values.copy()
    reach = int(np.ceil(reach_mm / grid.spacing_mm))
    for mask in masks:
        if not mask.is_empty:
            part = values[tuple(slice(max(each.start - reach, 0), each.stop + reach) for each in mask.window)]
            low = np.maximum(np.array(mask.origin) - reach, 0)
            _fill(part, _is_padding(scan, grid, low, part.shape))
    return values


def _is_padding(scan: ScanImage, grid: "ScanGrid", low: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Bool of a part of the grid, `shape`, that begins at index `low`."""
    from SpineLib.io.itk import affine_of

    assert scan.padding is not None
    to_index = np.linalg.inv(affine_of(scan.image)) @ grid.affine
    places = (np.indices(shape).reshape(3, -1).T + low) @ to_index[:3, :3].T + to_index[:3, 3]
    places = np.clip(np.rint(places).astype(int), 0, np.array(scan.image.GetSize()) - 1)
    first, last = places.min(axis=0), places.max(axis=0)
    filled = scan.padding.within(tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True)))
    return filled[tuple((places - first).T)].reshape(shape)


def _fill(part: np.ndarray, is_padding: np.ndarray) -> None:
    """Put the value of the nearest voxel that was scanned into each that was not."""
    from scipy import ndimage

    if is_padding.any() and not is_padding.all():
        # A voxel beside it is a mixture of both.
        mixed = ndimage.binary_dilation(is_padding)
        mixed = is_padding if mixed.all() else mixed
        nearest = ndimage.distance_transform_edt(mixed, return_distances=False, return_indices=True)
        part[...] = part[tuple(nearest)]


def near(masks: Sequence[Mask], spacing_mm: float, reach_mm: float) -> np.ndarray:
    """Bool of the masks' grid: what lies within `reach_mm` of one of them."""
    from scipy import ndimage

    inside = Mask.union(masks).to_array()
    return ndimage.distance_transform_edt(~inside, spacing_mm) <= reach_mm if inside.any() else inside


def _corners(mask: Mask) -> np.ndarray:
    low = np.array(mask.origin)
    return corners(low, low + np.array(mask.box.shape) - 1)
