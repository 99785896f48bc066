# SPDX-License-Identifier: Apache-2.0
"""What wide films show beside the trunk: skull and jaw, shoulder blades, arms. Places in mm for an adult."""

import numpy as np
from scipy.interpolate import CubicSpline

from SpineLib.synthesis.body import Blob
from SpineLib.synthesis.curve import Pose
from SpineLib.synthesis.projection import Placed
from SpineLib.synthesis.solids import MUSCLE, Shell
from SpineLib.synthesis.thorax import Cage, Strand
from SpineLib.synthesis.vertebra import SIDES, bar


def head(poses: list[Pose], scale: float) -> tuple[list[Placed], list[Strand], list[Blob]]:
    """Skull, jaw and the soft head on top of C3."""
    top = poses[-1].center

    def at(x: float, y: float, z: float) -> np.ndarray:
        return top + np.array([x, y, z]) * scale

    solids = [
        Placed(Shell(tuple(np.array([73.0, 92.0, 78.0]) * scale), 3.6, core=0.0), np.eye(3), at(0, -18, 118)),
        Placed(Shell(tuple(np.array([58.0, 40.0, 48.0]) * scale), 2.5, core=0.001), np.eye(3), at(0, -72, 62)),
        *(bar(at(s * 22, -8, 62), at(s * 62, 6, 66), (14 * scale, 12 * scale), wall=3.0, core=0.012) for s in SIDES),
        bar(at(0, -10, 8), at(0, -8, 44), (20 * scale, 8 * scale), wall=1.5),
    ]
    jaw = [at(-50, -8, 56), at(-47, -20, 18), at(-30, -62, 0), at(0, -86, -8)]
    jaw += [at(30, -62, 0), at(47, -20, 18), at(50, -8, 56)]
    teeth = [at(-24, -62, 24), at(-14, -80, 22), at(0, -86, 21), at(14, -80, 22), at(24, -62, 24)]
    strands = [
        Strand(_smooth(jaw), 5.0 * scale, 11.0 * scale, 2.6, core=0.008),
        Strand(_smooth(teeth), 4.0 * scale, 9.0 * scale, 0.0, core=0.045),
    ]
    flesh = [Blob(at(0, -25, 95), np.array([82.0, 102.0, 118.0]) * scale, MUSCLE)]
    return solids, strands, flesh


def arms(
    poses: list[Pose], cage: Cage, scale: float, rng: np.random.Generator
) -> tuple[list[Placed], list[Strand], list[Blob]]:
    """Both upper arms and forearms, hanging, held forward or raised a little."""
    z = next(pose.center[2] for pose in poses if pose.level == "T2")
    middle, depth = float(cage.middle_x(z)), float(cage.middle_y(z)) + 15
    solids, strands, flesh, apart = [], [], [], np.array([11.0, 0.0, 0.0])
    for side in SIDES:
        spread = rng.uniform(0.05, 0.35)
        shoulder = np.array([middle + side * 168 * scale, depth, z - 18 * scale])
        down = np.array([side * np.sin(spread), -0.1, -np.cos(spread)])
        elbow = shoulder + 290 * scale * down
        turn = rng.uniform(-0.5, 0.1)
        below = np.array([side * np.sin(spread + turn), -0.3, -np.cos(spread + turn)])
        wrist = elbow + 240 * scale * below
        strands += [
            Strand(_line(shoulder, elbow), 11 * scale, 11 * scale, 4.0 * scale, core=0.003),
            *(Strand(_line(elbow + s * apart, wrist + s * apart), 6.5 * scale, 6.5 * scale, 2.5) for s in SIDES),
        ]
        solids.append(Placed(Shell((23 * scale,) * 3, 1.0, core=0.005), np.eye(3), shoulder + 12 * down))
        for start, end, thick in ((shoulder, elbow, 46), (elbow, wrist, 36)):
            length = np.linalg.norm(end - start) / 2 + 20
            tilt = -np.arctan2(end[0] - start[0], end[2] - start[2])
            axes = np.array([thick * scale, thick * scale, length])
            flesh.append(Blob((start + end) / 2, axes, MUSCLE, float(tilt)))
    return solids, strands, flesh


def shoulder_blades(poses: list[Pose], cage: Cage, scale: float, rng: np.random.Generator) -> list[Strand]:
    """The dense borders of both shoulder blades: spine, outer and inner border."""
    z = next(pose.center[2] for pose in poses if pose.level == "T3")
    middle, back = float(cage.middle_x(z)), float(cage.middle_y(z) + cage.half_depth(z)) - 8
    strands = []
    for side in SIDES:
        out, lift = rng.uniform(0, 22), rng.normal(0, 6)

        def at(x: float, y: float, dz: float, side: float = side, out: float = out, lift: float = lift) -> np.ndarray:
            return np.array([middle + side * (x + out) * scale, back + y, z + (dz + lift) * scale])

        joint, inner, tip = at(148, -35, 4), at(78, 0, 12), at(98, -4, -110)
        strands += [
            Strand(_smooth([joint, at(128, -20, -40), at(110, -8, -80), tip]), 5 * scale, 5 * scale, 1.4, core=0.006),
            Strand(_smooth([inner, at(74, 2, -30), at(82, 0, -80), tip]), 2.5 * scale, 2.5 * scale, 1.2),
            Strand(_smooth([inner, at(110, 0, 22), at(150, -10, 34), at(168, -40, 30)]), 5 * scale, 6 * scale, 1.4),
            Strand(_smooth([joint, at(146, -36, 14), at(146, -36, -14)]), 8 * scale, 8 * scale, 1.5, core=0.005),
        ]
    return strands


def _line(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    return np.linspace(start, end, max(int(np.linalg.norm(end - start)), 8))


def _smooth(knots: list[np.ndarray]) -> np.ndarray:
    steps = np.arange(len(knots))
    return CubicSpline(steps, np.array(knots))(np.linspace(0, steps[-1], 240))
