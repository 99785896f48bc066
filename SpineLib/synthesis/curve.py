# SPDX-License-Identifier: Apache-2.0
"""The center line: where each vertebra stands and how it is turned.

World frame in mm: x to the patient's left (right in an AP film), y to the back, z upward; the upper endplate of the
sacrum is at the origin. A vertebra's own axes are the same when it stands upright.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.interpolate import PchipInterpolator

from SpineLib.synthesis.morphometry import SIZES, Size


@dataclass(frozen=True)
class Pose:
    """A vertebra's place: `center` of its body (3,), `rotation` (3, 3) with its own axes as columns, its `size`."""

    size: Size
    center: np.ndarray
    rotation: np.ndarray
    wedge: float
    """How much lower the body is on its left than on its right, in mm per mm."""

    @property
    def level(self) -> str:
        return self.size.level

    def world(self, points: np.ndarray) -> np.ndarray:
        """Points `(n, 3)` of the vertebra's own frame, in the world."""
        return points @ self.rotation.T + self.center


@dataclass(frozen=True)
class CurveOptions:
    """What shapes the spine. Angles in degrees; `cobb` is the largest coronal curve, its sign the side of the apex."""

    cobb: float
    pattern: str
    """`straight`, `thoracic`, `double` or `thoracolumbar`."""
    kyphosis: float
    lordosis: float
    scale: float
    balance_mm: float
    """How far T1 stands to the side of the sacrum."""


def sample_curve(rng: np.random.Generator, scale: float) -> CurveOptions:
    """A spine as clinics of scoliosis see them: a few straight, most curved, some severely."""
    pattern = str(rng.choice(["straight", "thoracic", "double", "thoracolumbar"], p=[0.15, 0.4, 0.25, 0.2]))
    cobb = float(rng.uniform(0, 9) if pattern == "straight" else 10 + rng.gamma(2.0, 13.0))
    side = -1.0 if rng.random() < 0.8 else 1.0
    return CurveOptions(
        cobb=side * min(cobb, 85.0),
        pattern=pattern,
        kyphosis=float(rng.normal(36, 9)),
        lordosis=float(rng.normal(48, 9)),
        scale=scale,
        balance_mm=float(rng.normal(0, 12)),
    )


class Blend(Protocol):
    """Tilts known of a real spine, put in the place of drawn ones."""

    def blend(self, levels: Sequence[str], axis: int, drawn_deg: np.ndarray) -> np.ndarray:
        """Drawn tilts (n,), coronal (axis 0), sagittal (1) or axial (2), in degrees, with the known ones in them."""
        ...


def build_poses(
    options: CurveOptions, rng: np.random.Generator, sizes: Sequence[Size] = SIZES, known: Blend | None = None
) -> list[Pose]:
    """The vertebrae from the lowest upward: L5 to C3, or those of other `sizes`; tilted as far as it is `known`."""
    coronal_curve = _coronal_tilt(options, rng)
    sagittal_curve = _sagittal_tilt(options, rng)
    # The curves are drawn up to C3; what stands above it goes on as it does.
    steps = np.minimum(np.arange(len(sizes), dtype=float), len(SIZES) - 1)
    coronal, sagittal = coronal_curve(steps), sagittal_curve(steps)
    levels = [size.level for size in sizes]
    if known is not None:
        coronal, sagittal = known.blend(levels, 0, coronal), known.blend(levels, 1, sagittal)
    bend = np.gradient(coronal)
    turn = -np.clip(rng.uniform(2.0, 3.6) * bend, -35, 35) + rng.normal(0, 1.0, len(sizes))
    if known is not None:
        turn = known.blend(levels, 2, turn)
    varied = [_vary(size, options.scale, rng) for size in sizes]
    lean = _lean_to_balance(varied, coronal, sagittal, options.balance_mm)
    rotations = [_rotation(*angles) for angles in zip(coronal + lean, sagittal, turn, strict=True)]
    wedges = np.tan(np.deg2rad(bend)) * rng.uniform(0.3, 0.6)
    centers = _stack(varied, rotations)
    return [Pose(*parts) for parts in zip(varied, centers, rotations, wedges, strict=True)]


def _coronal_tilt(options: CurveOptions, rng: np.random.Generator) -> PchipInterpolator:
    """Tilt by level index: end vertebrae lean alternately left and right, half a Cobb angle each."""
    ends = {
        "straight": (2.0, 6.0, 12.0, 17.0),
        "thoracic": (1.5, 5.0, 11.5, 16.0),
        "double": (1.0, 5.5, 11.5, 15.5),
        "thoracolumbar": (1.5, 7.5, 12.5, 16.5),
    }[options.pattern]
    lower, main, upper = {
        "straight": (0.7, 0.8, 0.6),
        "thoracic": (0.45, 1.0, 0.45),
        "double": (0.95, 1.0, 0.3),
        "thoracolumbar": (1.0, 0.55, 0.2),
    }[options.pattern]
    shares = np.array([lower, main, upper]) * rng.uniform(0.8, 1.2, 3)
    shares = shares / shares.max() * options.cobb
    first = shares[0] / 2
    tilts = np.array(
        [first, first - shares[0], first - shares[0] + shares[1], first - shares[0] + shares[1] - shares[2]]
    )
    # The sign chosen here puts the main apex towards `side`: below the apex the spine leans to that side.
    tilts = -tilts if options.pattern == "thoracolumbar" else tilts
    knots = np.array(ends) + rng.normal(0, 0.5, 4)
    return PchipInterpolator(
        np.concatenate([[-1.5], knots, [21.5, 26.0]]),
        np.concatenate([[tilts[0] * 0.5], tilts, [tilts[-1] * 0.3, 0.0]]) + rng.normal(0, 0.8, 7),
    )


def _sagittal_tilt(options: CurveOptions, rng: np.random.Generator) -> PchipInterpolator:
    """Forward lean by level index, from the sacrum's slope to the neck."""
    back = -0.42 * options.kyphosis
    knots = np.array([-1.0, 0.0, 2.0, 4.5, 9.0, 13.0, 16.0, 19.0, 21.0])
    sacral = back + options.lordosis
    leans = [sacral, sacral * 0.72, 2.0, back, 0.0, 0.48 * options.kyphosis, 0.6 * options.kyphosis, 12.0, 6.0]
    return PchipInterpolator(knots, np.array(leans) + rng.normal(0, 1.5, len(knots)))


def _vary(size: Size, scale: float, rng: np.random.Generator) -> Size:
    numbers = np.array(size[1:], dtype=float)
    factors = np.clip(rng.normal(1.0, 0.03, len(numbers)), 0.9, 1.1) * scale
    factors[-1] = 1.0
    return Size(size.level, *(float(value) for value in numbers * factors))


def _rotation(coronal: float, sagittal: float, axial: float) -> np.ndarray:
    angles = np.deg2rad([coronal, sagittal, axial])
    (cc, cs, ca), (sc, ss, sa) = np.cos(angles), np.sin(angles)
    about_y = np.array([[cc, 0, sc], [0, 1, 0], [-sc, 0, cc]])
    about_x = np.array([[1, 0, 0], [0, cs, -ss], [0, ss, cs]])
    about_z = np.array([[ca, -sa, 0], [sa, ca, 0], [0, 0, 1]])
    return about_y @ about_x @ about_z


def _lean_to_balance(sizes: list[Size], coronal: np.ndarray, sagittal: np.ndarray, target_mm: float) -> float:
    """The constant tilt in degrees that brings T1 to `target_mm` beside the sacrum."""
    rotations = [_rotation(c, s, 0.0) for c, s in zip(coronal, sagittal, strict=True)]
    top = _stack(sizes, rotations)[[size.level for size in sizes].index("T1")]
    return float(np.rad2deg(np.arctan2(target_mm - top[0], top[2])))


def _stack(sizes: list[Size], rotations: list[np.ndarray]) -> list[np.ndarray]:
    """Centers of the bodies, each standing on the disc below, the lowest disc on the origin."""
    point, centers = np.zeros(3), []
    for index, (size, rotation) in enumerate(zip(sizes, rotations, strict=True)):
        below = rotations[max(index - 1, 0)][:, 2]
        disc_axis = (rotation[:, 2] + below) / np.linalg.norm(rotation[:, 2] + below)
        center = point + disc_axis * size.disc_below + rotation[:, 2] * size.height / 2
        centers.append(center)
        point = center + rotation[:, 2] * size.height / 2
    return centers
