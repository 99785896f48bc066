# SPDX-License-Identifier: Apache-2.0
"""Scans on the grid that the networks know, and masks back on the scan's own.

The networks' grid runs along the patient's axes: i to the left, j to the back, k upward, the same distance each way.
Arrays are `(I, J, K)`, affines 4x4, index -> RAS mm.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from SpineLib.core.box import corners
from SpineLib.core.mask import Mask
from SpineLib.inference.scan_input import LOWEST_HU
from SpineLib.io.itk import array_of, image_of

AXES = np.diag([-1.0, -1.0, 1.0])
"""Directions of i, j and k in RAS, as columns."""


@dataclass(frozen=True)
class ScanGrid:
    """A grid along the patient's axes."""

    shape: tuple[int, int, int]
    spacing_mm: float
    origin_ras_mm: np.ndarray

    @classmethod
    def between(cls, low: np.ndarray, high: np.ndarray, spacing_mm: float) -> "ScanGrid":
        """The largest grid that begins at `low` and does not reach beyond `high`, mm along the axes."""
        size = np.maximum(np.floor((high - low) / spacing_mm + 1e-6).astype(int) + 1, 1)
        return cls((int(size[0]), int(size[1]), int(size[2])), spacing_mm, low @ AXES)

    @property
    def affine(self) -> np.ndarray:
        affine = np.eye(4)
        affine[:3, :3] = AXES * self.spacing_mm
        affine[:3, 3] = self.origin_ras_mm
        return affine

    def indices(self, points_ras_mm: np.ndarray) -> np.ndarray:
        """Fractional indices `(n, 3)` of points `(n, 3)`."""
        return (points_ras_mm - self.origin_ras_mm) @ AXES / self.spacing_mm

    def points(self, indices: np.ndarray) -> np.ndarray:
        """Points `(n, 3)`, RAS mm, of indices `(n, 3)`."""
        return self.origin_ras_mm + (indices * self.spacing_mm) @ AXES

    def within(self, whole: "ScanGrid") -> "ScanGrid":
        """The part that lies within the voxel centers of another grid."""
        (low, high), (least, most) = self._reach(), whole._reach()
        return ScanGrid.between(np.maximum(low, least), np.minimum(high, most), self.spacing_mm)

    def part(self, start: np.ndarray, shape: tuple[int, ...]) -> "ScanGrid":
        """As many voxels from index `start` on; they may lie beyond this grid."""
        return ScanGrid((shape[0], shape[1], shape[2]), self.spacing_mm, self.points(np.array(start, float)[None])[0])

    def halfway(self) -> "ScanGrid":
        """The grid whose voxels lie in the middle of eight of this one's."""
        i, j, k = (max(1, size - 1) for size in self.shape)
        return ScanGrid((i, j, k), self.spacing_mm, self.points(np.full((1, 3), 0.5))[0])

    def values_on(self, target: "ScanGrid", values: np.ndarray) -> np.ndarray:
        """`values` of this grid `(I, J, K)` on another one: those of the nearest voxels, also beyond the border."""
        first = self.indices(target.points(np.zeros((1, 3))))[0]
        step = target.spacing_mm / self.spacing_mm
        places = [
            np.clip(np.rint(start + step * np.arange(size)).astype(int), 0, length - 1)
            for start, size, length in zip(first, target.shape, self.shape, strict=True)
        ]
        return values[np.ix_(*places)]

    def _reach(self) -> tuple[np.ndarray, np.ndarray]:
        """First and last voxel center, mm along the axes."""
        first = self.origin_ras_mm @ AXES
        return first, first + (np.array(self.shape) - 1) * self.spacing_mm


@dataclass(frozen=True)
class Field:
    """How surely, 0 to 255, the voxels of a grid are inside of something: uint8 `(I, J, K)`."""

    grid: ScanGrid
    values: np.ndarray

    def on(self, target: sitk.Image) -> np.ndarray:
        """The field on the voxels of an image, linear; beyond the grid as at its border."""
        size = np.array(target.GetSize()) - 1
        ends = [target.TransformContinuousIndexToPhysicalPoint(each.tolist()) for each in corners(np.zeros(3), size)]
        places = self.grid.indices(np.array(ends) * np.array([-1, -1, 1]))
        last = np.array(self.grid.shape) - 1
        low = np.clip(np.floor(places.min(axis=0)).astype(int), 0, last)
        high = np.clip(np.ceil(places.max(axis=0)).astype(int), 0, last) + 1
        box = self.values[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        return _linear(box.astype(np.float32), self.grid.part(low, box.shape), target)


def grid_over(shape: tuple[int, ...], affine: np.ndarray, spacing_mm: float) -> ScanGrid:
    """The grid that covers a scan of `shape` and `affine`, whichever way that lies."""
    ends = corners(np.zeros(3), np.array(shape) - 1)
    return grid_around(ends @ affine[:3, :3].T + affine[:3, 3], spacing_mm)


def grid_around(points_ras_mm: np.ndarray, spacing_mm: float, margin_mm: float = 0.0) -> ScanGrid:
    """The smallest grid that holds points `(n, 3)` and a margin."""
    along = points_ras_mm @ AXES
    low, high = along.min(axis=0) - margin_mm, along.max(axis=0) + margin_mm
    size = np.ceil((high - low) / spacing_mm - 1e-6).astype(int) + 1
    return ScanGrid((int(size[0]), int(size[1]), int(size[2])), spacing_mm, low @ AXES)


def resampled(image: sitk.Image, grid: ScanGrid, beyond: float = LOWEST_HU) -> np.ndarray:
    """Values of a scan on a grid, float32; `beyond` where the scan does not reach.

    Linear; finer scans are averaged first, so that a voxel of the grid stands for all it covers.
    """
    part = _region(image, grid)
    if part is None:
        return np.full(grid.shape, np.float32(beyond))
    shrink = [max(1, min(int(grid.spacing_mm / step), size)) for step, size in _steps(part)]
    part = sitk.BinShrink(part, shrink) if max(shrink) > 1 else part
    reference = _reference(grid)
    found = sitk.Resample(part, reference, sitk.Transform(), sitk.sitkLinear, beyond, sitk.sitkFloat32)
    return np.ascontiguousarray(array_of(found))


def nearest_on(labels: sitk.Image, grid: ScanGrid) -> np.ndarray:
    """Labels of the nearest voxels on a grid, of the image's own type; 0 where it does not reach."""
    found = sitk.Resample(labels, _reference(grid), sitk.Transform(), sitk.sitkNearestNeighbor, 0.0)
    return np.ascontiguousarray(array_of(found))


def mask_on(image: sitk.Image, inside: Mask, grid: ScanGrid, fields: Sequence[Field] = ()) -> Mask:
    """A mask of a grid on the voxels of a scan: linear between the grid's voxels, half and more is in.

    fields: where there are any, the mask is where they are asked, and of it half and more of their mean is in. Several
    looks at a scan that lie between each other's voxels tell a border closer than one.
    """
    size = image.GetSize()
    shape = (int(size[0]), int(size[1]), int(size[2]))
    if inside.is_empty:
        return Mask.empty(shape)
    box = np.pad(inside.box, 1).astype(np.float32)
    window = _window(image, grid.part(np.array(inside.origin) - 1, box.shape))
    if window is None:
        return Mask.empty(shape)
    start, length = window
    target = sitk.Image([int(each) for each in length], sitk.sitkUInt8)
    target.SetSpacing(image.GetSpacing())
    target.SetDirection(image.GetDirection())
    target.SetOrigin(image.TransformIndexToPhysicalPoint([int(each) for each in start]))
    found = _linear(box, grid.part(np.array(inside.origin) - 1, box.shape), target) >= 0.5
    if fields:
        found &= sum(field.on(target) for field in fields) >= len(fields) * 255 / 2
    within = Mask.from_array(found)
    first = [int(low + place) for low, place in zip(start, within.origin, strict=True)]
    return Mask(within.box, (first[0], first[1], first[2]), shape)


def _linear(values: np.ndarray, grid: ScanGrid, target: sitk.Image) -> np.ndarray:
    """float32 values of a grid on the voxels of an image; beyond the grid those of its border."""
    resample = sitk.ResampleImageFilter()
    resample.SetReferenceImage(target)
    resample.SetOutputPixelType(sitk.sitkFloat32)
    resample.UseNearestNeighborExtrapolatorOn()
    return array_of(resample.Execute(image_of(values, grid.affine)))


def _steps(image: sitk.Image) -> list[tuple[float, int]]:
    return list(zip(image.GetSpacing(), image.GetSize(), strict=True))


def _reference(grid: ScanGrid) -> sitk.Image:
    reference = sitk.Image(list(grid.shape), sitk.sitkUInt8)
    reference.SetSpacing([grid.spacing_mm] * 3)
    reference.SetOrigin((grid.origin_ras_mm * np.array([-1, -1, 1])).tolist())
    return reference


def _region(image: sitk.Image, grid: ScanGrid) -> sitk.Image | None:
    """The part of the scan that the grid needs."""
    window = _window(image, grid)
    if window is None:
        return None
    start, length = window
    return sitk.RegionOfInterest(image, [int(each) for each in length], [int(each) for each in start])


def _window(image: sitk.Image, grid: ScanGrid) -> tuple[np.ndarray, np.ndarray] | None:
    """First index and size of the scan's box that holds the grid and a voxel around it; None where they miss."""
    points = grid.points(corners(np.zeros(3), np.array(grid.shape) - 1)) * np.array([-1, -1, 1])
    places = np.array([image.TransformPhysicalPointToContinuousIndex(point.tolist()) for point in points])
    reach = np.ceil(grid.spacing_mm / np.array(image.GetSpacing())) + 1
    size = np.array(image.GetSize())
    low = np.clip(np.floor(places.min(axis=0) - reach), 0, size).astype(int)
    high = np.clip(np.ceil(places.max(axis=0) + reach) + 1, 0, size).astype(int)
    return (low, high - low) if (high > low).all() else None
