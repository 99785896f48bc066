# SPDX-License-Identifier: Apache-2.0
"""Solids from real shapes: a body and what lies behind it, read from signed distances, as large as a pose says."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from SpineLib.synthesis.curve import Pose
from SpineLib.synthesis.projection import Placed
from SpineLib.synthesis.shapes.store import Shape
from SpineLib.synthesis.solids import CORTICAL, EDGE, TRABECULAR, layers

SEAM_MM = 1.0
"""How far body and rest reach into each other, so that no gap shows between them."""
BEYOND = 1.1
"""Half the width of what counts as body as a share of half the body's width; transverse processes lie beyond it."""
PEDICLES = np.float32(0.72)
"""Where the pedicles begin, as a share of half the body's width."""
ATLAS_SPLIT_MM = -1e3
WALL_MM = 0.9
BULGE_MM = 1.0
"""Room for the ripples at the sides of a box."""


@dataclass(frozen=True)
class Looks:
    """How one person's vertebra differs from the shape it is made of.

    `mirrored`: left and right change places. `reach`: length of the processes as a share of the shape's. `ripple`
    (3, 3): rows for x, y, z with amplitude (mm), wave number (1/mm) and phase of a smooth displacement.
    """

    shape: Shape
    mirrored: bool
    reach: float
    ripple: np.ndarray


@dataclass(frozen=True, eq=False)
class ShapedSolid:
    """The body of a shape, or the rest of it, in a frame whose origin lies at `offset` (mm) from the body's middle.

    `scale` (3,): the vertebra's size as a multiple of the shape's. `wedge` as in `Pose`.
    """

    looks: Looks
    scale: np.ndarray
    wedge: float
    is_body: bool
    offset: np.ndarray
    half: np.ndarray
    shell: float = CORTICAL
    core: float = TRABECULAR
    edge: float = EDGE

    @cached_property
    def _cuts(self) -> tuple[float, float, float]:
        """Behind which y, beyond which x to either side and above which z the body ends, mm."""
        shape, (across, along, up) = self.looks.shape, self.scale
        if shape.level == "C1":
            return ATLAS_SPLIT_MM, ATLAS_SPLIT_MM, ATLAS_SPLIT_MM
        top = shape.size_mm[2] / 2 * up if shape.level == "C2" else -ATLAS_SPLIT_MM
        return shape.split_mm * along, shape.size_mm[0] / 2 * across * BEYOND, top

    def distances(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances in mm, negative inside: to the outer surface and to the inside of the wall."""
        x, y, z = (part + np.float32(move) if move else part for part, move in zip((x, y, z), self.offset, strict=True))
        outer = self._sample(x, y, z)
        inner = outer + np.float32(WALL_MM)
        back, side, top = (np.float32(cut) for cut in self._cuts)
        aside = np.abs(x)
        if not self.is_body:
            # The wall in front of the canal is the body's alone, the pedicles beside it are shared.
            back = back + np.float32(2 * SEAM_MM) * np.clip(4 - aside * (4 / (PEDICLES * side)), 0, 1)
        beyond = np.maximum(y - back, aside - side)
        if self.looks.shape.level == "C2":
            beyond = np.maximum(beyond, z - top)
        # The wall does not run through the bone where body and rest meet.
        cut = (beyond if self.is_body else -beyond) - np.float32(SEAM_MM)
        return np.maximum(outer, cut), np.maximum(inner, cut)

    def attenuation(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        return layers(self, *self.distances(x, y, z))

    def _sample(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """The shape's signed distance at points of the vertebra's frame, in mm of the vertebra."""
        looks, shape = self.looks, self.looks.shape
        if self.wedge:
            half = np.float32(shape.size_mm[0] / 2 * self.scale[0])
            lower = np.float32(self.wedge / (shape.size_mm[2] * self.scale[2])) * np.clip(x, -half, half)
            z = z / np.clip(1 - lower, np.float32(0.5), np.float32(1.5))
        split = np.float32(shape.split_mm * self.scale[1])
        if shape.level != "C1" and looks.reach != 1:
            y = y - np.maximum(y - split, 0) * np.float32(1 - 1 / looks.reach)
        return sample(looks, self.scale, x, y, z)


def sample(looks: Looks, scale: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Signed distance in mm to a shape that is stretched by `scale` (3,), mirrored and rippled."""
    shape, place = looks.shape, (x, y, z)
    mirror = -1.0 if looks.mirrored else 1.0
    indices = np.empty((3, *np.broadcast_shapes(x.shape, y.shape, z.shape)), np.float32)
    factors = np.array([mirror, 1.0, 1.0]) / scale
    for axis, (amplitude, wave, phase) in enumerate(looks.ripple):
        moved = np.sin(np.float32(wave) * place[(axis + 1) % 3] + np.float32(phase))
        moved *= np.float32(amplitude)
        # The origin stays where it is.
        moved += place[axis] - np.float32(amplitude * np.sin(phase))
        moved *= np.float32(factors[axis] / shape.voxel_mm)
        moved -= np.float32(shape.corner_mm[axis] / shape.voxel_mm)
        indices[axis] = moved
    found = ndimage.map_coordinates(shape.distances, indices, np.float32, order=1, mode="nearest")
    found *= np.float32(np.cbrt(np.prod(scale)))
    return found


def shaped_parts(pose: Pose, looks: Looks) -> tuple[ShapedSolid | None, dict[str, Placed]]:
    """The body (None for C1) and the other part, in the vertebra's own frame."""
    scale, shape = _scale(pose, looks.shape), looks.shape
    low, high = shape.corner_mm * scale, shape.far_corner_mm * scale
    if looks.mirrored:
        low[0], high[0] = -high[0], -low[0]
    high[1] += max(high[1], 0) * max(looks.reach - 1, 0)
    rest = ShapedSolid(looks, scale, pose.wedge, False, (low + high) / 2, (high - low) / 2)
    placed = {"posterior": Placed(rest, np.eye(3), rest.offset)}
    if shape.level == "C1":
        return None, placed
    return ShapedSolid(looks, scale, pose.wedge, True, np.zeros(3), _body_half(shape, scale)), placed


def _scale(pose: Pose, shape: Shape) -> np.ndarray:
    """By how much a shape is stretched along x, y and z to measure what the pose's size says."""
    size = pose.size
    if shape.level == "C1":
        across, along = size.process_span / shape.size_mm[0], (size.canal_depth + 16) / shape.size_mm[1]
        return np.array([across, along, (across + along) / 2])
    wanted = np.array([size.upper_width + size.lower_width, size.upper_depth + size.lower_depth, 2 * size.height]) / 2
    return wanted / shape.size_mm


def _body_half(shape: Shape, scale: np.ndarray) -> np.ndarray:
    """Half the box around a body, which lies about evenly around the origin."""
    across, along, up = shape.size_mm * scale / 2
    room = BULGE_MM + SEAM_MM + 0.5
    # Rims and the hooks of the neck stand over the endplates.
    return np.array([across * BEYOND + room, along * 1.15 + room, up * 1.25 + room + 1.5])
