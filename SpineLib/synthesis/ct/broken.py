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
FINE_MM = 1.5


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


def _plane_of(cause: Break, size: Size, affected: dict[str, Placed]) -> float:
    """Distance of the break's plane from the origin of the vertebra's frame, mm, along its normal."""
    direction = _direction(cause.part, size)
    start = direction[1] * (size.lower_depth / 2 - 3.0)
    tip = max(_reach(placed, direction) for placed in affected.values())
    return float(direction @ cause.normal) * (start + cause.place * (tip - start))


def _reach(placed: Placed, direction: np.ndarray) -> float:
    """How far a solid itself reaches from the origin, mm; the box around an oblique one reaches farther."""
    half = np.asarray(placed.solid.half)
    axes = [np.arange(-end, end + FINE_MM, FINE_MM, dtype=np.float32) for end in half]
    place = np.meshgrid(*axes, indexing="ij")
    inside = placed.solid.distances(*place)[0] <= 0
    parts = zip(placed.rotation.T @ direction, place, strict=True)
    along = sum(np.float32(part) * axis[inside] for part, axis in parts)
    return float(np.max(along, initial=0.0) + placed.center @ direction)


def broken(cause: Break, size: Size, parts: dict[str, Placed]) -> dict[str, Placed]:
    """The parts of a vertebra, in its own frame, with that process in two pieces."""
    affected = _affected(cause, parts)
    normals, offsets = cause.normal[None], np.array([_plane_of(cause, size, affected)])
    if cause.part == "spinous":
        normals = np.array([cause.normal, [1, 0, 0], [-1, 0, 0]])
        offsets = np.array([offsets[0], -SPINOUS_HALF_MM, -SPINOUS_HALF_MM])
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
