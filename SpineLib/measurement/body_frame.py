# SPDX-License-Identifier: Apache-2.0
"""Where a vertebral body's own right, front and up are, and its two endplates.

Up is the mean normal of both endplates, so that heights do not grow with the tilt of the vertebra. How the directions
are found, and all limits, are our choice.
"""

from dataclasses import dataclass

import numpy as np

from SpineLib.core.mask import Mask
from SpineLib.measurement.columns import Columns, columns
from SpineLib.measurement.endplates import Endplate, fit_endplate, middle_part
from SpineLib.measurement.soft_mask import SoftMask

ANTERIOR, SUPERIOR = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
ROUNDS = 5
STEP_MM = 1.0
LEAST_VOLUME_MM3 = 700.0
"""Half of the smallest adult body (C3: some 1800 mm3). Less is a sliver without endplates."""
LEAST_VOXELS = 80
LEAST_ARCH = 0.15
"""Posterior elements smaller than this share of the body do not tell where the back is."""
BELIEVED_UP, BELIEVED_BACK = np.cos(np.deg2rad(55)), np.cos(np.deg2rad(60))
"""How far from the expected direction what the bone's shape tells is still believed."""


@dataclass(frozen=True)
class BodyFrame:
    """`center` (3,) RAS mm, midway between the endplates. `axes` (3, 3): unit vectors right, front, up as columns.

    `width_mm`: of the body, left to right.
    """

    center: np.ndarray
    axes: np.ndarray
    width_mm: float
    upper: Endplate
    lower: Endplate

    @property
    def right(self) -> np.ndarray:
        return self.axes[:, 0]

    @property
    def front(self) -> np.ndarray:
        return self.axes[:, 1]

    @property
    def up(self) -> np.ndarray:
        return self.axes[:, 2]


def fit_frame(
    body: SoftMask,
    affine: np.ndarray,
    whole: Mask | None = None,
    above: np.ndarray | None = None,
    below: np.ndarray | None = None,
) -> BodyFrame | None:
    """The frame of a body; None where it is too small or shows no endplates.

    affine: 4x4, index -> RAS mm. whole: the vertebra with its posterior elements, which tell front from back; without
    them the patient's anterior does. above, below: centers (3,) RAS mm of the neighboring bodies; without them the
    shortest principal axis of the body is taken for up.
    """
    volume = len(body.points) * abs(np.linalg.det(affine[:3, :3]))
    if len(body.points) < LEAST_VOXELS or volume < LEAST_VOLUME_MM3:
        return None
    up = _first_up(body.points, above, below)
    front = _front(body.center, len(body.points), affine, whole)
    planes = None
    for _ in range(ROUNDS):
        planes = _planes(columns(body, body.center, axes_of(up, front), STEP_MM))
        if planes is None:
            return None
        up = planes[0].normal + planes[1].normal
    assert planes is not None
    upper, lower = planes
    axes = axes_of(up, front)
    width = float(np.ptp(np.percentile(body.points @ axes[:, 0], [1, 99])))
    return BodyFrame((upper.point + lower.point) / 2, axes, width, upper, lower)


def axes_of(up: np.ndarray, front: np.ndarray) -> np.ndarray:
    """(3, 3): right, front, up as columns; `up` keeps its direction, `front` is made orthogonal to it."""
    up = up / np.linalg.norm(up)
    front = front - up * (front @ up)
    if np.linalg.norm(front) < 1e-3:
        front = SUPERIOR - up * up[2]
    front = front / np.linalg.norm(front)
    return np.stack([np.cross(front, up), front, up], axis=1)


def _planes(found: Columns) -> tuple[Endplate, Endplate] | None:
    where = middle_part(found.footprint, found.right, found.front)
    upper, lower = fit_endplate(found, found.upper, where), fit_endplate(found, found.lower, where)
    return None if upper is None or lower is None else (upper, lower)


def _first_up(points: np.ndarray, above: np.ndarray | None, below: np.ndarray | None) -> np.ndarray:
    """Along the center line where there is one; else the shortest axis, since bodies are wider and deeper than high."""
    center = points.mean(axis=0)
    if above is not None or below is not None:
        line = (center if above is None else above) - (center if below is None else below)
        return line / np.linalg.norm(line) if np.linalg.norm(line) > 1 else SUPERIOR
    shortest = np.linalg.eigh(np.cov((points - center).T))[1][:, 0]
    shortest = shortest if shortest[2] > 0 else -shortest
    return shortest if shortest[2] > BELIEVED_UP else SUPERIOR


def _front(center: np.ndarray, voxels: int, affine: np.ndarray, whole: Mask | None) -> np.ndarray:
    """From the posterior elements to the body; the patient's anterior where that is not to be believed."""
    if whole is None or whole.count < (1 + LEAST_ARCH) * voxels:
        return ANTERIOR
    indices = np.argwhere(whole.box) + np.array(whole.origin)
    middle = affine[:3, :3] @ indices.mean(axis=0) + affine[:3, 3]
    # The centroid of the whole lies on the line from the body's to that of the rest.
    toward = center - middle
    length = np.linalg.norm(toward)
    return toward / length if length > 1 and toward @ ANTERIOR > BELIEVED_BACK * length else ANTERIOR
