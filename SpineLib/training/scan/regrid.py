# SPDX-License-Identifier: Apache-2.0
"""A labeled scan on the grid that the networks learn on, by the same code that brings scans there for inference."""

import numpy as np
import SimpleITK as sitk

from SpineLib.core.box import corners
from SpineLib.core.mask import Mask
from SpineLib.datasets.scan_case import LabeledScan
from SpineLib.inference.scan_grid import AXES, ScanGrid, nearest_on, resampled
from SpineLib.inference.scan_input import LOWEST_HU
from SpineLib.io.itk import image_of

MARGIN_MM = 60.0
"""Of surroundings that are kept about what is labeled."""


def regridded(scan: LabeledScan, spacing_mm: float, is_hu: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """voxels int16 `(I, J, K)`, truth uint8 `(3, I, J, K)` (labels, parts, fractured; 0 where unknown) and affine.

    The scan must hold a label. The grid covers what is labeled and a margin, as far as the scan reaches.
    """
    affine = scan.volume.affine
    grid = _grid_around_labels(scan.labels, affine, spacing_mm)
    image = sitk.DICOMOrient(image_of(scan.volume.voxels, affine), "LPS")
    outside = LOWEST_HU if is_hu else float(scan.volume.voxels.min())
    limits = np.iinfo(np.int16)
    voxels = np.rint(np.clip(resampled(image, grid, outside), limits.min, limits.max)).astype(np.int16)
    truth = np.zeros((3, *grid.shape), np.uint8)
    for plane, mask in enumerate((scan.labels, scan.parts, scan.fractured)):
        if mask is not None:
            truth[plane] = nearest_on(image_of(mask, affine), grid)
    return voxels, truth, grid.affine


def _grid_around_labels(labels: np.ndarray, affine: np.ndarray, spacing_mm: float) -> ScanGrid:
    labeled = Mask.from_array(labels)
    first = np.array(labeled.origin)
    low, high = _reach(first, first + np.array(labeled.box.shape) - 1, affine)
    least, most = _reach(np.zeros(3), np.array(labels.shape) - 1, affine)
    return ScanGrid.between(np.maximum(low - MARGIN_MM, least), np.minimum(high + MARGIN_MM, most), spacing_mm)


def _reach(first: np.ndarray, last: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest place, mm along the grid's axes, of the box of indices first..last."""
    along = (corners(first, last) @ affine[:3, :3].T + affine[:3, 3]) @ AXES
    return along.min(axis=0), along.max(axis=0)
