# SPDX-License-Identifier: Apache-2.0
"""Sacrum, hip bones and the upper ends of the femurs. Places in mm for an adult, the sacral endplate at the origin."""

import numpy as np
from scipy.interpolate import CubicSpline

from SpineLib.synthesis.projection import Placed
from SpineLib.synthesis.solids import Body, Shell
from SpineLib.synthesis.thorax import Strand
from SpineLib.synthesis.vertebra import SIDES, bar


def sacrum(slope: float, scale: float) -> list[Placed]:
    """The sacrum under an endplate that leans forward by `slope` degrees."""
    angle = np.deg2rad(slope)
    axis = np.array([0.0, -np.sin(angle), np.cos(angle)])
    across = np.array([0.0, np.cos(angle), np.sin(angle)])
    rotation = np.stack([[1.0, 0.0, 0.0], across, axis], axis=1)
    parts, point = [], np.zeros(3)
    for width, depth, height in ((48, 33, 30), (36, 24, 24), (30, 18, 20), (26, 14, 17), (20, 11, 15)):
        body = Body(
            (width * scale, depth * scale), (width * 0.85 * scale, depth * 0.8 * scale), height * scale, core=0.003
        )
        parts.append(Placed(body, rotation, point - axis * height * scale / 2))
        point = point - axis * (height + 1.5) * scale
        axis = axis + 0.22 * across
        axis /= np.linalg.norm(axis)
        across = np.cross(axis, [1.0, 0.0, 0.0])
        rotation = np.stack([[1.0, 0.0, 0.0], across, axis], axis=1)
    low, high = np.array([0.0, 44.0, -92.0]) * scale, np.array([0.0, 12.0, -8.0]) * scale
    parts.append(bar(low, high, (14 * scale, 6 * scale), (55 * scale, 14 * scale), 1.0, (0.0, 1.0, 0.0), 0.002))
    return parts


def foramina(scale: float) -> list[Strand]:
    """The dense arches over the openings of the sacrum."""
    strands = []
    angle = np.linspace(0.1 * np.pi, 0.9 * np.pi, 120)
    for side in SIDES:
        for x, y, z in ((27, 14, -24), (24, 26, -45), (21, 36, -64)):
            arch = np.stack([side * x + 9 * np.cos(angle), np.full_like(angle, y), z + 6 * np.sin(angle)], axis=1)
            strands.append(Strand(arch * scale, 3.0, 1.0, 0.5))
    return strands


def hips(scale: float, flare: float) -> tuple[list[Placed], list[Strand]]:
    """Both hip bones with the femurs: solids for what is broad, strands for the dense rims. `flare` 1 = average."""
    solids, strands = [], []
    for side in SIDES:

        def at(x: float, y: float, z: float, side: float = side) -> np.ndarray:
            return np.array([side * x * flare, y, z]) * scale

        wing = (side * 0.68, -0.73, 0.0)
        solids += [
            bar(at(86, -18, -78), at(98, -5, 6), (6 * scale, 26 * scale), (5 * scale, 60 * scale), 1.6, wing, 0.006),
            bar(at(80, -20, -100), at(26, -62, -112), (7 * scale, 9 * scale), wall=0.9),
            bar(at(62, 8, -150), at(20, -58, -128), (6 * scale, 8 * scale), wall=0.9),
            bar(at(80, -8, -100), at(64, 10, -152), (13 * scale, 15 * scale), wall=0.9),
            *femur(side, scale, flare),
        ]
        crest = [at(48, 48, -8), at(72, 34, 14), at(100, 8, 20), at(122, -30, 2), at(126, -62, -34)]
        brim = [at(44, 18, -28), at(62, 8, -62), at(74, -22, -86), at(54, -52, -104), at(22, -66, -106)]
        socket = [at(116, -16, -92), at(108, -18, -74), at(90, -20, -68), at(70, -18, -82), at(66, -16, -106)]
        strands += [
            Strand(_smooth(crest), 5.5 * scale, 5.5 * scale, 1.5, core=0.006),
            Strand(_smooth(brim), 3.0, 3.0, 1.5),
            Strand(_smooth(socket), 3.0, 2.6, 1.6),
        ]
    return solids, strands


def femur(side: float, scale: float, flare: float) -> list[Placed]:
    """Head, neck and shaft of the femur at the right (`side` -1) or left (1)."""

    def at(x: float, y: float, z: float) -> np.ndarray:
        return np.array([side * x * flare, y, z]) * scale

    return [
        Placed(Shell((24 * scale,) * 3, 1.0, core=0.006), np.eye(3), at(90, -20, -98)),
        bar(at(92, -20, -100), at(138, -16, -142), (15 * scale, 16 * scale), wall=1.2),
        bar(at(138, -16, -130), at(126, -16, -420), (17 * scale, 17 * scale), (13 * scale, 13 * scale), wall=3.5),
    ]


def _smooth(knots: list[np.ndarray]) -> np.ndarray:
    steps = np.arange(len(knots))
    return CubicSpline(steps, np.array(knots))(np.linspace(0, steps[-1], 240))
