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

ROUNDING = 1e-3
"""Of a voxel: places that lie so little beyond the last one lie on it."""


def vertebrae_on_grid(
    scan: ScanImage, vertebrae: Sequence[Vertebra], spacing_mm: float, margin_mm: float, within_scan: bool = False
) -> "tuple[ScanGrid, list[Mask]]":
    """A grid around the vertebrae with a margin, and the mask of each vertebra on it. within_scan: the grid ends where
    the scan does, beyond which there is nothing but air."""
    from SpineLib.inference.scan_grid import grid_around, grid_over
    from SpineLib.io.regrid import on_grid

    affine = scan.affine
    ends = [_corners(each.mask) @ affine[:3, :3].T + affine[:3, 3] for each in vertebrae]
    grid = grid_around(np.concatenate(ends), spacing_mm, margin_mm)
    if within_scan:
        grid = grid.within(grid_over(scan.shape, affine, spacing_mm))
    return grid, [on_grid(each.mask, affine, grid.shape, grid.affine) for each in vertebrae]


def without_padding(
    values: np.ndarray, scan: ScanImage, grid: "ScanGrid", masks: Sequence[Mask], reach_mm: float
) -> np.ndarray:
    """`values` of the grid, in which the nearest tissue stands for what was not scanned, padding or beyond the scan, up
    to `reach_mm` from the box of a mask."""
    values = values.copy()
    reach = int(np.ceil(reach_mm / grid.spacing_mm))
    for mask in masks:
        if not mask.is_empty:
            part = values[tuple(slice(max(each.start - reach, 0), each.stop + reach) for each in mask.window)]
            low = np.maximum(np.array(mask.origin) - reach, 0)
            _fill(part, _is_unscanned(scan, grid.part(low, part.shape)))
    return values


def _is_unscanned(scan: ScanImage, part: "ScanGrid") -> np.ndarray:
    """Bool of a part of the grid."""
    to_index = np.linalg.inv(scan.affine) @ part.affine
    last = np.array(scan.shape) - 1
    ends = corners(np.zeros(3), np.array(part.shape) - 1) @ to_index[:3, :3].T + to_index[:3, 3]
    if scan.padding is None and (ends >= 0).all() and (ends <= last).all():
        return np.zeros(part.shape, bool)
    places = np.indices(part.shape).reshape(3, -1).T @ to_index[:3, :3].T + to_index[:3, 3]
    beyond = ((places < -ROUNDING) | (places > last + ROUNDING)).any(axis=1)
    if scan.padding is not None:
        places = np.clip(np.rint(places).astype(int), 0, last)
        first = places.min(axis=0)
        filled = scan.padding.within(tuple(slice(a, b + 1) for a, b in zip(first, places.max(axis=0), strict=True)))
        beyond |= filled[tuple((places - first).T)]
    return beyond.reshape(part.shape)


def _fill(part: np.ndarray, is_unscanned: np.ndarray) -> None:
    """Put the value of the nearest voxel that was scanned into each that was not."""
    from scipy import ndimage

    if is_unscanned.any() and not is_unscanned.all():
        # A voxel beside it is a mixture of both.
        mixed = ndimage.binary_dilation(is_unscanned)
        mixed = is_unscanned if mixed.all() else mixed
        nearest = ndimage.distance_transform_edt(mixed, return_distances=False, return_indices=True)
        part[...] = part[tuple(nearest)]


def near(masks: Sequence[Mask], spacing_mm: float, reach_mm: float) -> np.ndarray:
    """Bool of the masks' grid: what lies within `reach_mm` of one of them."""
    from scipy import ndimage

    union = Mask.union(masks)
    inside = union.to_array()
    if union.is_empty:
        return inside
    # Distances take long, and nothing is near farther off.
    reach = int(np.ceil(reach_mm / spacing_mm))
    around = tuple(slice(max(each.start - reach, 0), each.stop + reach) for each in union.window)
    inside[around] = ndimage.distance_transform_edt(~inside[around], spacing_mm) <= reach_mm
    return inside


def _corners(mask: Mask) -> np.ndarray:
    low = np.array(mask.origin)
    return corners(low, low + np.array(mask.box.shape) - 1)
