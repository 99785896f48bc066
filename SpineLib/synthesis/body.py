# SPDX-License-Identifier: Apache-2.0
"""The soft body: skin, fat and muscle, lungs, heart, diaphragm, gas in the bowel, as one field of attenuation."""

from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import PchipInterpolator

from SpineLib.synthesis.curve import Pose
from SpineLib.synthesis.thorax import Cage

MUSCLE = 0.0195
FAT = 0.0172
LUNG = 0.0048
GAS = 0.0
BLOOD = 0.0202


@dataclass(frozen=True)
class Blob:
    """An ellipsoid of matter: center (3,), half axes (3,), attenuation in 1/mm, tilt in the plane of the film (rad)."""

    center: np.ndarray
    axes: np.ndarray
    value: float
    tilt: float = 0.0


@dataclass(frozen=True)
class SoftBody:
    """Everything that is not bone, in the world frame of `curve`. Call `attenuation` for a plane of constant depth."""

    trunk_height: float
    middle_x: PchipInterpolator
    middle_y: PchipInterpolator
    half_width: PchipInterpolator
    half_depth: PchipInterpolator
    fat_mm: float
    cage: Cage
    domes: tuple[float, float]
    """Heights of the right and the left dome of the diaphragm, mm."""
    mediastinum: PchipInterpolator
    spine_x: PchipInterpolator
    organs: list[Blob] = field(default_factory=list)
    gas: list[Blob] = field(default_factory=list)

    @property
    def depth(self) -> tuple[float, float]:
        heights = np.linspace(-0.5, 1.6, 40) * self.trunk_height
        middle, half = self.middle_y(heights), self.half_depth(heights)
        return float((middle - half).min()), float((middle + half).max())

    def attenuation(self, x: np.ndarray, y: float, z: np.ndarray) -> np.ndarray:
        """1/mm at x `(1, columns)`, one depth y, heights z `(rows, 1)`."""
        edge = 4.0
        width, depth = self.half_width(z), self.half_depth(z)
        skin = _ring(x - self.middle_x(z), y - self.middle_y(z), width, depth, 2.4)
        values = FAT * _fade(skin, edge)
        values += (MUSCLE - FAT) * _fade(skin + self.fat_mm, edge)
        for organ in self.organs:
            _blend(values, organ, x, y, z, edge)
        lung = self._lung(x, y, z)
        share = _fade(lung, edge)
        values += share * (LUNG - values)
        heart = [organ for organ in self.organs if organ.value == BLOOD]
        for organ in heart:
            _blend(values, organ, x, y, z, edge)
        for bubble in self.gas:
            _blend(values, bubble, x, y, z, edge)
        return values

    def _lung(self, x: np.ndarray, y: float, z: np.ndarray) -> np.ndarray:
        cage = self.cage
        height = np.clip(z, cage.bottom, cage.top)
        middle = cage.middle_x(height)
        wall = _ring(
            x - middle, y - cage.middle_y(height), cage.half_width(height) - 5, cage.half_depth(height) - 5, 2.1
        )
        centre = np.abs(x - self.spine_x(height)) - self.mediastinum(height)
        right = x < self.spine_x(height)
        top = np.where(right, self.domes[0], self.domes[1])
        apex = middle + np.where(right, -0.5, 0.5) * cage.half_width(height)
        dome = top - 0.0075 * (x - apex) ** 2 - 0.009 * (y - cage.middle_y(height) + 15) ** 2
        return np.maximum.reduce([wall, -centre, dome - z, z - cage.top + np.zeros_like(x)])


def _ring(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray, power: float) -> np.ndarray:
    stretched = (np.abs(x / a) ** power + np.abs(y / b) ** power) ** (1 / power)
    radius = np.hypot(x, y)
    return radius - radius / np.maximum(stretched, 1e-3)


def _fade(distance: np.ndarray, edge: float) -> np.ndarray:
    return np.clip(0.5 - distance / edge, 0, 1)


def _blend(values: np.ndarray, blob: Blob, x: np.ndarray, y: float, z: np.ndarray, edge: float) -> None:
    """Fill a blob with its value, within the window it can reach."""
    reach = blob.axes.max() + edge
    if abs(y - blob.center[1]) > reach:
        return
    columns = np.flatnonzero(np.abs(x[0] - blob.center[0]) < reach)
    rows = np.flatnonzero(np.abs(z[:, 0] - blob.center[2]) < reach)
    if not len(columns) or not len(rows):
        return
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    dx, dz = x[:, window[1]] - blob.center[0], z[window[0]] - blob.center[2]
    cos, sin = np.cos(blob.tilt), np.sin(blob.tilt)
    across, along = cos * dx + sin * dz, cos * dz - sin * dx
    dy = y - blob.center[1]
    stretched = np.sqrt((across / blob.axes[0]) ** 2 + (dy / blob.axes[1]) ** 2 + (along / blob.axes[2]) ** 2)
    radius = np.sqrt(across**2 + dy**2 + along**2)
    share = _fade(radius - radius / np.maximum(stretched, 1e-3), edge)
    values[window] += share * (blob.value - values[window])


def build_body(poses: list[Pose], cage: Cage, rng: np.random.Generator, female: bool, girth: float) -> SoftBody:
    """A body around the spine and the cage, with its organs."""
    by_level = {pose.level: pose for pose in poses}
    height = float(by_level["T1"].center[2])
    scale = height / 460.0
    share = np.array([-0.6, -0.25, -0.05, 0.15, 0.3, 0.5, 0.7, 0.82, 0.92, 0.99, 1.06, 1.12, 1.3, 1.6])
    hips = 1.04 if female else 0.98
    waist = 0.92 if female else 0.99
    width = girth * np.array(
        [172 * hips, 172 * hips, 160 * hips, 140 * waist, 138 * waist, 146, 156, 168, 178, 165, 110, 66, 56, 56]
    )
    depth = girth * np.array([105, 108, 98, 88, 90, 100, 106, 100, 84, 70, 62, 56, 54, 54])
    centers = np.array([pose.center for pose in poses])
    spine = PchipInterpolator(centers[:, 2], centers[:, 0], extrapolate=False)
    back = PchipInterpolator(centers[:, 2], centers[:, 1], extrapolate=False)
    heights = share * height
    within = np.clip(heights, centers[0, 2], centers[-1, 2])
    middle_x = 0.6 * spine(within) + 0.4 * spine(within).mean()
    middle_y = back(within) + 52 * scale - depth * scale
    top, bottom = cage.top, cage.bottom
    levels = np.linspace(bottom, top, 7)
    half = scale * np.array([30, 30, 26, 23, 24, 30, 26]) * rng.uniform(0.9, 1.1)
    dome = float(by_level["T10"].center[2]) + rng.normal(0, 12)
    grid = np.linspace(bottom, top, 12)
    organs, gas = _organs(by_level, cage, rng, scale, dome)
    return SoftBody(
        height,
        PchipInterpolator(heights, middle_x),
        PchipInterpolator(heights, middle_y),
        PchipInterpolator(heights, width * scale),
        PchipInterpolator(heights, depth * scale),
        float(rng.gamma(3.0, 4.0)),
        cage,
        (dome + 8, dome - 6),
        PchipInterpolator(levels, half),
        PchipInterpolator(grid, 0.75 * spine(grid) + 0.25 * cage.middle_x(grid)),
        organs,
        gas,
    )


def _organs(
    by_level: dict[str, Pose], cage: Cage, rng: np.random.Generator, scale: float, dome: float
) -> tuple[list[Blob], list[Blob]]:
    middle = float(cage.middle_x(dome))
    front = float(cage.middle_y(dome))
    size = rng.uniform(0.85, 1.15) * scale
    heart = Blob(
        np.array([middle + 30 * scale, front - 35 * scale, dome + 46 * scale]),
        np.array([48.0, 42.0, 66.0]) * size,
        BLOOD,
        rng.uniform(0.45, 0.8),
    )
    gas = [
        Blob(
            np.array([middle + rng.uniform(45, 75) * scale, front - 10, dome - rng.uniform(35, 60) * scale]),
            np.array([rng.uniform(14, 34), rng.uniform(12, 26), rng.uniform(10, 26)]) * scale,
            GAS,
            rng.uniform(-0.6, 0.6),
        )
    ]
    low, high = -50.0 * scale, float(by_level["L1"].center[2])
    for _ in range(int(rng.integers(4, 26))):
        side = rng.choice([-1.0, 1.0])
        axes = rng.uniform(7, 20, 3) * scale
        place = [
            middle * 0.5 + side * rng.uniform(25, 105) * scale,
            front - rng.uniform(10, 55),
            rng.uniform(low, high),
        ]
        gas.append(Blob(np.array(place), axes, GAS + 0.5 * MUSCLE * rng.random(), rng.uniform(-1, 1)))
    return [heart], gas
