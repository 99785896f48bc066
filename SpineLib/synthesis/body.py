# SPDX-License-Identifier: Apache-2.0
"""The soft body: skin, fat and muscle, lungs, heart and vessels, diaphragm, as one field of attenuation."""

from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import PchipInterpolator

from SpineLib.synthesis.solids import FAT, LUNG, MUSCLE
from SpineLib.synthesis.thorax import Cage

BLOOD = 0.0202
EDGE = 3.0
"""Width in mm over which the border of an organ fades: the field is sampled no finer."""


@dataclass(frozen=True)
class Blob:
    """An ellipsoid of matter: center and half axes (3,) in mm, attenuation in 1/mm, tilt in the film's plane (rad)."""

    center: np.ndarray
    axes: np.ndarray
    value: float
    tilt: float = 0.0


@dataclass(frozen=True)
class Outline:
    """The skin as functions of height: middle and half size, to the side and to the back, in mm."""

    middle_x: PchipInterpolator
    middle_y: PchipInterpolator
    half_width: PchipInterpolator
    half_depth: PchipInterpolator
    fat_mm: float


@dataclass(frozen=True)
class Chest:
    """What bounds the lungs: the cage, the spine and the mediastinum on it, and the two domes of the diaphragm.

    `spine_x`, `spine_y` and `mediastinum` (half width) are functions of height; all in mm.
    """

    cage: Cage
    spine_x: PchipInterpolator
    spine_y: PchipInterpolator
    mediastinum: PchipInterpolator
    domes: tuple[float, float]
    scale: float

    def distance(self, x: np.ndarray, y: np.ndarray | float, z: np.ndarray) -> np.ndarray:
        """Signed distance in mm to the lungs' surface, negative inside, for arrays that broadcast."""
        height = np.clip(z, self.cage.bottom, self.cage.top)
        middle, width = _at(self.cage.middle_x, height), _at(self.cage.half_width, height)
        middle_y, depth = _at(self.cage.middle_y, height), _at(self.cage.half_depth, height)
        wall = ring(x - middle, y - middle_y, width - 4, depth - 4)
        spine_x, behind = _at(self.spine_x, height), (y - _at(self.spine_y, height)) / np.float32(self.scale)
        # In front the mediastinum hangs from the breastbone, at the back it lies on the spine.
        axis = spine_x + (middle - spine_x) * np.clip(-behind / 90, 0, 1)
        vessels = np.exp(-(((behind + 52) / 34) ** 2)) * _at(self.mediastinum, height)
        column = np.float32(18 * self.scale) * np.exp(-((np.minimum(behind - 8, 0) / 16) ** 2))
        half = np.maximum(np.maximum(vessels, column), np.float32(7 * self.scale))
        side = np.sign(x - axis)
        top = np.where(side < 0, np.float32(self.domes[0]), np.float32(self.domes[1]))
        outward = (x - middle) * side - np.float32(0.48) * width
        bend = np.where(outward > 0, np.float32(0.0095), np.float32(0.0028))
        back = (y - middle_y) + 12
        bend_back = np.where(back > 0, np.float32(0.011), np.float32(0.004))
        dome = top - (bend * outward * outward + bend_back * back * back) / np.float32(self.scale)
        apex = np.float32(self.cage.top) - np.float32(0.012) * outward * outward
        return np.maximum(np.maximum(wall, half - np.abs(x - axis)), np.maximum(dome - z, z - apex))


@dataclass(frozen=True)
class SoftBody:
    """Everything that is not bone, in the world frame of `curve`."""

    outline: Outline
    chest: Chest
    flesh: list[Blob] = field(default_factory=list)
    """Parts that stand out of the outline: breasts, arms, head."""
    vessels: list[Blob] = field(default_factory=list)
    """The heart and what hangs on it; they push the lung aside."""
    air: list[Blob] = field(default_factory=list)

    def depth(self, heights: tuple[float, float]) -> tuple[float, float]:
        """Front and back (y, mm) of all that lies between two heights."""
        z = np.linspace(*heights, 30)
        middle, half = self.outline.middle_y(z), self.outline.half_depth(z)
        front = [blob.center[1] - blob.axes[1] for blob in self.flesh]
        back = [blob.center[1] + blob.axes[1] for blob in self.flesh]
        return float(min([(middle - half).min(), *front])), float(max([(middle + half).max(), *back]))

    def attenuation(self, x: np.ndarray, y: float, z: np.ndarray) -> np.ndarray:
        """1/mm at x `(1, columns)`, one depth y, heights z `(rows, 1)`."""
        outline = self.outline
        skin = ring(
            x - _at(outline.middle_x, z),
            np.float32(y) - _at(outline.middle_y, z),
            _at(outline.half_width, z),
            _at(outline.half_depth, z),
        )
        values = np.float32(FAT) * _fade(skin) + np.float32(MUSCLE - FAT) * _fade(skin + np.float32(outline.fat_mm))
        for blob in self.flesh:
            _blend(values, blob, x, y, z)
        values += _fade(self.chest.distance(x, y, z)) * (np.float32(LUNG) - values)
        for blob in (*self.vessels, *self.air):
            _blend(values, blob, x, y, z)
        return values


def _at(function: PchipInterpolator, z: np.ndarray) -> np.ndarray:
    return function(z).astype(np.float32)


def ring(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Distance to a rounded ellipse, a little fuller than a true one, as trunks are."""
    u, v = (x / a) ** 2, (y / b) ** 2
    stretched = np.sqrt(np.sqrt(u * u + v * v + np.float32(1.6) * u * v))
    return np.hypot(x, y) * (1 - 1 / np.maximum(stretched, np.float32(1e-3)))


def _fade(distance: np.ndarray) -> np.ndarray:
    return np.clip(np.float32(0.5) - distance / np.float32(EDGE), 0, 1)


def _blend(values: np.ndarray, blob: Blob, x: np.ndarray, y: float, z: np.ndarray) -> None:
    """Fill a blob with its value, within the window it can reach."""
    if abs(y - blob.center[1]) > blob.axes[1] + EDGE:
        return
    reach = max(blob.axes[0], blob.axes[2]) + EDGE
    columns = np.flatnonzero(np.abs(x[0] - blob.center[0]) < reach)
    rows = np.flatnonzero(np.abs(z[:, 0] - blob.center[2]) < reach)
    if not len(columns) or not len(rows):
        return
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    dx, dz = x[:, window[1]] - np.float32(blob.center[0]), z[window[0]] - np.float32(blob.center[2])
    cos, sin = np.float32(np.cos(blob.tilt)), np.float32(np.sin(blob.tilt))
    across, along = cos * dx + sin * dz, cos * dz - sin * dx
    dy = np.float32(y - blob.center[1])
    a, b, c = blob.axes.astype(np.float32)
    stretched = np.sqrt((across / a) ** 2 + (dy / b) ** 2 + (along / c) ** 2)
    radius = np.sqrt(across**2 + dy**2 + along**2)
    share = _fade(radius * (1 - 1 / np.maximum(stretched, np.float32(1e-3))))
    values[window] += share * (np.float32(blob.value) - values[window])
