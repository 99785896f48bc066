# SPDX-License-Identifier: Apache-2.0
"""The few shapes that bones are made of: hollow tubes, vertebral bodies, ellipsoids; each a shell around a core.

Attenuations are in 1/mm at about 70 keV, those of bone as differences to soft tissue; they follow tabulated mass
attenuation times density, rounded. Surfaces fade over `edge` mm so that sampling leaves no steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Protocol

import numpy as np

MUSCLE = 0.0195
FAT = 0.0172
LUNG = 0.0048
CORTICAL = 0.030
TRABECULAR = 0.0085
ENDPLATE = 0.021
EDGE = 0.7
"""Width in mm over which a surface fades, for samples some 0.5 mm apart."""


class Layered(Protocol):
    """What a solid is made of: a shell around a core (1/mm) and the width over which its surface fades (mm)."""

    @property
    def shell(self) -> float: ...
    @property
    def core(self) -> float: ...
    @property
    def edge(self) -> float: ...


def inside(distance: np.ndarray, edge: float) -> np.ndarray:
    """Share of matter at a signed `distance` (mm, negative inside) from a surface."""
    share = distance * np.float32(-1 / edge)
    share += np.float32(0.5)
    return np.clip(share, 0, 1, out=share)


def ellipsoid_distance(point: Sequence[np.ndarray], axes: Sequence[np.ndarray | np.float32]) -> np.ndarray:
    """Distance to the surface of an ellipsoid with half axes `axes`, to first order; exact on the surface."""
    parts = [coordinate / axis for coordinate, axis in zip(point, axes, strict=True)]
    stretched = np.sqrt(sum(part * part for part in parts))
    slope = np.sqrt(sum((part / axis) ** 2 for part, axis in zip(parts, axes, strict=True)))
    # The two floors make the middle, where both vanish, as deep as the shortest axis allows.
    stretched = np.maximum(stretched, np.float32(1e-3))
    return stretched * (stretched - 1) / np.maximum(slope, np.float32(1e-3) / reduce(np.minimum, axes))


def layers(solid: "Layered", outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Attenuation from the signed distances to the outer surface and to the inside of the wall."""
    whole = inside(outer, solid.edge)
    core = inside(inner, solid.edge)
    whole *= np.float32(solid.shell)
    core *= np.float32(solid.core - solid.shell)
    whole += core
    return whole


@dataclass(frozen=True)
class Tube:
    """A straight elliptic tube along its z axis from `-length / 2` to `length / 2`, tapering, with rounded ends.

    `start` and `end` are the half axes (along x, along y) at the low and the high end. `wall` is the cortical
    thickness, `core` the attenuation within it. All lengths in mm.
    """

    length: float
    start: tuple[float, float]
    end: tuple[float, float]
    wall: float = 0.9
    shell: float = CORTICAL
    core: float = TRABECULAR
    edge: float = EDGE

    @cached_property
    def half(self) -> np.ndarray:
        cap = min(max(self.start), max(self.end))
        return np.array([max(self.start[0], self.end[0]), max(self.start[1], self.end[1]), self.length / 2 + cap]) + 0.5

    def distances(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances in mm, negative inside: to the outer surface and to the inside of the wall."""
        along = np.clip(z / np.float32(self.length) + np.float32(0.5), 0, 1)
        beyond = z - (along - np.float32(0.5)) * np.float32(self.length)
        a = np.float32(self.start[0]) + along * np.float32(self.end[0] - self.start[0])
        b = np.float32(self.start[1]) + along * np.float32(self.end[1] - self.start[1])
        cap = np.minimum(a, b)
        distance = ellipsoid_distance((x, y, beyond), (a, b, cap))
        return distance, distance + np.float32(self.wall)

    def attenuation(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        return layers(self, *self.distances(x, y, z))


@dataclass(frozen=True)
class Body:
    """A vertebral body: waisted, hollowed at the back, with endplates that dip in the middle and a dense rim.

    Sizes in mm; x lateral, y to the back, z upward; the middle of the body at the origin. `wedge` is how much lower
    the body is on its left than on its right (mm per mm), `waist` the share of the half width lost at mid height.
    """

    upper: tuple[float, float]
    lower: tuple[float, float]
    height: float
    wedge: float = 0.0
    waist: float = 0.13
    dip: float = 1.4
    wall: float = 0.7
    endplate: float = 1.0
    core: float = TRABECULAR
    shell: float = ENDPLATE
    edge: float = EDGE

    @cached_property
    def half(self) -> np.ndarray:
        width, depth = (max(self.upper[i], self.lower[i]) / 2 + 1 for i in range(2))
        return np.array([width, depth, self.height / 2 + abs(self.wedge) * width / 2 + 1.5])

    def distances(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances in mm, negative inside: to the outer surface and to the inside of the wall."""
        level = np.clip(z / np.float32(self.height) + np.float32(0.5), 0, 1)
        waist = 1 - np.float32(4 * self.waist) * level * (1 - level)
        a = (np.float32(self.lower[0]) + level * np.float32(self.upper[0] - self.lower[0])) * waist / 2
        b = (np.float32(self.lower[1]) + level * np.float32(self.upper[1] - self.lower[1])) * waist / 2
        # Raising the back wall in the middle gives the kidney shape that faces the canal.
        across = (x / a) ** 2
        back = y / b + np.float32(0.22) * np.maximum(y, 0) / b * np.maximum(1 - across, 0)
        back *= back
        squared = np.sqrt(across * across + back * back + np.float32(1.2) * across * back)
        radius = np.sqrt(x * x + y * y)
        side = radius - radius / np.sqrt(np.maximum(squared, np.float32(1e-6)))
        surface = np.float32(self.height / 2) - np.float32(self.dip) * np.maximum(1 - squared, 0)
        end = np.abs(z) - surface + np.float32(self.wedge / 2) * x
        return np.maximum(side, end), np.maximum(side + np.float32(self.wall), end + np.float32(self.endplate))

    def attenuation(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        return layers(self, *self.distances(x, y, z))


@dataclass(frozen=True)
class Shell:
    """An ellipsoid with half axes `axes` (mm), and a wall of `wall` mm."""

    axes: tuple[float, float, float]
    wall: float
    shell: float = CORTICAL
    core: float = 0.0
    edge: float = EDGE

    @cached_property
    def half(self) -> np.ndarray:
        return np.array(self.axes) + 0.5

    def distances(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances in mm, negative inside: to the outer surface and to the inside of the wall."""
        a, b, c = (np.float32(axis) for axis in self.axes)
        distance = ellipsoid_distance((x, y, z), (a, b, c))
        return distance, distance + np.float32(self.wall)

    def attenuation(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        return layers(self, *self.distances(x, y, z))
