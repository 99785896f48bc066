# SPDX-License-Identifier: Apache-2.0
"""Metal on films: rods with screws, wires, a necklace, the parts of clothes; letters and marks are burnt in later."""

import numpy as np
from scipy.interpolate import CubicSpline

from SpineLib.synthesis.body import Chest
from SpineLib.synthesis.curve import Pose
from SpineLib.synthesis.thorax import Strand
from SpineLib.synthesis.vertebra import SIDES

TITANIUM = 0.17
STEEL = 0.5
BACK = np.array([0.0, 1.0, 0.0])


def rods_and_screws(poses: list[Pose], rng: np.random.Generator) -> list[Strand]:
    """A fusion over a random run of levels: two rods behind the laminae, a screw in most pedicles."""
    length = int(rng.integers(4, 13))
    first = int(rng.integers(0, 16 - length))
    strands = []
    for side in SIDES:
        heads = []
        for pose in poses[first : first + length]:
            size = pose.size
            x = side * (size.canal_width + size.pedicle_width) / 2 * 0.94
            z = (size.height - size.pedicle_height) / 2
            tail = pose.world(np.array([[x * 1.05, size.lower_depth / 2 + size.canal_depth + 4, z]]))[0]
            tip = pose.world(np.array([[x * 0.6, -size.lower_depth * 0.15, z]]))[0]
            heads.append(tail)
            if rng.random() < 0.8:
                strands.append(_metal(_line(tail, tip), 2.6, TITANIUM))
                strands.append(_metal(_line(tail - 4 * BACK, tail + 8 * BACK), 5.5, TITANIUM))
        steps = np.arange(len(heads))
        path = CubicSpline(steps, np.array(heads))(np.linspace(-0.4, steps[-1] + 0.4, 90 * len(heads)))
        strands.append(_metal(path + 4 * BACK, 2.8, TITANIUM))
    return strands


def belongings(chest: Chest, rng: np.random.Generator) -> list[Strand]:
    """Now and then a necklace, the wires of a bra, a hook, a button or a zip."""
    kinds = [_necklace, _underwires, _rings]
    return [strand for kind in kinds if rng.random() < 0.08 for strand in kind(chest, rng)]


def _front(chest: Chest, x: float, z: float) -> np.ndarray:
    height = np.clip(z, chest.cage.bottom, chest.cage.top)
    middle = float(chest.cage.middle_x(height))
    return np.array([middle + x, float(chest.cage.middle_y(height) - chest.cage.half_depth(height)) - 20, z])


def _necklace(chest: Chest, rng: np.random.Generator) -> list[Strand]:
    top, hang = chest.cage.top, rng.uniform(10, 90)
    angles = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 1500)
    path = np.array([_front(chest, 62 * np.sin(a), top + 40 - (40 + hang) * np.cos(a)) for a in angles])
    return [_metal(path, rng.uniform(0.4, 0.9), STEEL)]


def _underwires(chest: Chest, rng: np.random.Generator) -> list[Strand]:
    z, wide = chest.domes[0] + rng.uniform(-10, 30), rng.uniform(42, 60)
    angles = np.linspace(0, np.pi, 600)
    return [
        _metal(
            np.array([_front(chest, s * 78 + wide * np.cos(a), z - wide * 0.6 * np.sin(a)) for a in angles]), 1.1, STEEL
        )
        for s in SIDES
    ]


def _rings(chest: Chest, rng: np.random.Generator) -> list[Strand]:
    strands = []
    angles = np.linspace(0, 2 * np.pi, 300)
    for _ in range(int(rng.integers(1, 6))):
        x, z = rng.uniform(-90, 90), rng.uniform(-60, chest.cage.top)
        wide, tall = rng.uniform(3, 9), rng.uniform(3, 22)
        ring = np.array([_front(chest, x + wide * np.cos(a), z + tall * np.sin(a)) for a in angles])
        strands.append(_metal(ring, rng.uniform(0.8, 1.8), STEEL * 0.6))
    return strands


def _metal(path: np.ndarray, radius: float, value: float) -> Strand:
    return Strand(path, radius, radius, 0.0, core=value)


def _line(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    return np.linspace(start, end, max(int(4 * np.linalg.norm(end - start)), 8))
