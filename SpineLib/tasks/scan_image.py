# SPDX-License-Identifier: Apache-2.0
"""A scan as the CT recipes use it: checked, and its values as the networks know them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from SpineLib.core.volume import Volume
from SpineLib.tasks.ct_check import hu_scale, usable_scan

if TYPE_CHECKING:
    import SimpleITK as sitk

    from SpineLib.inference.scan_grid import ScanGrid
    from SpineLib.measurement.padding import Padding

DARK_HU, BRIGHT_HU = -900.0, 800.0
"""Where the 1st and 99th percentile of an image without Hounsfield units are put: the range of the synthetic scans with
random intensities."""
NOT_HU = (
    "The values are not Hounsfield units (an MRI?), so names and masks are less reliable and densities are left out."
)

UNSIGNED = (
    "The values seem to lie {:.0f} above Hounsfield units, as unsigned files have them, and are read so; check the "
    "densities."
)


@dataclass(frozen=True)
class ScanImage:
    """A scan. A value times `scale` plus `shift` is in Hounsfield units, or in their range where not `is_hu`.

    shape, affine: of its voxels as they are stored. upright: they for ITK, in the order left, back, up, so that a scan
    stored another way round gives the same answer. warnings: what the user should know of the values. padding: what
    fills the array where nothing was scanned, if any.
    """

    shape: tuple[int, int, int]
    affine: np.ndarray
    upright: "sitk.Image"
    is_hu: bool
    scale: float
    shift: float
    warnings: tuple[str, ...]
    padding: "Padding | None"

    def on(self, grid: "ScanGrid") -> np.ndarray:
        """Values on a grid, float32, in HU."""
        from SpineLib.inference.scan_grid import resampled
        from SpineLib.inference.scan_input import LOWEST_HU

        values = resampled(self.upright, grid, (LOWEST_HU - self.shift) / self.scale)
        return values * np.float32(self.scale) + np.float32(self.shift)

    def at(self, voxels: "sitk.Image") -> np.ndarray:
        """Values of the nearest voxels at those of an image, float32 `(I, J, K)`, in HU."""
        import SimpleITK as sitk

        from SpineLib.inference.scan_input import LOWEST_HU
        from SpineLib.io.itk import array_of

        beyond = (LOWEST_HU - self.shift) / self.scale
        nearest = sitk.sitkNearestNeighbor
        values = sitk.Resample(self.upright, voxels, sitk.Transform(), nearest, beyond, sitk.sitkFloat32)
        return array_of(values) * np.float32(self.scale) + np.float32(self.shift)


def scan_image(volume: Volume) -> ScanImage:
    """The scan of a volume. Raises InputError for one in which no vertebra could be found."""
    import SimpleITK as sitk

    from SpineLib.io.itk import image_of
    from SpineLib.measurement.padding import find_padding

    usable_scan(volume)
    meaning = hu_scale(volume)
    scale, shift = 1.0, meaning.offset
    told = () if meaning.offset == 0 else (UNSIGNED.format(-meaning.offset),)
    if not meaning.is_hu:
        low, high = np.percentile(volume.voxels[::4, ::4, ::2], (1, 99))
        scale = (BRIGHT_HU - DARK_HU) / max(float(high - low), 1e-6)
        shift, told = DARK_HU - scale * float(low), (NOT_HU,)
    i, j, k = volume.voxels.shape
    upright = sitk.DICOMOrient(image_of(volume.voxels, volume.affine), "LPS")
    padding = find_padding(volume.voxels, scale, shift)
    return ScanImage((i, j, k), volume.affine, upright, meaning.is_hu, scale, shift, told, padding)
