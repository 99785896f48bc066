# SPDX-License-Identifier: Apache-2.0
"""Scans on the grid that the networks know, and masks back on the scan's own.

The networks' grid runs along the patient's axes: i to the left, j to the back, k upward, the same distance each way.
Arrays are `(I, J, K)`, affines 4x4, index -> RAS mm.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import SimpleITK as sitk

from SpineLib.core.box import corners
from SpineLib.core.mask import Mask
from SpineLib.inference.scan_input import LOWEST_HU
from SpineLib.io.itk import affine_of, array_of, empty_image, image_of

AXES = np.diag([-1.0, -1.0, 1.0])
"""Directions of i, j and k in RAS, as columns."""
Decide = Callable[[np.ndarray, sitk.Image], np.ndarray]
"""From how sure, 0..1, the voxels of an image are inside: which are. It is given what lies `DECIDED_NEAR_MM` around."""
DECIDED_NEAR_MM = 4.0


class Lattice(Protocol):
    """Voxels of a scan or of a grid: how many, and where they lie; affine: 4x4, index -> RAS mm."""

    @property
    def shape(self) -> tuple[int, int, int]: ...

    @property
    def affine(self) -> np.ndarray: ...


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

    def part(self, start: np.ndarray, shape: Sequence[int] | np.ndarray) -> "ScanGrid":
        """As many voxels from index `start` on; they may lie beyond this grid."""
        i, j, k = (int(size) for size in shape)
        return ScanGrid((i, j, k), self.spacing_mm, self.points(np.array(start, float)[None])[0])

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
        # A voxel more: the resampling takes the nearest values where it lies beyond the border along any axis.
        box = np.pad(self.values[tuple(slice(a, b) for a, b in zip(low, high, strict=True))], 1, mode="edge")
        return _linear(box.astype(np.float32), self.grid.part(low - 1, box.shape), target)


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
    steps = list(zip(part.GetSpacing(), part.GetSize(), strict=True))
    shrink = [max(1, min(int(grid.spacing_mm / step), size)) for step, size in steps]
    if max(shrink) > 1:
        # What does not fill a bin would be dropped.
        missing = [-size % number for (_, size), number in zip(steps, shrink, strict=True)]
        if any(missing):
            part = sitk.ZeroFluxNeumannPad(part, [0, 0, 0], missing)
        part = sitk.BinShrink(part, shrink)
    reference = empty_image(grid.shape, grid.affine)
    found = sitk.Resample(part, reference, sitk.Transform(), sitk.sitkLinear, beyond, sitk.sitkFloat32)
    return np.ascontiguousarray(array_of(found))


def nearest_on(labels: sitk.Image, grid: ScanGrid) -> np.ndarray:
    """Labels of the nearest voxels on a grid, of the image's own type; 0 where it does not reach."""
    found = sitk.Resample(labels, empty_image(grid.shape, grid.affine), sitk.Transform(), sitk.sitkNearestNeighbor, 0.0)
    return np.ascontiguousarray(array_of(found))


def mask_on(
    scan: Lattice, inside: Mask, grid: ScanGrid, fields: Sequence[Field] = (), decide: Decide | None = None
) -> Mask:
    """A mask of a grid on the voxels of a scan: linear between the grid's voxels, half and more is in.

    fields: where there are any, the mask is where they are asked, and of it half and more of their mean is in, or what
    `decide` says. Several looks at a scan that lie between each other's voxels tell a border closer than one.
    """
    i, j, k = scan.shape
    margin = 1 if decide is None else 1 + int(np.ceil(DECIDED_NEAR_MM / grid.spacing_mm))
    part = grid.part(np.array(inside.origin) - margin, np.array(inside.box.shape) + 2 * margin)
    window = None if inside.is_empty else _window(scan.shape, scan.affine, part)
    if window is None:
        return Mask.empty((i, j, k))
    start, length = window
    to_ras = scan.affine.copy()
    to_ras[:3, 3] += scan.affine[:3, :3] @ start
    target = empty_image(length, to_ras)
    found = _linear(np.pad(inside.box, margin).astype(np.float32), part, target) >= 0.5
    if fields:
        surety = sum((field.on(target) for field in fields), np.float32(0)) / np.float32(255 * len(fields))
        found &= surety >= 0.5 if decide is None else decide(surety, target)
    within = Mask.from_array(found)
    i0, j0, k0 = (int(low + place) for low, place in zip(start, within.origin, strict=True))
    return Mask(within.box, (i0, j0, k0), (i, j, k))


def _linear(values: np.ndarray, grid: ScanGrid, target: sitk.Image) -> np.ndarray:
    """float32 values of a grid on the voxels of an image; beyond the grid those of its border."""
    resample = sitk.ResampleImageFilter()
    resample.SetReferenceImage(target)
    resample.SetOutputPixelType(sitk.sitkFloat32)
    resample.UseNearestNeighborExtrapolatorOn()
    return array_of(resample.Execute(image_of(values, grid.affine)))


def _region(image: sitk.Image, grid: ScanGrid) -> sitk.Image | None:
    """The part of the scan that the grid needs."""
    window = _window(image.GetSize(), affine_of(image), grid)
    if window is None:
        return None
    start, length = window
    if tuple(length) == image.GetSize():
        return image  # No copy of what may be a gigabyte.
    return sitk.RegionOfInterest(image, length.tolist(), start.tolist())


def _window(shape: tuple[int, ...], affine: np.ndarray, grid: ScanGrid) -> tuple[np.ndarray, np.ndarray] | None:
    """First index and size of the scan's box that holds the grid and a voxel around it; None where they miss."""
    to_index = np.linalg.inv(affine)
    places = grid.points(corners(np.zeros(3), np.array(grid.shape) - 1)) @ to_index[:3, :3].T + to_index[:3, 3]
    reach = np.ceil(grid.spacing_mm / np.linalg.norm(affine[:3, :3], axis=0)) + 1
    low = np.clip(np.floor(places.min(axis=0) - reach), 0, shape).astype(int)
    high = np.clip(np.ceil(places.max(axis=0) + reach) + 1, 0, shape).astype(int)
    return (low, high - low) if (high > low).all() else None
