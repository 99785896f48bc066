# SPDX-License-Identifier: Apache-2.0
"""A labeled scan on the grid that the networks learn on: along the patient's axes, of one spacing, around the spine."""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from SpineLib.core.volume import RAS_TO_LPS
from SpineLib.datasets.scan_case import LabeledScan
from SpineLib.io.itk import array_of, image_of

MARGIN_MM = 60.0
"""Of surroundings that are kept about what is labeled."""
AIR_HU = -1000.0
SIGMA = 0.4247
"""Blur that makes the wider voxels of a coarse grid from finer ones, over sqrt(coarse^2 - fine^2): a full width at half
maximum for each. Cardoso et al., MICCAI 2015."""


@dataclass(frozen=True)
class PatientGrid:
    """i runs to the patient's left, j to the back, k upward. origin_lps_mm: of the first voxel. shape: voxels."""

    origin_lps_mm: np.ndarray
    shape: tuple[int, int, int]
    spacing_mm: float

    @classmethod
    def around(cls, labels: np.ndarray, affine: np.ndarray, spacing_mm: float) -> "PatientGrid":
        """The grid that covers the set voxels of `labels` `(I, J, K)` and a margin, as far as the scan reaches.

        affine: 4x4, index of `labels` -> RAS mm.
        """
        lps = RAS_TO_LPS @ affine
        box = ndimage.find_objects((labels > 0).view(np.uint8))[0]
        low, high = _reach(lps, [part.start for part in box], [part.stop - 1 for part in box])
        first, last = _reach(lps, [0, 0, 0], [size - 1 for size in labels.shape])
        low, high = np.maximum(low - MARGIN_MM, first), np.minimum(high + MARGIN_MM, last)
        size = np.floor((high - low) / spacing_mm + 1e-3).astype(int) + 1
        return cls(low, (int(size[0]), int(size[1]), int(size[2])), spacing_mm)

    @property
    def affine(self) -> np.ndarray:
        """4x4, voxel index -> RAS mm."""
        lps = np.diag([self.spacing_mm] * 3 + [1.0])
        lps[:3, 3] = self.origin_lps_mm
        return RAS_TO_LPS @ lps

    def sampled(self, voxels: np.ndarray, affine: np.ndarray, interpolator: int, outside: float) -> np.ndarray:
        """`voxels` with their affine as this grid sees them."""
        axes = np.eye(3).ravel().tolist()
        spacing, origin = [self.spacing_mm] * 3, self.origin_lps_mm.tolist()
        source, still = image_of(voxels, affine), sitk.Transform(3, sitk.sitkIdentity)
        return array_of(sitk.Resample(source, self.shape, still, interpolator, origin, spacing, axes, outside))


def regridded(scan: LabeledScan, spacing_mm: float, is_hu: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """voxels int16 `(I, J, K)`, truth uint8 `(3, I, J, K)` (labels, parts, fractured; 0 where unknown) and affine.

    The scan must hold a label. The image is blurred where the grid is coarser and interpolated linearly, labels are
    taken from the nearest voxel.
    """
    affine = scan.volume.affine
    grid = PatientGrid.around(scan.labels, affine, spacing_mm)
    fine, fine_affine = _blurred(scan.volume.voxels, affine, grid)
    outside = AIR_HU if is_hu else float(scan.volume.voxels.min())
    values = grid.sampled(fine, fine_affine, sitk.sitkLinear, outside)
    limits = np.iinfo(np.int16)
    voxels = np.rint(np.clip(values, limits.min, limits.max)).astype(np.int16)
    truth = np.zeros((3, *grid.shape), np.uint8)
    for plane, mask in enumerate((scan.labels, scan.parts, scan.fractured)):
        if mask is not None:
            truth[plane] = grid.sampled(mask, affine, sitk.sitkNearestNeighbor, 0)
    return voxels, truth, grid.affine


def _blurred(voxels: np.ndarray, affine: np.ndarray, grid: PatientGrid) -> tuple[np.ndarray, np.ndarray]:
    """The part of a scan that the grid needs, float32, each axis blurred as far as the grid is coarser than it."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    sigma = SIGMA * np.sqrt(np.maximum(grid.spacing_mm**2 - spacing**2, 0)) / spacing
    low, high = _reach(np.linalg.inv(affine) @ grid.affine, [0, 0, 0], [size - 1 for size in grid.shape])
    room = np.ceil(4 * sigma) + 2
    start = np.maximum(np.floor(low - room), 0).astype(int)
    stop = np.minimum(np.ceil(high + room) + 1, voxels.shape).astype(int)
    part = voxels[tuple(slice(first, end) for first, end in zip(start, stop, strict=True))]
    moved = affine.copy()
    moved[:3, 3] += affine[:3, :3] @ start
    return ndimage.gaussian_filter(part.astype(np.float32), sigma, mode="nearest"), moved


def _reach(affine: np.ndarray, first: list[int], last: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest coordinates of the box of indices first..last after `affine`."""
    corners = np.stack(np.meshgrid(*zip(first, last, strict=True), indexing="ij"), axis=-1).reshape(-1, 3)
    places = corners @ affine[:3, :3].T + affine[:3, 3]
    return places.min(0), places.max(0)
