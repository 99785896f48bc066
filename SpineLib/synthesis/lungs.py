# SPDX-License-Identifier: Apache-2.0
"""The vessels of the lungs: trees that branch from the two roots and thin out towards the chest wall."""

from itertools import pairwise

import numpy as np

from SpineLib.synthesis.body import Chest
from SpineLib.synthesis.solids import LUNG, MUSCLE
from SpineLib.synthesis.thorax import Strand

STEP = 3.0
"""Length in mm of one step of a growing branch."""


def vessel_trees(chest: Chest, rng: np.random.Generator) -> list[Strand]:
    """Branches inside the lungs, as strands of blood that replaces air."""
    scale = chest.scale
    root_z = chest.domes[0] + 88 * scale
    strands: list[Strand] = []
    for side in (-1.0, 1.0):
        middle = 0.5 * (float(chest.cage.middle_x(root_z)) + float(chest.spine_x(root_z)))
        depth = float(chest.spine_y(root_z)) - 48 * scale
        for _ in range(int(rng.integers(9, 15))):
            start = np.array([middle + side * rng.uniform(26, 36) * scale, depth, root_z]) + rng.normal(0, 9, 3)
            heading = np.array([side * rng.uniform(0.3, 1.0), rng.normal(0, 0.5), rng.normal(-0.25, 0.9)])
            _grow(start, heading, rng.uniform(2.2, 3.8) * scale, chest, rng, strands)
    return strands


def _grow(
    start: np.ndarray,
    heading: np.ndarray,
    radius: float,
    chest: Chest,
    rng: np.random.Generator,
    strands: list[Strand],
) -> None:
    point, heading = start, heading / np.linalg.norm(heading)
    path, first = [point], radius
    while radius > 0.45:
        heading = heading + rng.normal(0, 0.13, 3)
        heading /= np.linalg.norm(heading)
        point = point + heading * STEP
        path.append(point)
        radius *= 0.955
        if len(path) > 4 and rng.random() < 0.11:
            fork = heading + rng.normal(0, 0.6, 3)
            _grow(point, fork, radius * 0.75, chest, rng, strands)
    path = np.array(path)
    inside = chest.distance(path[:, 0], path[:, 1], path[:, 2]) < -1.0
    path = path[: int(np.argmin(inside))] if not inside.all() else path
    for piece in range(0, len(path) - 2, 4):
        points = path[piece : piece + 5]
        size = first * 0.955 ** (piece + 2)
        if len(points) > 2:
            dense = np.concatenate([np.linspace(a, b, 8, endpoint=False) for a, b in pairwise(points)])
            strands.append(Strand(dense, size, size, 0.0, core=MUSCLE - LUNG))
