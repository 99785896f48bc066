# SPDX-License-Identifier: Apache-2.0
"""The X-ray camera: a point source in front of the patient, a flat detector behind, line integrals in between."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy import ndimage

from SpineLib.core.box import corners


class Solid(Protocol):
    """A body in its own frame, inside the box `-half .. half` (mm)."""

    half: np.ndarray

    def attenuation(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Attenuation in 1/mm added to the soft tissue at points given by arrays that broadcast together."""
        ...

    def distances(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances in mm, negative inside: to the outer surface and to the inside of the wall."""
        ...


@dataclass(frozen=True)
class Placed:
    """A solid put somewhere: its frame's `rotation` (axes as columns) and `center`, in the frame it is placed in."""

    solid: Solid
    rotation: np.ndarray
    center: np.ndarray

    @property
    def corners(self) -> np.ndarray:
        """Of the box around the solid, `(8, 3)` in mm."""
        half = np.asarray(self.solid.half)
        return corners(-half, half) @ self.rotation.T + self.center

    def within(self, rotation: np.ndarray, center: np.ndarray) -> "Placed":
        """The same solid seen from the frame in which its own parent frame is placed."""
        return Placed(self.solid, rotation @ self.rotation, rotation @ self.center + center)


@dataclass(frozen=True)
class Camera:
    """Geometry of one film. World frame as in `curve`; the detector is the plane `y = detector_y`.

    `shape` (rows, columns), `spacing_mm` on the detector, `center` (x, z) of the film's middle and of the central ray.
    """

    shape: tuple[int, int]
    spacing_mm: float
    center: tuple[float, float]
    source_y: float
    detector_y: float

    def coarser(self, factor: float) -> "Camera":
        """The same view with pixels about `factor` times as large, one at least at each border."""
        rows, columns = (int(np.ceil(size / factor)) + 2 for size in self.shape)
        return replace(self, shape=(rows, columns), spacing_mm=self.spacing_mm * factor)

    def shrink(self, y: np.ndarray | float) -> np.ndarray | float:
        """Size at depth `y` over size on the detector."""
        return (y - self.source_y) / (self.detector_y - self.source_y)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixel coordinates (x, y) `(n, 2)` of world points `(n, 3)`."""
        shrink = self.shrink(points[:, 1])
        scale = 1 / (shrink * self.spacing_mm)
        x = (points[:, 0] - self.center[0]) * scale + (self.shape[1] - 1) / 2
        y = (self.shape[0] - 1) / 2 - (points[:, 2] - self.center[1]) * scale
        return np.stack([x, y], axis=1)

    def rays(self) -> tuple[np.ndarray, np.ndarray]:
        """Offsets on the detector in mm: of the columns to the right, of the rows upward."""
        across = (np.arange(self.shape[1], dtype=np.float32) - (self.shape[1] - 1) / 2) * self.spacing_mm
        upward = -(np.arange(self.shape[0], dtype=np.float32) - (self.shape[0] - 1) / 2) * self.spacing_mm
        return across.astype(np.float32), upward.astype(np.float32)


def add_solid(image: np.ndarray, camera: Camera, placed: Placed, step_mm: float = 1.0) -> None:
    """Add the line integral through a solid to `image` (rows, columns) in place."""
    world = placed.corners
    pixels = camera.project(world)
    low = np.clip(np.floor(pixels.min(axis=0)).astype(int), 0, camera.shape[::-1])
    high = np.clip(np.ceil(pixels.max(axis=0)).astype(int) + 1, 0, camera.shape[::-1])
    if (high <= low).any():
        return
    depths = np.arange(world[:, 1].min() + step_mm / 2, world[:, 1].max(), step_mm, dtype=np.float32)
    across, upward = camera.rays()
    shrink = camera.shrink(depths)
    x = across[low[0] : high[0], None] * shrink + np.float32(camera.center[0] - placed.center[0])
    z = upward[low[1] : high[1], None] * shrink + np.float32(camera.center[1] - placed.center[2])
    y = depths - np.float32(placed.center[1])
    turn = placed.rotation.astype(np.float32)
    own = [(turn[0, i] * x + turn[1, i] * y)[None] + (turn[2, i] * z)[:, None] for i in range(3)]
    image[low[1] : high[1], low[0] : high[0]] += placed.solid.attenuation(*own).sum(axis=-1) * step_mm


def integrate_field(
    camera: Camera,
    field: Callable[[np.ndarray, float, np.ndarray], np.ndarray],
    depth: tuple[float, float],
    pixel_mm: float,
    step_mm: float,
) -> np.ndarray:
    """Line integral of `field(x, y, z)` (1/mm; x `(1, columns)`, y one depth, z `(rows, 1)`), for broad smooth bodies.

    It is taken on pixels of about `pixel_mm` and brought to the film's own.
    """
    factor = max(1.0, pixel_mm / camera.spacing_mm)
    coarse = camera.coarser(factor)
    across, upward = coarse.rays()
    total = np.zeros(coarse.shape, np.float32)
    for y in np.arange(depth[0] + step_mm / 2, depth[1], step_mm):
        shrink = np.float32(camera.shrink(y))
        total += field(across[None] * shrink + camera.center[0], float(y), upward[:, None] * shrink + camera.center[1])
    return enlarge(total * step_mm, camera.shape, factor)


def enlarge(coarse: np.ndarray, shape: tuple[int, int], factor: float) -> np.ndarray:
    """Bring a `Camera.coarser` image to the film's pixels, both centered on the same ray."""
    offset = [(small - 1) / 2 - (large - 1) / 2 / factor for small, large in zip(coarse.shape, shape, strict=True)]
    matrix = [1 / factor, 1 / factor]
    return ndimage.affine_transform(coarse, matrix, offset, shape, order=3, mode="nearest").astype(np.float32)


def add_points(image: np.ndarray, camera: Camera, points: np.ndarray, mass: np.ndarray) -> None:
    """Add matter given as world points `(n, 3)` with `mass` (attenuation x volume, mm²) each, shared by four pixels."""
    pixels = camera.project(points)
    area = (camera.shrink(points[:, 1]) * camera.spacing_mm) ** 2
    rows, columns = camera.shape
    seen = ((pixels > 0) & (pixels < (columns - 1, rows - 1))).all(axis=1)
    pixels, mass = pixels[seen], (mass / area)[seen]
    corner = np.floor(pixels).astype(np.int64)
    right, down = (pixels - corner).T
    first = corner[:, 1] * columns + corner[:, 0]
    for offset, share in (
        (0, (1 - right) * (1 - down)),
        (1, right * (1 - down)),
        (columns, (1 - right) * down),
        (columns + 1, right * down),
    ):
        flat = np.bincount(first + offset, share * mass, rows * columns)
        image += flat.reshape(rows, columns).astype(np.float32)
