# SPDX-License-Identifier: Apache-2.0
"""Vertebrae of a scan on a network's grid: which voxel belongs to which."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from SpineLib.core.box import corners
from SpineLib.core.mask import Mask
from SpineLib.core.result import Vertebra
from SpineLib.tasks.scan_image import ScanImage

if TYPE_CHECKING:
    from SpineLib.inference.scan_grid import ScanGrid


def owners_on_grid(
    scan: ScanImage, vertebrae: Sequence[Vertebra], spacing_mm: float, margin_mm: float
) -> "tuple[ScanGrid, np.ndarray]":
    """A grid around the vertebrae, and on it the number, from 1, of the vertebra that each voxel belongs to."""
    from SpineLib.inference.scan_grid import grid_around, labels_on
    from SpineLib.io.itk import affine_of

    affine = affine_of(scan.image)
    ends = [_corners(each.mask) @ affine[:3, :3].T + affine[:3, 3] for each in vertebrae]
    grid = grid_around(np.concatenate(ends), spacing_mm, margin_mm)
    owners = np.zeros(grid.shape, np.uint8)
    for number, each in enumerate(vertebrae, 1):
        box, inside = labels_on(grid, each.mask, affine)
        owners[box][inside] = number
    return grid, owners


def voxels_of_owners(owners: np.ndarray, count: int) -> list[np.ndarray]:
    """Indices `(n, 3)` of the voxels of each vertebra from 1 to `count`."""
    from scipy import ndimage

    found = []
    for number, box in enumerate(ndimage.find_objects(owners, count), 1):
        start = [0, 0, 0] if box is None else [part.start for part in box]
        inside = np.zeros((0, 0, 0), bool) if box is None else owners[box] == number
        found.append(np.argwhere(inside) + np.array(start))
    return found


def _corners(mask: Mask) -> np.ndarray:
    low = np.array(mask.origin)
    return corners(low, low + np.array(mask.box.shape) - 1)
