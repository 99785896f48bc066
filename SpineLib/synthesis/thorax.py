# SPDX-License-Identifier: Apache-2.0
"""The cage: ribs, clavicles and sternum as curved tubes, cast as clouds of points."""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator

from SpineLib.synthesis.curve import Pose
from SpineLib.synthesis.solids import CORTICAL

GOLDEN = np.pi * (3 - np.sqrt(5))
RIB_DROPS = (46, 74, 138, 185, 235, 260, 290)
"""How far ribs 1, 2, 4, 7, 10, 11 and 12 would fall, in mm, if they ran on to the breastbone."""


@dataclass(frozen=True)
class Strand:
    """A curved tube: `path` (n, 3) in the world, half axes outward and upward and wall in mm, attenuations in 1/mm."""

    path: np.ndarray
    outward: float
    upward: float
    wall: float
    shell: float = CORTICAL
    core: float = 0.002
    slender_mm: float = 0.0
    """Length over which the first end gains its full matter."""


@dataclass(frozen=True)
class Cage:
    """The chest's inner form. All functions of height z (mm): middle x, middle y, half width, half depth."""

    middle_x: PchipInterpolator
    middle_y: PchipInterpolator
    half_width: PchipInterpolator
    half_depth: PchipInterpolator
    top: float
    bottom: float


def build_cage(poses: list[Pose], girth: float, depth: float) -> Cage:
    """A cage that hangs on the thoracic spine: narrow at the first rib, widest at the eighth."""
    by_level = {pose.level: pose.center for pose in poses}
    levels = ["L3", "L1", "T12", "T10", "T8", "T6", "T4", "T2", "T1", "C7"]
    points = np.array([by_level[level] for level in levels])
    width = girth * np.array([124, 130, 132, 132, 130, 126, 116, 96, 74, 46])
    half_depth = depth * np.array([86, 90, 90, 90, 88, 82, 72, 56, 44, 36])
    heights = points[:, 2]
    smooth_x = 0.55 * points[:, 0] + 0.45 * points[:, 0].mean()
    behind = points[:, 1] + 28.0
    return Cage(
        PchipInterpolator(heights, smooth_x),
        PchipInterpolator(heights, behind - half_depth),
        PchipInterpolator(heights, width),
        PchipInterpolator(heights, half_depth),
        float(by_level["T1"][2] + 12),
        float(by_level["L3"][2]),
    )


def ribs(poses: list[Pose], cage: Cage, rng: np.random.Generator) -> list[Strand]:
    """Twelve pairs, from the vertebra around the side to the front, with their cartilage."""
    by_level = {pose.level: pose for pose in poses}
    strands = []
    steep = rng.uniform(0.85, 1.2)
    for number in range(1, 13):
        for side in (-1.0, 1.0):
            path = _rib_path(by_level[f"T{number}"], cage, number, side, steep * rng.uniform(0.95, 1.05))
            tall = np.interp(number, [1, 2, 5, 9, 12], [6.5, 5.5, 6.3, 6.0, 4.2]) * rng.uniform(0.93, 1.07)
            strands.append(Strand(path, 3.4, float(tall), 1.1, shell=0.036, core=0.005, slender_mm=40.0))
    return strands


def _rib_path(pose: Pose, cage: Cage, number: int, side: float, steep: float) -> np.ndarray:
    size = pose.size
    head = pose.world(np.array([[side * size.upper_width * 0.45, size.upper_depth * 0.38, size.height * 0.33]]))[0]
    tubercle = pose.world(np.array([[side * (size.process_span / 2 - 3), size.upper_depth * 0.5 + 15, 1.0]]))[0]
    turn = np.interp(number, [1, 3, 9, 10, 11, 12], [150, 152, 138, 125, 95, 62])
    drop = steep * float(pose.size.height) / 19 * np.interp(number, [1, 2, 4, 7, 10, 11, 12], RIB_DROPS)
    first = 17.0
    angles = np.deg2rad(np.linspace(first, turn, 9))
    # Ribs leave the spine nearly level, even rising, and fall ever more steeply towards the front.
    share = (np.rad2deg(angles) - first) / (180 - first)
    power = np.interp(number, [1, 8, 10, 12], [1.35, 1.35, 1.1, 0.95])
    heights = tubercle[2] + 3.0 * np.sin(np.minimum(share * 6, np.pi)) - drop * share**power
    level = np.clip(heights + 0.3 * drop, cage.bottom, cage.top)
    width, depth = cage.half_width(level), cage.half_depth(level)
    around = np.stack(
        [
            cage.middle_x(level) + side * width * np.sin(angles) ** 0.85,
            cage.middle_y(level) + depth * np.cos(angles),
            heights,
        ],
        axis=1,
    )
    knots = np.concatenate([[head], [tubercle], around])
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    return CubicSpline(length, knots)(np.arange(0, length[-1], 0.35))


def clavicles(poses: list[Pose], cage: Cage, rng: np.random.Generator) -> list[Strand]:
    """Both collar bones, raised or hanging as the shoulders are."""
    height = next(pose for pose in poses if pose.level == "T2").center[2]
    lift = rng.normal(8, 11)
    strands = []
    for side in (-1.0, 1.0):
        z = height - 14 + rng.normal(0, 3)
        front = float(cage.middle_y(height) - cage.half_depth(height))
        middle = float(cage.middle_x(height))
        knots = np.array(
            [
                [middle + side * 14, front - 2, z],
                [middle + side * 52, front - 8, z + 0.45 * lift],
                [middle + side * 98, front + 20, z + 0.9 * lift],
                [middle + side * 140, front + 45, z + lift],
            ]
        )
        path = CubicSpline([0, 1, 2, 3], knots)(np.linspace(0, 3, 400))
        strands.append(Strand(path, 6.0, 5.5, 1.3, core=0.004))
    return strands


def strand_points(strand: Strand, stride: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Points `(n, 3)` spread over the tube and the mass of each (mm²); `stride` skips points of the path."""
    path = strand.path[::stride].astype(np.float32)
    tangent = np.gradient(path, axis=0)
    step = np.linalg.norm(tangent, axis=1)
    tangent /= step[:, None]
    side = np.cross(tangent, [0.0, 0.0, 1.0])
    side /= np.maximum(np.linalg.norm(side, axis=1), 1e-6)[:, None]
    above = np.cross(side, tangent).astype(np.float32)
    side = side.astype(np.float32)
    radius, turn, weight = (part.astype(np.float32) for part in _section(strand))
    # Turning the pattern by the golden angle from step to step keeps rows of points from lining up on the film.
    angle = turn + np.float32(GOLDEN) * (np.arange(len(path), dtype=np.float32) % 610)[:, None]
    a, b = np.float32(strand.outward) * radius * np.cos(angle), np.float32(strand.upward) * radius * np.sin(angle)
    advance = ((np.arange(len(radius)) * GOLDEN / (2 * np.pi)) % 1 - 0.5).astype(np.float32)
    points = path[:, None] + a[..., None] * side[:, None] + b[..., None] * above[:, None]
    points += (advance * step[:, None])[..., None] * tangent[:, None]
    matter = step * np.clip(0.2 + np.cumsum(step) / max(strand.slender_mm, 1e-3), 0, 1)
    return points.reshape(-1, 3), (weight * matter[:, None]).ravel()


def _section(strand: Strand) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of one section: radius as a share of the half axes, angle, attenuation x area (mm)."""
    mean = np.sqrt(strand.outward * strand.upward)
    inner = max(1 - strand.wall / mean, 0.0)
    area = np.pi * strand.outward * strand.upward
    around = int(np.clip(18 * mean, 16, 120)) if strand.wall else 0
    within = int(np.clip(4 * mean * mean, 8, 110))
    ring = np.full(around, (1 + inner) / 2)
    core = inner * np.sqrt((np.arange(within) + 0.5) / within)
    angles = np.concatenate([np.arange(around) * 2 * np.pi / max(around, 1), np.arange(within) * GOLDEN])
    weights = np.concatenate(
        [
            np.full(around, strand.shell * area * (1 - inner**2) / max(around, 1)),
            np.full(within, strand.core * area * inner**2 / within),
        ]
    )
    return np.concatenate([ring, core]), angles, weights
