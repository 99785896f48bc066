# SPDX-License-Identifier: Apache-2.0
"""Sacrum and hip bones from real shapes. Their frame lies in the middle of the sacrum's upper endplate."""

from dataclasses import dataclass, replace

import numpy as np

from SpineLib.synthesis.ct.shaped import Looks, sample
from SpineLib.synthesis.curve import Pose
from SpineLib.synthesis.pelvis import femur
from SpineLib.synthesis.projection import Placed
from SpineLib.synthesis.shapes.store import HIPS, SACRUM
from SpineLib.synthesis.solids import CORTICAL, EDGE, TRABECULAR, layers
from SpineLib.synthesis.vertebra import SIDES

WALL_MM = 1.0
JOINT_MM = 1.5
"""Width of the gap between the sacrum and a hip bone."""
SCALES = (0.8, 1.25)
UNEVEN = 0.07
"""How much more or less the sacrum is stretched along one of its axes than on average."""
ROOM_MM = 1.5


@dataclass(frozen=True, eq=False)
class ShapedBone:
    """A whole bone of a shape, in a frame at `offset` (mm) from the shape's own; `scale` (3,) as in `ShapedSolid`."""

    looks: Looks
    scale: np.ndarray
    offset: np.ndarray
    half: np.ndarray
    shell: float = CORTICAL
    core: float = TRABECULAR
    edge: float = EDGE

    def distances(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances in mm, negative inside: to the outer surface and to the inside of the wall."""
        x, y, z = (part + np.float32(move) for part, move in zip((x, y, z), self.offset, strict=True))
        outer = sample(self.looks, self.scale, x, y, z)
        return outer, outer + np.float32(WALL_MM)

    def attenuation(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        return layers(self, *self.distances(x, y, z))


@dataclass(frozen=True, eq=False)
class Carved:
    """What a solid leaves of itself `JOINT_MM` away from another one, which is `placed` in its frame."""

    solid: ShapedBone
    placed: Placed

    @property
    def half(self) -> np.ndarray:
        return self.solid.half

    def distances(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances in mm, negative inside: to the outer surface and to the inside of the wall."""
        outer, inner = self.solid.distances(x, y, z)
        turn, center = self.placed.rotation.astype(np.float32), self.placed.center.astype(np.float32)
        moved = x - center[0], y - center[1], z - center[2]
        own = [sum((turn[i, row] * moved[i] for i in range(1, 3)), turn[0, row] * moved[0]) for row in range(3)]
        near = np.float32(JOINT_MM) - self.placed.solid.distances(*own)[0]
        return np.maximum(outer, near), np.maximum(inner, near + np.float32(WALL_MM))

    def attenuation(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        return layers(self.solid, *self.distances(x, y, z))


@dataclass(frozen=True)
class Pelvis:
    """Bones in the world; `hips` is empty where no real hip bones are known, `femurs` are then the film's own."""

    sacrum: Placed
    hips: list[Placed]
    femurs: list[Placed]


def shaped_pelvis(looks: dict[str, Looks], lowest: Pose, slope: float, scale: float) -> Pelvis | None:
    """The bones under the `lowest` vertebra whose endplate leans forward by `slope` degrees; None without a sacrum."""
    if SACRUM not in looks:
        return None
    angle = np.deg2rad(slope)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    stretch = _stretch(looks[SACRUM], lowest)
    bone = _place(looks[SACRUM], stretch, turn)
    if not all(name in looks for name in HIPS):
        return Pelvis(bone, [], [])
    hips, femurs = [], []
    for side in SIDES:
        mirror = -1.0 if looks[SACRUM].mirrored else 1.0
        # The left is where x is positive.
        own = looks[HIPS[0] if side * mirror > 0 else HIPS[1]]
        hips.append(carve(_place(own, stretch, turn), bone))
        socket = turn @ (own.shape.size_mm * stretch * [mirror, 1.0, 1.0])
        head, *others = femur(side, scale, 1.0)
        femurs += [replace(part, center=part.center - head.center + socket) for part in (head, *others)]
    return Pelvis(bone, hips, femurs)


def carve(placed: Placed, away_from: Placed) -> Placed:
    """A bone that keeps its distance from another one; both are placed in the world."""
    seen = Placed(away_from.solid, away_from.rotation, away_from.center - placed.center)
    return replace(placed, solid=Carved(placed.solid, seen.within(placed.rotation.T, np.zeros(3))))


def _stretch(looks: Looks, lowest: Pose) -> np.ndarray:
    """(3,), multiples of the shape's size under which its endplate fits the vertebra above."""
    wanted = np.array([lowest.size.lower_width, lowest.size.lower_depth])
    shares = np.clip(wanted / looks.shape.size_mm[:2], *SCALES)
    mean = float(np.sqrt(shares.prod()))
    across, along = np.clip(shares / mean, 1 - UNEVEN, 1 + UNEVEN) * mean
    return np.array([across, along, mean])


def _place(looks: Looks, scale: np.ndarray, turn: np.ndarray) -> Placed:
    low, high = looks.shape.corner_mm * scale, looks.shape.far_corner_mm * scale
    if looks.mirrored:
        low[0], high[0] = -high[0], -low[0]
    middle = (low + high) / 2
    return Placed(ShapedBone(looks, scale, middle, (high - low) / 2 + ROOM_MM), turn, turn @ middle)
