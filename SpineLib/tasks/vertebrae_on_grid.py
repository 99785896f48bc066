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


def near(masks: Sequence[Mask], spacing_mm: float, reach_mm: float) -> np.ndarray:
    """Bool of the masks' grid: what lies within `reach_mm` of one of them."""
    from scipy import ndimage

    inside = Mask.union(masks).to_array()
    return ndimage.distance_transform_edt(~inside, spacing_mm) <= reach_mm if inside.any() else inside


def _corners(mask: Mask) -> np.ndarray:
    low = np.array(mask.origin)
    return corners(low, low + np.array(mask.box.shape) - 1)
