# SPDX-License-Identifier: Apache-2.0
"""Shapes of the sacrum and of the hip bones beside it, in one frame: the middle of S1's upper endplate, level."""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from SpineLib.synthesis.shapes.canal import open_canal
from SpineLib.synthesis.shapes.filling import fill, signed_distance
from SpineLib.synthesis.shapes.sacral import Endplate, find_endplate
from SpineLib.synthesis.shapes.store import HIPS, SACRUM, Shape
from SpineLib.synthesis.shapes.upright import UnclearShapeError

COARSE_MM, SACRUM_MM, HIP_MM = 1.0, 0.8, 1.2
SACRUM_CM3, HIP_CM3 = (80.0, 450.0), (120.0, 800.0)
"""What whole bones may measure; beyond it a mesh has leaked, has the wrong unit or is only a part."""
HEADS_MM = (22.0, 24.0, 26.0, 28.0)
"""Radii of sockets."""
VOTE_MM = 3.0


def make_sacrum(points: np.ndarray, source: str) -> tuple[Shape, Endplate]:
    """The sacrum within surface `points` (n, 3), mm, in the patient's axes, and where its endplate was there.

    Raises UnclearShapeError.
    """
    solid, first = fill(points, COARSE_MM)
    endplate = find_endplate(np.argwhere(solid) * COARSE_MM + first)
    size = np.array([endplate.width, endplate.depth, 0.0])
    shape = _shape(points, endplate, SACRUM, source, size, SACRUM_MM)
    _check(shape, SACRUM_CM3)
    opened = open_canal(shape.distances, shape.corner_mm, SACRUM_MM, endplate.depth)
    return replace(shape, distances=opened), endplate


def make_hips(points: np.ndarray, names: tuple[str, ...], endplate: Endplate, source: str) -> list[Shape]:
    """The hip bones within surface `points` (n, 3) of the sacrum's own patient axes; both `names` at once or one.

    Raises UnclearShapeError.
    """
    middle = (endplate.turn.T @ endplate.origin)[0]
    found = []
    for name in names:
        sign = 1.0 if name == HIPS[0] else -1.0
        own = points[sign * (points[:, 0] - middle) > 0]
        if len(own) < 100:
            raise UnclearShapeError("it lies on the other side of the sacrum")
        shape = _shape(own, endplate, name, source, np.zeros(3), HIP_MM)
        _check(shape, HIP_CM3)
        shape.size_mm[:] = _socket(shape)
        found.append(shape)
    return found


def _shape(
    points: np.ndarray, endplate: Endplate, level: str, source: str, size_mm: np.ndarray, voxel_mm: float
) -> Shape:
    solid, first = fill(points @ endplate.turn.T - endplate.origin, voxel_mm)
    distances = signed_distance(solid, voxel_mm)
    volume = float((distances <= 0).sum() * voxel_mm**3 / 1000)
    return Shape(level, source, voxel_mm, first, size_mm, 0.0, volume, distances)


def _check(shape: Shape, usual_cm3: tuple[float, float]) -> None:
    if not usual_cm3[0] <= shape.volume_cm3 <= usual_cm3[1]:
        raise UnclearShapeError(f"its volume is {shape.volume_cm3:.0f} cm3")


def _socket(shape: Shape) -> np.ndarray:
    """Middle of the hip's socket (3,), mm: where most lines meet that stand upright on the surface."""
    distances = shape.distances.astype(np.float32)
    surface = np.argwhere(np.abs(distances) < shape.voxel_mm)
    slopes = np.stack(
        [ndimage.gaussian_filter(distances, 1.5, part)[tuple(surface.T)] for part in np.eye(3, dtype=int)]
    )
    normals = (slopes / np.maximum(np.linalg.norm(slopes, axis=0), 1e-6)).T
    votes = np.concatenate([surface * shape.voxel_mm + radius * normals for radius in HEADS_MM])
    low = votes.min(axis=0)
    bins = ((votes - low) / VOTE_MM).astype(int)
    counts = np.zeros(bins.max(axis=0) + 1, np.float32)
    np.add.at(counts, tuple(bins.T), 1)
    best = np.unravel_index(np.argmax(ndimage.gaussian_filter(counts, 1.0)), counts.shape)
    return np.asarray((np.array(best) + 0.5) * VOTE_MM + low + shape.corner_mm)
