# SPDX-License-Identifier: Apache-2.0
"""Anterior, middle and posterior height of a vertebral body, and where they were taken.

The three heights are those of Genant et al., "Vertebral fracture assessment using a semiquantitative technique" (JBMR
1993). Where along the depth they are taken, and the slab over which they are averaged, are our choice.
"""

from dataclasses import dataclass

import numpy as np

from SpineLib.measurement.body_frame import BodyFrame
from SpineLib.measurement.columns import columns
from SpineLib.measurement.soft_mask import SoftMask

PLACES = ("anterior", "middle", "posterior")
SHARES = (0.15, 0.5, 0.85)
"""Where the heights are taken, as shares of the endplates' depth from the front: off the rims, where spurs grow,
more of them in front."""
SLAB_MM = 10.0
SLAB_SHARE = 0.4
"""Widest slab as a share of the body's width, for small bodies."""
NEAR_MM = 1.0
"""Columns up to this far in front of and behind a place count for it."""
STEP_MM = 0.5
FRAYED_VOXELS = 1.5
LEAST_DEPTH_MM = 6.0
LEAST_BEFORE, LEAST_BEHIND = 0.5, 0.7
"""Least thickness in front and at the back, as shares of the median: the front of a wedge is low, while what is low
at the back has been pushed out into the canal."""


@dataclass(frozen=True)
class HeightReading:
    """`heights_mm`: anterior, middle, posterior. `ends`: (3, 2, 3) RAS mm, of each its lower and upper end.

    `depth_mm`: of the endplates in the midsagittal slab. `voxel_mm`: length along the body of a voxel of the grid it is
    measured on. `scan_voxel_mm`: of one of the scan, which a finer grid does not make any sharper.
    """

    heights_mm: tuple[float, float, float]
    ends: np.ndarray
    depth_mm: float
    voxel_mm: float
    scan_voxel_mm: float

    @property
    def quality(self) -> float:
        """1 for voxels that are short against the body, 0 where it is two voxels high; the longer ones count."""
        return float(np.clip(1 - 2 * max(self.voxel_mm, self.scan_voxel_mm) / min(self.heights_mm), 0, 1))

    @property
    def landmarks(self) -> dict[str, tuple[float, ...]]:
        """`upper_endplate_anterior` and so on -> RAS mm."""
        return {
            f"{side}_endplate_{place}": tuple(float(value) for value in self.ends[row, column])
            for row, place in enumerate(PLACES)
            for column, side in enumerate(("lower", "upper"))
        }


def read_heights(body: SoftMask, frame: BodyFrame, scan: np.ndarray) -> HeightReading | None:
    """The heights along the frame's up in the slab around its midsagittal plane; None where the slab holds no body.

    scan: affine of the scan that the body was seen in, 4x4, index -> RAS mm; its grid may be another than the mask's.
    Over a cleft from side to side the endplates are drawn through, as over gaps within a column.
    """
    found = columns(body, frame.center, frame.axes, STEP_MM, slab_half_width_mm(frame))
    lower, upper = _mean_across(found.lower), _mean_across(found.upper)
    edges = depth_ends(found.front, upper - lower)
    if edges is None:
        return None
    back, front = edges
    voxel_mm, scan_voxel_mm = (_voxel_mm(to_index, frame.up) for to_index in (body.to_index, np.linalg.inv(scan)))
    sound = _sound(found.front, lower, voxel_mm)
    if not sound.any():
        return None
    lower, upper = (np.interp(found.front, found.front[sound], surface[sound]) for surface in (lower, upper))
    ends, heights = np.zeros((3, 2, 3)), []
    for row, share in enumerate(SHARES):
        place = front - share * (front - back)
        near = np.abs(found.front - place) <= NEAR_MM
        low, high = float(lower[near].mean()), float(upper[near].mean())
        ends[row] = found.ras(0.0, place, low), found.ras(0.0, place, high)
        heights.append(high - low)
    return HeightReading((heights[0], heights[1], heights[2]), ends, front - back, voxel_mm, scan_voxel_mm)


def _voxel_mm(to_index: np.ndarray, up: np.ndarray) -> float:
    """Length of a voxel along `up`. to_index: 4x4, RAS mm -> index."""
    return 1 / float(np.linalg.norm(to_index[:3, :3] @ up))


def slab_half_width_mm(frame: BodyFrame) -> float:
    """Half the width of the midsagittal slab."""
    return min(SLAB_MM, SLAB_SHARE * frame.width_mm) / 2


def _mean_across(surface: np.ndarray) -> np.ndarray:
    """A surface (n, m) averaged over the slab: (m,), NaN where half of it or more is empty."""
    hit = np.isfinite(surface)
    counts = hit.sum(axis=0)
    total = np.where(hit, surface, 0).sum(axis=0)
    return np.where(counts > len(surface) / 2, total / np.maximum(counts, 1), np.nan)


def _sound(front: np.ndarray, surface: np.ndarray, voxel_mm: float) -> np.ndarray:
    """Where a profile (m,) is known, bool, off the frayed rims of gaps within it."""
    hit = np.isfinite(surface)
    known = np.flatnonzero(hit)
    gaps = np.flatnonzero(~hit & (np.arange(len(hit)) > known[0]) & (np.arange(len(hit)) < known[-1]))
    for gap in gaps:
        hit &= np.abs(front - front[gap]) > FRAYED_VOXELS * voxel_mm
    return hit


def depth_ends(front: np.ndarray, thickness: np.ndarray) -> tuple[float, float] | None:
    """Rear and front end (mm) of the part of a midsagittal profile (m,) that lies between the endplates."""
    hit = np.isfinite(thickness)
    if not hit.any():
        return None
    share = np.where(hit, thickness, 0) / np.median(thickness[hit])
    behind, before = np.flatnonzero(share >= LEAST_BEHIND), np.flatnonzero(share >= LEAST_BEFORE)
    back, ahead = float(front[behind[0]]), float(front[before[-1]])
    return (back, ahead) if ahead - back >= LEAST_DEPTH_MM else None
