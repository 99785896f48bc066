# SPDX-License-Identifier: Apache-2.0
"""Angles between endplates: lordosis, kyphosis and the Cobb angle, in degrees.

Sagittal angles are taken in the patient's sagittal plane (RAS: x fixed), coronal ones in the coronal plane (RAS: y
fixed), as on films. Lordosis is positive where the lumbar spine is hollow at the back, kyphosis where the thoracic
spine is round at the back. A coronal angle is positive where the curve is convex to the patient's right. The Cobb
angle is that of Cobb, "Outline for the study of scoliosis" (AAOS Instructional Course Lectures 1948); the plane of
best fit and the limits are our choice.
"""

from dataclasses import dataclass

import numpy as np

from SpineLib.core.level_order import positions
from SpineLib.measurement.body_frame import BodyFrame
from SpineLib.measurement.endplates import Endplate

LEAST_SPAN = 2
"""Levels between the ends of a Cobb angle: two neighbors alone show the error of their endplates, not a curve."""
KYPHOSIS_TOPS = ("T4", "T5", "T6", "T7", "T8", "T9")
"""T4, or the highest one seen of those below it; from T10 on too little of the thoracic spine is left."""
LEAST_BEND_MM = 1.0
"""Centers that leave a straight line by less have no plane of their own."""


@dataclass(frozen=True)
class Angle:
    """`degrees` between the upper endplate of the first and the lower of the last of `levels` (S1: its upper one)."""

    degrees: float
    levels: tuple[str, str]


def forward_lean(normal: np.ndarray) -> float:
    """Degrees by which an endplate's normal (3,) leans forward from straight up, in the sagittal plane."""
    return float(np.degrees(np.arctan2(normal[1], normal[2])))


def right_lean(normal: np.ndarray) -> float:
    """Degrees by which an endplate's normal (3,) leans to the patient's right, in the coronal plane."""
    return float(np.degrees(np.arctan2(normal[0], normal[2])))


def lumbar_lordosis(frames: dict[str, BodyFrame], sacral: Endplate | None = None) -> Angle | None:
    """L1's upper endplate to S1's, or to the lower one of L5 (L6 where there is one); None without both ends."""
    if "L1" not in frames:
        return None
    upper = forward_lean(frames["L1"].upper.normal)
    if sacral is not None:
        return Angle(forward_lean(sacral.normal) - upper, ("L1", "S1"))
    last = next((level for level in ("L6", "L5") if level in frames), None)
    return None if last is None else Angle(forward_lean(frames[last].lower.normal) - upper, ("L1", last))


def thoracic_kyphosis(frames: dict[str, BodyFrame]) -> Angle | None:
    """The upper endplate of T4, or of the highest of T5 to T9 that is seen, to T12's lower one."""
    top = next((level for level in KYPHOSIS_TOPS if level in frames), None)
    if top is None or "T12" not in frames:
        return None
    return Angle(forward_lean(frames[top].upper.normal) - forward_lean(frames["T12"].lower.normal), (top, "T12"))


def largest_cobb(frames: dict[str, BodyFrame]) -> Angle | None:
    """The largest coronal angle over all pairs of levels, with its sign; None for fewer than three vertebrae."""
    order = positions(frames)
    pairs = [(top, low) for top in order for low in order if order[low] - order[top] >= LEAST_SPAN]
    angles = [
        Angle(right_lean(frames[low].lower.normal) - right_lean(frames[top].upper.normal), (top, low))
        for top, low in pairs
    ]
    return max(angles, key=lambda angle: abs(angle.degrees), default=None)


def in_best_plane(frames: dict[str, BodyFrame], levels: tuple[str, str]) -> Angle | None:
    """The angle between the same endplates in the plane that fits the centers between them best; never negative.

    None where the centers lie on a line, so that any plane would do.
    """
    order = positions(frames)
    first, last = order[levels[0]], order[levels[1]]
    centers = np.array([frames[level].center for level, place in order.items() if first <= place <= last])
    centers = centers - centers.mean(axis=0)
    _, spread, directions = np.linalg.svd(centers, full_matrices=False)
    if len(centers) < 3 or spread[1] < LEAST_BEND_MM:
        return None
    ends = (frames[levels[0]].upper.normal, frames[levels[1]].lower.normal)
    flat = [directions[:2] @ end for end in ends]
    turn = flat[0][0] * flat[1][1] - flat[0][1] * flat[1][0]
    return Angle(float(np.degrees(np.arctan2(abs(turn), flat[0] @ flat[1]))), levels)
