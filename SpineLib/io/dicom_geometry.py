# SPDX-License-Identifier: Apache-2.0
"""Where the slices of a DICOM scan lie, and whether they make up one regular grid."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SpineLib.core.errors import InputError
from SpineLib.core.volume import RAS_TO_LPS

SAME_PLACE_MM = 0.01
GAP = 1.5
"""A step this many times the usual one means that a slice is missing."""
TOLERANCE_MM, TOLERANCE = 0.1, 0.1
"""How far a slice may lie off the even grid: the larger of this and of this share of the step. Our choice: headers
round positions to a tenth of a millimeter."""
MAX_TILT_DEG = 0.5
"""Beyond it the stack counts as sheared by a tilted gantry; below, the shear stays in the affine. Our choice."""


@dataclass(frozen=True)
class Slice:
    """One image of a scan. Lengths in mm, LPS.

    frame: its number in the file. position: center of its first pixel. along_row, along_column: unit vectors.
    spacing: between rows, between columns. size: rows, columns.
    """

    file: Path
    frame: int
    position: np.ndarray
    along_row: np.ndarray
    along_column: np.ndarray
    spacing: tuple[float, float]
    size: tuple[int, int]

    @property
    def normal(self) -> np.ndarray:
        return np.cross(self.along_row, self.along_column)


def stack(name: str, slices: Sequence[Slice]) -> tuple[list[Slice], np.ndarray]:
    """The slices in order along their normal, and the 4x4 affine: (column, row, slice, 1) -> RAS mm.

    name: of the folder or file, for messages. Raises InputError where two or more slices do not make up a regular grid.
    """
    _check_alike(name, slices)
    first = slices[0]
    heights = np.array([each.position @ first.normal for each in slices])
    order = np.argsort(heights, kind="stable")
    ordered = [slices[index] for index in order]
    _check_steps(name, np.diff(heights[order]))
    positions = np.array([each.position for each in ordered])
    step = (positions[-1] - positions[0]) / (len(ordered) - 1)
    _check_tilt(name, step, first.normal)
    even = positions[0] + np.arange(len(ordered))[:, None] * step
    if np.linalg.norm(positions - even, axis=1).max() > max(TOLERANCE_MM, TOLERANCE * float(np.linalg.norm(step))):
        raise InputError(f"The slices in {name} are not evenly spaced.", "Resample the scan to even slices.")
    to_lps = np.eye(4)
    to_lps[:3, 0] = first.along_row * first.spacing[1]
    to_lps[:3, 1] = first.along_column * first.spacing[0]
    to_lps[:3, 2], to_lps[:3, 3] = step, positions[0]
    return ordered, RAS_TO_LPS @ to_lps


def _check_alike(name: str, slices: Sequence[Slice]) -> None:
    sizes = sorted({each.size for each in slices})
    if len(sizes) > 1:
        shown = " and ".join(f"{columns} x {rows}" for rows, columns in (sizes[0], sizes[-1]))
        raise InputError(
            f"The slices in {name} differ in size ({shown} pixels).", "Give the slices of one scan, or export it again."
        )
    if not np.allclose([each.spacing for each in slices], slices[0].spacing, rtol=1e-3):
        raise InputError(
            f"The slices in {name} differ in the size of their pixels.", "Give the slices of one scan, or resample it."
        )
    turned = [(*each.along_row, *each.along_column) for each in slices]
    if not np.allclose(turned, turned[0], atol=1e-3):
        raise InputError(
            f"The slices in {name} are not parallel, as in a radial scan or when several scans are mixed.",
            "Give the slices of one scan with parallel slices.",
        )


def _check_steps(name: str, steps: np.ndarray) -> None:
    """steps: distances in mm between neighboring slices, none below 0."""
    places = 1 + int((steps > SAME_PLACE_MM).sum())
    if places <= len(steps):
        raise InputError(
            f"{name} holds {len(steps) + 1} images at {places} positions: a series over time (4D) or a mixture.",
            "Put the slices of one time point into a folder of their own.",
        )
    usual = float(np.median(steps))
    gaps = steps[steps > GAP * usual]
    if gaps.size:
        missing = int(np.rint(gaps / usual - 1).clip(1).sum())
        raise InputError(
            f"Slices are missing in {name}: between slices {usual:.2f} mm apart there is a gap of {gaps.max():.2f} mm "
            f"(about {missing} missing in all).",
            "Copy or export the whole scan again.",
        )


def _check_tilt(name: str, step: np.ndarray, normal: np.ndarray) -> None:
    cosine = float(normal @ step / np.linalg.norm(step))
    tilt = float(np.degrees(np.arccos(min(1.0, cosine))))
    if tilt > MAX_TILT_DEG:
        raise InputError(
            f"The slices in {name} are stacked askew by {tilt:.1f} degrees (gantry tilt).",
            "Correct the tilt or resample the scan to a right-angled grid first.",
        )
