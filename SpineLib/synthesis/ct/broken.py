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
DIRECTIONS = {"spinous": (0.0, 1.0, 0.0), "transverse right": (-1.0, 0.0, 0.0), "transverse left": (1.0, 0.0, 0.0)}
"""Which way the processes point in the vertebra's own frame."""
PLACES = {"spinous process": (0.5, 0.8), "transverse process": (0.6, 0.85)}
"""Where they break, as shares of the way from the canal's front wall, or from the middle, to the tip."""
NEAR_MM = 3.0
"""How far before a break bone counts as fractured, as all beyond it does."""
SURFACE_MM = 0.5
"""How far beyond its smooth surface bone reaches that is uneven."""
FINE_MM = 1.5


@dataclass(frozen=True)
class Break:
    """How a process is broken: `part` of `DIRECTIONS`; `place` along it, a share; `normal` (3,) of the plane and how
    its end has `moved_mm` (3,), in the vertebra's own frame."""

    part: str
    place: float
    normal: np.ndarray
    moved_mm: np.ndarray


@dataclass(frozen=True, eq=False)
class Piece:
    """What of a solid lies on one side of the plane `normal . p = offset_mm` of its frame; bare bone at the plane."""

    solid: Solid
    normal: np.ndarray
    offset_mm: float
    is_far: bool

    @property
    def half(self) -> np.ndarray:
        return self.solid.half

    def distances(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances in mm, negative inside: to the outer surface and to the inside of the wall."""
        beyond = sum(np.float32(part) * axis for part, axis in zip(self.normal, (x, y, z), strict=True))
        beyond = beyond - np.float32(self.offset_mm)
        cut = -beyond if self.is_far else beyond
        outer, inner = self.solid.distances(x, y, z)
        return np.maximum(outer, cut), np.maximum(inner, cut)

    def attenuation(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        return layers(self.solid, *self.distances(x, y, z))

    def is_fractured(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Where there is bone that counts as fractured: all of the broken end, and what faces it."""
        beyond = sum(np.float32(part) * axis for part, axis in zip(self.normal, (x, y, z), strict=True))
        return (self.distances(x, y, z)[0] <= SURFACE_MM) & (beyond > self.offset_mm - NEAR_MM)


def sample_break(kind: str, rng: np.random.Generator) -> Break:
    """A break of one kind of process, most pulled down and outward."""
    part = str(rng.choice(PART_OF[kind]))
    direction = np.array(DIRECTIONS[part])
    normal = direction + rng.normal(0, 0.2, 3)
    moved = rng.uniform(2, 6) * direction + np.array([0, 0, -rng.uniform(0, 4)]) + rng.normal(0, 0.5, 3)
    return Break(part, float(rng.uniform(*PLACES[kind])), normal / np.linalg.norm(normal), moved)


def _plane_of(cause: Break, size: Size, affected: dict[str, Placed]) -> float:
    """Distance of the break's plane from the origin of the vertebra's frame, mm, along its normal."""
    direction = np.array(DIRECTIONS[cause.part])
    start = size.lower_depth / 2 - 3.0 if cause.part == "spinous" else 0.0
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
    offset = _plane_of(cause, size, affected)
    found = dict(parts)
    for name, placed in affected.items():
        normal, own = cause.normal @ placed.rotation, offset - float(cause.normal @ placed.center)
        near, far = (Piece(placed.solid, normal, own, is_far) for is_far in (False, True))
        found[name] = Placed(near, placed.rotation, placed.center)
        found[f"{name} tip"] = Placed(far, placed.rotation, placed.center + cause.moved_mm)
    return found


def _affected(cause: Break, parts: dict[str, Placed]) -> dict[str, Placed]:
    """The process alone where it is a part by itself; a real shape is one part behind its body."""
    return {cause.part: parts[cause.part]} if cause.part in parts else {"posterior": parts["posterior"]}
