# SPDX-License-Identifier: Apache-2.0
"""Broken processes: what lies beyond a plane stands off from the rest of the vertebra.

Where a process breaks and how far its end moves is our choice.
"""

from dataclasses import dataclass

import numpy as np

from SpineLib.synthesis.morphometry import Size
from SpineLib.synthesis.projection import Placed, Solid
from SpineLib.synthesis.solids import layers

PART_OF = {"spinous process": ("spinous",), "transverse process": ("transverse right", "transverse left")}
PLACES = {"spinous process": (0.5, 0.8), "transverse process": (0.6, 0.85)}
"""Where they break, as shares of the way from the canal's front wall, or from the middle, to the tip."""
NEAR_MM = 3.0
"""How far before a break bone counts as fractured, as all beyond it does."""
SURFACE_MM = 0.5
"""How far beyond its smooth surface bone reaches that is uneven."""
SPINOUS_HALF_MM = 8.0
"""Half the width of what may break off of a spinous process; the joints beside it stay."""
MEDIAL = 0.5
"""What breaks off of a transverse process lies beyond this share of the way to its tip."""
FINE_MM = 1.5
ABOUT_MM = 2.0
"""Bone so near to a place along a process is taken for its cross-section there."""


@dataclass(frozen=True)
class Break:
    """How a process is broken: `part` of `PART_OF`; `place` along it, a share; `normal` (3,) of the plane and how
    its end has `moved_mm` (3,), in the vertebra's own frame."""

    part: str
    place: float
    normal: np.ndarray
    moved_mm: np.ndarray


@dataclass(frozen=True, eq=False)
class Piece:
    """What of a solid is broken off, where `normals[i] . p > offsets_mm[i]` of its frame for all i, or the rest of it;
    bare bone at the break. normals: (n, 3)."""

    solid: Solid
    normals: np.ndarray
    offsets_mm: np.ndarray
    is_end: bool

    @property
    def half(self) -> np.ndarray:
        return self.solid.half

    def distances(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances in mm, negative inside: to the outer surface and to the inside of the wall."""
        beyond = self._beyond(x, y, z)
        cut = -beyond if self.is_end else beyond
        outer, inner = self.solid.distances(x, y, z)
        return np.maximum(outer, cut), np.maximum(inner, cut)

    def attenuation(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        return layers(self.solid, *self.distances(x, y, z))

    def is_fractured(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Where there is bone that counts as fractured: all of the broken end, and what faces it."""
        return (self.distances(x, y, z)[0] <= SURFACE_MM) & (self._beyond(x, y, z) > -NEAR_MM)

    def _beyond(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """How far beyond the break, mm; negative before it."""
        planes = zip(self.normals.astype(np.float32), self.offsets_mm.astype(np.float32), strict=True)
        return np.minimum.reduce([normal[0] * x + normal[1] * y + normal[2] * z - offset for normal, offset in planes])


def _direction(part: str, size: Size) -> np.ndarray:
    """Which way a process points in the vertebra's own frame; the spinous ones of the chest run steeply downward."""
    if part == "spinous":
        slope = np.deg2rad(size.spinous_slope)
        return np.array([0.0, np.cos(slope), -np.sin(slope)])
    return np.array([-1.0 if part == "transverse right" else 1.0, 0.0, 0.0])


def sample_break(kind: str, size: Size, rng: np.random.Generator) -> Break:
    """A break of one kind of process, most pulled down and outward."""
    part = str(rng.choice(PART_OF[kind]))
    direction = _direction(part, size)
    normal = direction + rng.normal(0, 0.2, 3)
    moved = rng.uniform(2, 6) * direction + np.array([0, 0, -rng.uniform(0, 4)]) + rng.normal(0, 0.5, 3)
    return Break(part, float(rng.uniform(*PLACES[kind])), normal / np.linalg.norm(normal), moved)


def _planes_of(cause: Break, size: Size, affected: dict[str, Placed]) -> tuple[np.ndarray, np.ndarray]:
    """Normals (n, 3) and offsets (n,), mm in the vertebra's frame, of the planes beyond all of which the end lies."""
    direction = _direction(cause.part, size)
    bone = np.concatenate([_points_in(placed) for placed in affected.values()])
    if cause.part == "spinous":
        bone = bone[np.abs(bone[:, 0]) < SPINOUS_HALF_MM]
    along = bone @ direction
    start, tip = direction[1] * (size.lower_depth / 2 - 3.0), along.max()
    # The process does not run through the vertebra's middle, where a tilted plane would be elsewhere.
    middle = bone[np.abs(along - start - cause.place * (tip - start)) < ABOUT_MM].mean(axis=0)
    through = float(cause.normal @ middle)
    if cause.part == "spinous":
        sides = np.array([[1.0, 0, 0], [-1.0, 0, 0]])
        return np.array([cause.normal, *sides]), np.array([through, -SPINOUS_HALF_MM, -SPINOUS_HALF_MM])
    return np.array([cause.normal, direction]), np.array([through, MEDIAL * tip])


def _points_in(placed: Placed) -> np.ndarray:
    """Points (n, 3) inside a solid, in the frame that it is placed in."""
    axes = [np.arange(-end, end + FINE_MM, FINE_MM, dtype=np.float32) for end in np.asarray(placed.solid.half)]
    place = np.meshgrid(*axes, indexing="ij")
    inside = placed.solid.distances(*place)[0] <= 0
    return np.stack([axis[inside] for axis in place], -1) @ placed.rotation.T + placed.center


def broken(cause: Break, size: Size, parts: dict[str, Placed]) -> dict[str, Placed]:
    """The parts of a vertebra, in its own frame, with that process in two pieces."""
    affected = _affected(cause, parts)
    normals, offsets = _planes_of(cause, size, affected)
    found = dict(parts)
    for name, placed in affected.items():
        planes = normals @ placed.rotation, offsets - normals @ placed.center
        rest, end = (Piece(placed.solid, *planes, is_end) for is_end in (False, True))
        found[name] = Placed(rest, placed.rotation, placed.center)
        found[f"{name} end"] = Placed(end, placed.rotation, placed.center + cause.moved_mm)
    return found


def _affected(cause: Break, parts: dict[str, Placed]) -> dict[str, Placed]:
    """The process alone where it is a part by itself; a real shape is one part behind its body."""
    return {cause.part: parts[cause.part]} if cause.part in parts else {"posterior": parts["posterior"]}
