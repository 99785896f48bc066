# SPDX-License-Identifier: Apache-2.0
"""Whether an image can be a scan of a spine, and what its values mean. Needs no network: a bad scan is told at once."""

from dataclasses import dataclass

import numpy as np

from SpineLib.core.errors import InputError
from SpineLib.core.volume import Volume

MIN_VOXELS = 8
MIN_EXTENT_MM = 30.0
"""About one vertebra."""
MIN_SPACING_MM, MAX_SPACING_MM = 0.05, 8.0
SAMPLE_VOXELS = 200_000
HU_OF_STORED_ZERO = -1024.0
"""What most scanners add to the unsigned values they store."""
LOWEST_HU = -1100.0
"""Below it is padding around a round field of view."""
LUNG_HU = -500.0
SOFT_TISSUE_HU = (-200.0, 300.0)
"""Fat to bone marrow, with and without contrast."""
SOFT_TISSUE_SHARE = 0.5
"""Of what is denser than lung, at least this share is soft tissue in any CT of a body. Our choice."""
NEGATIVE_SHARE = 0.01
WIDE_HU = 150.0


@dataclass(frozen=True)
class ScanValues:
    """What the values of a scan mean. Where `is_hu`, a value plus `offset` is in Hounsfield units."""

    is_hu: bool
    offset: float = 0.0


def usable_scan(volume: Volume) -> None:
    """Raise InputError for an image in which no vertebra could be found in three dimensions.

    That is: a film or a single slice, unknown or unusable spacing, too thick slices, too small a field, values that
    are not numbers or all the same. Memory stays bounded: the values are looked at slice by slice.
    """
    if volume.is_film:
        raise InputError(
            "The image is a single slice or a radiograph, but this task needs a scan in three dimensions.",
            "Give all slices of a CT, or choose the task for radiographs.",
        )
    if not volume.spacing_known:
        raise InputError(
            "The distance between the scan's voxels is not known.",
            "Export the scan as DICOM, NIfTI or NRRD, with its spacing.",
        )
    _check_grid(volume)
    _check_values(volume.voxels)


def _check_grid(volume: Volume) -> None:
    spacing, shape = volume.spacing_mm, volume.voxels.shape
    size = " x ".join(f"{count}" for count in shape)
    if min(spacing) < MIN_SPACING_MM:
        raise InputError(f"Voxels {min(spacing):.4f} mm apart are unusable.", "Check the scan's spacing.")
    if max(spacing) > MAX_SPACING_MM:
        raise InputError(
            f"The scan's slices are {max(spacing):.1f} mm apart, too far to tell vertebrae from discs.",
            f"Use a scan with slices at most {MAX_SPACING_MM:g} mm apart.",
        )
    if min(shape) < MIN_VOXELS:
        raise InputError(
            f"The scan has only {size} voxels.", f"Use a scan with at least {MIN_VOXELS} slices along every axis."
        )
    extent = [count * step for count, step in zip(shape, spacing, strict=True)]
    if min(extent) < MIN_EXTENT_MM:
        shown = " x ".join(f"{length:.0f}" for length in extent)
        raise InputError(
            f"The scan shows only {shown} mm, less than a vertebra.",
            f"Use a scan of at least {MIN_EXTENT_MM:g} mm along every axis.",
        )


def _check_values(voxels: np.ndarray) -> None:
    lowest, highest = np.inf, -np.inf
    for index in range(voxels.shape[2]):
        low, high = float(voxels[:, :, index].min()), float(voxels[:, :, index].max())
        if not np.isfinite((low, high)).all():
            raise InputError("The scan has voxels that are not numbers (NaN or infinite).", "Export the scan again.")
        lowest, highest = min(lowest, low), max(highest, high)
    if lowest == highest:
        raise InputError(f"All voxels of the scan have the same value ({lowest:g}).", "Export the scan again.")


def hu_scale(volume: Volume) -> ScanValues:
    """Tell Hounsfield units, unsigned values 1024 above them, and other images (MRI) apart, from a sample of voxels.

    A CT in Hounsfield units has negative values (air, fat) and most of what is denser than lung near 0; an unsigned one
    has that near 1024 and none below 0. In an MRI the tissues are spread over the whole range. Our own rule.
    """
    if volume.modality == "mr":
        return ScanValues(is_hu=False)
    values = _sample(volume.voxels)
    negative = float((values < 0).mean())
    if negative >= NEGATIVE_SHARE and _is_body(values):
        return ScanValues(is_hu=True)
    if negative < NEGATIVE_SHARE and _is_body(values + HU_OF_STORED_ZERO):
        return ScanValues(is_hu=True, offset=HU_OF_STORED_ZERO)
    return ScanValues(is_hu=False)


def _sample(voxels: np.ndarray) -> np.ndarray:
    """Evenly strided values, padding left out."""
    stride = max(1, int(np.ceil((voxels.size / SAMPLE_VOXELS) ** (1 / 3))))
    values = voxels[::stride, ::stride, ::stride].astype(np.float32).ravel()
    return values[np.isfinite(values) & (values >= LOWEST_HU)]


def _is_body(hu: np.ndarray) -> bool:
    """Whether the values look like a body's, were they Hounsfield units: mostly soft tissue, and air, lung or bone."""
    dense = hu[hu > LUNG_HU]
    if dense.size == 0:
        return False
    low, high = SOFT_TISSUE_HU
    spread = np.percentile(hu, (0.5, 99.5))
    wide = spread[0] < -WIDE_HU or spread[1] > WIDE_HU
    return bool(wide and ((dense > low) & (dense < high)).mean() >= SOFT_TISSUE_SHARE)
