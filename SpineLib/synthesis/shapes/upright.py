# SPDX-License-Identifier: Apache-2.0
"""A vertebra's solid brought upright, and its body measured: the canal is the hole that it has when seen from above.

Points are in mm, x to the left, y to the back, z upward. What lies in front of the canal is the body; C1 has none.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from SpineLib.synthesis.ct.fractures import BACK, FRONT
from SpineLib.synthesis.ct.variants import VARIANTS

PITCHES_DEG = range(-50, 51, 5)
ROUNDS = 6
BIN_MM = 1.0
SIZES_BY_LEVEL = {size.level: size for sizes in reversed(VARIANTS.values()) for size in sizes}
AXIS_BODY_SHARE = 0.53
"""Height of the body of C2 as a share of its height with the dens."""
ATLAS_FRONT_MM = 10.5
"""How far the middle of the frame of C1 lies behind the front of its ring: as in the ring made of tubes."""


class UnclearShapeError(ValueError):
    """A solid in which no canal or no body is found; the message says what is missing."""


@dataclass(frozen=True)
class Measures:
    """`origin` (3,): middle of the body; `size` (3,): its width, depth and height, of C1 the whole ring's.

    `split`: y of the front wall of the canal relative to the origin. All in mm.
    """

    origin: np.ndarray
    size: np.ndarray
    split: float


def upright(points: np.ndarray, level: str) -> np.ndarray:
    """The rotation (3, 3) that brings a solid's `points` (n, 3) upright; they are roughly so already."""
    middle = points.mean(axis=0)
    points = points - middle
    turn = _flat(points) if level == "C1" else _best_pitch(points)
    for _ in range(ROUNDS):
        turned = points @ turn.T
        if level not in ("C1", "C2"):
            turn = _level_endplates(turned, level) @ turn
            turned = points @ turn.T
        turn = _face_front(turned, level) @ turn
    return turn


def measure(points: np.ndarray, level: str) -> Measures:
    """Sizes of an upright solid given by its `points` (n, 3)."""
    if level == "C1":
        low, high = points.min(axis=0), points.max(axis=0)
        middle = (low + high) / 2
        return Measures(np.array([middle[0], low[1] + ATLAS_FRONT_MM, middle[2]]), high - low, 0.0)
    canal = _canal(points)
    body = points[(points[:, 1] < canal.front) & (np.abs(points[:, 0] - canal.x) < 40)]
    if len(body) < 100:
        raise UnclearShapeError("no body in front of the canal")
    x, width = _width(body, canal, level)
    inner = body[np.abs(body[:, 0] - x) < 0.12 * width]
    low, high = (float(value) for value in np.quantile(inner[:, 2], (0.02, 0.98)))
    ends = [inner[inner[:, 2] < low + 0.25 * (high - low)], inner[inner[:, 2] > high - 0.25 * (high - low)]]
    front = float(np.mean([end[:, 1].min() for end in (ends[:1] if level == "C2" else ends)]))
    depth = canal.front - front
    y = canal.front - depth / 2
    columns = [inner[np.abs(inner[:, 1] - (y + share * depth / 2)) < 1.5] for share in (FRONT, BACK)]
    if min(len(column) for column in columns) == 0:
        raise UnclearShapeError("no bone where heights are measured")
    bottom = float(np.mean([column[:, 2].min() for column in columns]))
    top = float(np.mean([column[:, 2].max() for column in columns]))
    if level == "C2":
        top = bottom + AXIS_BODY_SHARE * float(inner[:, 2].max() - bottom)
    size = np.array([width, depth, top - bottom])
    return Measures(np.array([x, y, (bottom + top) / 2]), size, depth / 2)


@dataclass(frozen=True)
class _Canal:
    front: float
    x: float
    y: float
    width: float
    area: float


def _canal(points: np.ndarray) -> _Canal:
    """The largest hole of a solid seen along z; areas in mm2."""
    low = points[:, :2].min(axis=0) - 3 * BIN_MM
    bins = ((points[:, :2] - low) / BIN_MM).astype(int)
    seen = np.zeros(bins.max(axis=0) + 4, bool)
    seen[tuple(bins.T)] = True
    seen = ndimage.binary_closing(seen, iterations=1)
    holes, count = ndimage.label(ndimage.binary_fill_holes(seen) & ~seen)
    if count == 0:
        raise UnclearShapeError("no canal")
    largest = holes == 1 + np.argmax(np.bincount(holes.ravel())[1:])
    inside = (np.argwhere(largest) + 0.5) * BIN_MM + low
    x, y = inside.mean(axis=0)
    middle = inside[np.abs(inside[:, 0] - x) < 4]
    # The bins that the wall only touches count as bone: half a bin on average.
    front = float((middle if len(middle) else inside)[:, 1].min() - BIN_MM)
    return _Canal(front, float(x), float(y), float(np.ptp(inside[:, 0]) + BIN_MM), float(largest.sum() * BIN_MM**2))


def _width(body: np.ndarray, canal: _Canal, level: str) -> tuple[float, float]:
    """Middle and width along x of a body near its two ends; its front half has neither pedicles nor processes."""
    if level[0] == "C":
        # Processes hide the sides of a body of the neck; its canal tells how wide it is.
        size = SIZES_BY_LEVEL[level]
        return canal.x, canal.width * (size.upper_width + size.lower_width) / 2 / size.canal_width
    front = float(np.quantile(body[:, 1], 0.01))
    half = body[body[:, 1] < front + 0.55 * (canal.front - front)]
    low, high = np.quantile(half[:, 2], (0.05, 0.95))
    ends = [half[half[:, 2] < low + 0.3 * (high - low)], half[half[:, 2] > high - 0.3 * (high - low)]]
    left, right = (np.mean([np.quantile(end[:, 0], share) for end in ends]) for share in (0.0, 1.0))
    return float(left + right) / 2, float(right - left)


def _flat(points: np.ndarray) -> np.ndarray:
    """The rotation that lays a ring flat: its shortest axis points up."""
    _, vectors = np.linalg.eigh(np.cov(points[:: max(len(points) // 50_000, 1)].T))
    up = vectors[:, 0] * np.sign(vectors[2, 0])
    return onto_z(up)


def _best_pitch(points: np.ndarray) -> np.ndarray:
    """The turn about x under which the canal is widest, looked for near where the solid stands."""
    some = points[:: max(len(points) // 60_000, 1)]
    found = []
    for pitch in PITCHES_DEG:
        turn = Rotation.from_euler("x", pitch, degrees=True).as_matrix()
        try:
            # Among equally wide ones that with the least turn.
            found.append((_canal(some @ turn.T).area * (1 - abs(pitch) / 400), pitch))
        except UnclearShapeError:
            continue
    if not found:
        raise UnclearShapeError("no canal")
    return Rotation.from_euler("x", max(found)[1], degrees=True).as_matrix()


def _level_endplates(points: np.ndarray, level: str) -> np.ndarray:
    """The small rotation that makes the endplates level on average."""
    canal = _canal(points)
    body = points[points[:, 1] < canal.front - 1]
    if len(body) < 100:
        raise UnclearShapeError("no body in front of the canal")
    x, width = _width(body, canal, level)
    front = float(np.quantile(body[:, 1], 0.01))
    share = (body[:, 1] - front) / (canal.front - front)
    core = body[(np.abs(body[:, 0] - x) < 0.3 * width) & (share > 0.12) & (share < 0.88)]
    slopes = [_slope(core, 1.0), _slope(core, -1.0)]
    along_x, along_y = np.clip(np.mean(slopes, axis=0), -0.3, 0.3)
    return onto_z(np.array([-along_x, -along_y, 1.0]))


def _slope(core: np.ndarray, side: float) -> np.ndarray:
    """Slopes (dz/dx, dz/dy) of the upper (`side` 1) or lower (-1) surface of a body."""
    bins = np.floor(core[:, :2] / (2 * BIN_MM)).astype(int)
    bins -= bins.min(axis=0)
    highest = np.full(bins.max(axis=0) + 1, -np.inf)
    np.maximum.at(highest, tuple(bins.T), side * core[:, 2])
    place = np.argwhere(np.isfinite(highest))
    height = highest[tuple(place.T)]
    matrix = np.column_stack([place * 2 * BIN_MM, np.ones(len(place))])
    keep = np.ones(len(place), bool)
    for _ in range(3):
        plane = np.linalg.lstsq(matrix[keep], height[keep], rcond=None)[0]
        off = np.abs(height - matrix @ plane)
        keep = off <= max(float(np.quantile(off, 0.8)), 0.5)
    return side * plane[:2]


def _face_front(points: np.ndarray, level: str) -> np.ndarray:
    """The small rotation about z that brings the canal straight behind the body; of C1 the ring's own symmetry."""
    if level == "C1":
        return np.eye(3)
    canal = _canal(points)
    body = points[points[:, 1] < canal.front]
    x, _ = _width(body, canal, level)
    y = float(np.quantile(body[:, 1], 0.3))
    angle = np.clip(np.arctan2(canal.x - x, canal.y - y), -0.2, 0.2)
    return Rotation.from_euler("z", angle).as_matrix()


def onto_z(up: np.ndarray) -> np.ndarray:
    """The shortest rotation that turns a direction upward."""
    up = up / np.linalg.norm(up)
    axis = np.cross(up, [0.0, 0.0, 1.0])
    length = float(np.linalg.norm(axis))
    if length < 1e-9:
        return np.eye(3)
    return Rotation.from_rotvec(axis / length * np.arctan2(length, up[2])).as_matrix()
