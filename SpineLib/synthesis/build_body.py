# SPDX-License-Identifier: Apache-2.0
"""A soft body grown around a given spine and cage. Sizes are those of a slim adult in mm, scaled; our choice."""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from SpineLib.synthesis.body import BLOOD, Blob, Chest, Outline, SoftBody
from SpineLib.synthesis.curve import Pose
from SpineLib.synthesis.solids import FAT, MUSCLE
from SpineLib.synthesis.thorax import Cage

TRUNK = (-0.6, -0.25, -0.05, 0.15, 0.3, 0.5, 0.7, 0.82, 0.92, 0.99, 1.06, 1.12, 1.3, 1.7)
"""Heights of the outline's knots as shares of the height of T1 over the sacrum."""
WIDTHS = (172, 172, 162, 148, 144, 148, 156, 168, 180, 168, 112, 68, 58, 58)
DEPTHS = (105, 108, 98, 88, 90, 100, 106, 100, 84, 70, 62, 56, 54, 54)


@dataclass(frozen=True)
class Build:
    """The person: height as a scale (1 = adult of 175 cm), girth (1 = slim), sex, fat under the skin in mm."""

    scale: float
    girth: float
    female: bool
    fat_mm: float


def sample_build(rng: np.random.Generator) -> Build:
    """Children, youths and adults, as they come to have their spine filmed."""
    return Build(
        float(rng.uniform(0.72, 1.06)),
        float(np.clip(rng.normal(1.0, 0.09), 0.82, 1.3)),
        bool(rng.random() < 0.7),
        float(rng.gamma(3.0, 4.0)),
    )


def build_body(poses: list[Pose], cage: Cage, build: Build, rng: np.random.Generator) -> SoftBody:
    """The body with its chest and its organs."""
    chest = _chest(poses, cage, build, rng)
    vessels, air = _heart_and_airways(chest, rng)
    flesh = _breasts(chest, build, rng) if build.female and rng.random() < 0.6 else []
    return SoftBody(_outline(poses, build), chest, flesh, vessels, [*air, _stomach(chest, rng)])


def _outline(poses: list[Pose], build: Build) -> Outline:
    centers = np.array([pose.center for pose in poses])
    heights = np.array(TRUNK) * next(pose.center[2] for pose in poses if pose.level == "T1")
    hips = np.interp(TRUNK, [0.0, 0.25, 0.5], [1.05, 0.94, 1.0] if build.female else [0.98, 1.0, 1.0])
    width = build.scale * build.girth * np.array(WIDTHS) * hips
    depth = build.scale * build.girth * np.array(DEPTHS)
    within = np.clip(heights, centers[0, 2], centers[-1, 2])
    spine_x, spine_y = (PchipInterpolator(centers[:, 2], centers[:, axis])(within) for axis in (0, 1))
    return Outline(
        PchipInterpolator(heights, 0.6 * spine_x + 0.4 * spine_x.mean()),
        PchipInterpolator(heights, spine_y + 55 * build.scale + build.fat_mm - depth),
        PchipInterpolator(heights, width),
        PchipInterpolator(heights, depth),
        build.fat_mm,
    )


def _chest(poses: list[Pose], cage: Cage, build: Build, rng: np.random.Generator) -> Chest:
    centers = np.array([pose.center for pose in poses])
    dome = next(pose.center[2] for pose in poses if pose.level == "T10") + rng.normal(0, 13) * build.scale
    levels = np.linspace(cage.bottom, cage.top, 7)
    half = build.scale * np.array([24, 24, 22, 24, 30, 33, 24]) * rng.uniform(0.85, 1.15)
    return Chest(
        cage,
        PchipInterpolator(centers[:, 2], centers[:, 0]),
        PchipInterpolator(centers[:, 2], centers[:, 1]),
        PchipInterpolator(levels, half),
        (dome + rng.normal(10, 4) * build.scale, dome - rng.normal(6, 4) * build.scale),
        build.scale,
    )


def _heart_and_airways(chest: Chest, rng: np.random.Generator) -> tuple[list[Blob], list[Blob]]:
    scale, dome, cage = chest.scale, chest.domes[1], chest.cage
    size = rng.uniform(0.85, 1.12)

    def blob(x: float, forward: float, z: float, axes: tuple[float, ...], value: float, tilt: float = 0.0) -> Blob:
        height = min(dome + z * scale, cage.top)
        middle = 0.6 * float(cage.middle_x(height)) + 0.4 * float(chest.spine_x(height))
        place = [middle + x * scale, float(chest.spine_y(height)) - forward * scale, dome + z * scale]
        return Blob(np.array(place), np.array(axes) * scale, value, tilt)

    ventricle = (45 * size, 42 * size, 62 * size)
    vessels = [
        blob(22, 85, 32, ventricle, BLOOD, rng.uniform(0.45, 0.8)),
        blob(-8, 80, 46, (26 * size, 34, 38 * size), BLOOD),
        blob(18, 80, 84, (20, 22, 30), BLOOD, 0.25),
        blob(20, 45, 122, (14, 18, 18), BLOOD),
        blob(14, 18, 40, (12, 11, 95), BLOOD, 0.04),
    ]
    air = [
        blob(rng.normal(-3, 3), 50, 205, (8, 8, 92), 0.0, rng.normal(0, 0.03)),
        blob(-20, 48, 104, (6, 6, 22), 0.0, -0.75),
        blob(22, 48, 104, (5, 5, 24), 0.0, 0.95),
    ]
    return vessels, air


def _stomach(chest: Chest, rng: np.random.Generator) -> Blob:
    scale, dome = chest.scale, chest.domes[1]
    axes = np.array([rng.uniform(12, 34), rng.uniform(12, 26), rng.uniform(8, 30)]) * scale
    middle = float(chest.cage.middle_x(dome))
    place = [middle + rng.uniform(45, 75) * scale, float(chest.cage.middle_y(dome)), dome - axes[2] - 8 * scale]
    return Blob(np.array(place), axes, 0.1 * MUSCLE, rng.uniform(-0.6, 0.6))


def _breasts(chest: Chest, build: Build, rng: np.random.Generator) -> list[Blob]:
    scale, z = build.scale, chest.domes[0] + rng.uniform(0, 45) * build.scale
    size = rng.uniform(0.5, 1.1) * build.scale
    middle, front = float(chest.cage.middle_x(z)), float(chest.cage.middle_y(z) - chest.cage.half_depth(z))
    return [
        Blob(
            np.array([middle + side * 78 * scale, front + 4 * scale, z]),
            np.array([62.0, 30.0, 58.0]) * size,
            0.5 * (FAT + MUSCLE),
        )
        for side in (-1.0, 1.0)
    ]
