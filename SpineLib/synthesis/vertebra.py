# SPDX-License-Identifier: Apache-2.0
"""A vertebra from its sizes: body, pedicles, laminae, spinous, transverse and articular processes."""

import numpy as np

from SpineLib.synthesis.curve import Pose
from SpineLib.synthesis.morphometry import Size
from SpineLib.synthesis.projection import Camera, Placed
from SpineLib.synthesis.solids import CORTICAL, TRABECULAR, Body, Tube

SIDES = (-1.0, 1.0)


def bar(
    start: np.ndarray | tuple[float, float, float],
    end: np.ndarray | tuple[float, float, float],
    thick: tuple[float, float],
    thick_end: tuple[float, float] | None = None,
    wall: float = 0.9,
    upright: tuple[float, float, float] = (0.0, 0.0, 1.0),
    core: float = 0.004,
    shell: float = CORTICAL,
) -> Placed:
    """A tube from `start` to `end` (mm), half axes `thick` = (across, along `upright` as far as that is across)."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    axis = end - start
    length = float(np.linalg.norm(axis))
    axis /= length
    second = np.asarray(upright, float) - axis * (axis @ np.asarray(upright, float))
    second /= np.linalg.norm(second)
    rotation = np.stack([np.cross(second, axis), second, axis], axis=1)
    return Placed(Tube(length, thick, thick_end or thick, wall, shell, core), rotation, (start + end) / 2)


def vertebra_parts(pose: Pose, density: float = 1.0) -> list[Placed]:
    """All parts of one vertebra, in the world. `density` scales the spongy bone, 1 = young adult."""
    size, core = pose.size, TRABECULAR * density
    body = Body(
        (size.upper_width, size.upper_depth),
        (size.lower_width, size.lower_depth),
        size.height,
        pose.wedge,
        waist=0.15 if size.level[0] == "L" else 0.09,
        wall=0.9,
        core=core * (1.5 if size.level[0] == "C" else 1.0),
    )
    parts = [Placed(body, np.eye(3), np.zeros(3)), *_arch(size), *_processes(size)]
    return [part.within(pose.rotation, pose.center) for part in parts]


def _arch(size: Size) -> list[Placed]:
    """Pedicles and laminae: the ring around the canal."""
    front = size.lower_depth / 2 - 3.0
    back = front + size.canal_depth
    root_x = (size.canal_width + size.pedicle_width) / 2 * 0.94
    root_z = size.height * (0.5 - 0.5 * size.pedicle_height / size.height) + 0.5
    pedicle = (size.pedicle_width / 2, size.pedicle_height / 2)
    tall = size.height * 0.42
    parts = []
    for side in SIDES:
        parts.append(
            bar(
                (side * root_x * 0.92, front, root_z),
                (side * root_x, front + 9.0, root_z),
                pedicle,
                wall=0.8,
                core=0.001,
                shell=0.024,
            )
        )
        parts.append(
            bar(
                (side * root_x * 0.95, back - 3, root_z - 2),
                (side * 2.0, back + 4, root_z - size.height * 0.62),
                (2.4, tall * 0.75),
                (2.2, tall * 0.6),
                wall=0.6,
            )
        )
    return parts


def _processes(size: Size) -> list[Placed]:
    region = size.level[0]
    back = size.lower_depth / 2 - 3.0 + size.canal_depth
    root_x = (size.canal_width + size.pedicle_width) / 2 * 0.94
    root_z = size.height * (0.5 - 0.5 * size.pedicle_height / size.height)
    slope = np.deg2rad(size.spinous_slope)
    base = np.array([0.0, back + 2, root_z - size.height * 0.45])
    tip = base + size.spinous_length * 0.8 * np.array([0.0, np.cos(slope), -np.sin(slope)])
    blade = (2.6, 8.5) if region == "L" else (2.4, 5.5)
    swell = (3.6, 9.5) if region == "L" else (3.4, 4.0)
    parts = [bar(base, tip, blade, swell, wall=0.55, core=0.003)]
    rise = {"L": 2.0, "T": 3.0, "C": -2.0}[region]
    fall_back = {"L": 3.0, "T": 12.0, "C": -6.0}[region]
    thick = {"L": (2.6, 5.0), "T": (3.6, 4.2), "C": (2.8, 3.2)}[region]
    swollen = {"L": (1.8, 3.6), "T": (4.2, 4.8), "C": (3.0, 3.4)}[region]
    facet = size.height * 0.30
    for side in SIDES:
        root = (side * root_x, back - 5, root_z - 1)
        tip = (side * (size.process_span / 2 - swollen[0]), back - 5 + fall_back, root_z - 1 + rise)
        parts.append(bar(root, tip, thick, swollen, wall=0.5, core=0.003, shell=0.012))
        x = root_x * (1.05 if region == "L" else 0.95)
        joint = (size.pedicle_width * 0.35 + 1.6, 3.2)
        parts.append(
            bar(
                (side * x, back - 3, root_z),
                (side * x * 1.04, back - 2, root_z + facet + 6),
                joint,
                wall=0.7,
                shell=0.024,
            )
        )
        low = (side * x * 0.9, back + 1, root_z - size.height * 0.62 - facet)
        parts.append(bar((side * x * 0.95, back, root_z - 4), low, joint, wall=0.7, shell=0.024))
    return parts


def corners(pose: Pose, camera: Camera) -> np.ndarray:
    """Where the body's corners fall on the film: (4, 2) pixels, top-left, top-right, bottom-left, bottom-right.

    They are the outermost points of the rims of the two endplates, across the body as it is seen.
    """
    angle = np.linspace(0, 2 * np.pi, 73)
    across = pose.rotation[:, 0]
    seen = np.array([across[0], -across[2]])
    if seen[0] < 0:
        seen = -seen
    found = []
    for width, depth, up in (
        (pose.size.upper_width, pose.size.upper_depth, 1.0),
        (pose.size.lower_width, pose.size.lower_depth, -1.0),
    ):
        x, y = width / 2 * np.cos(angle), depth / 2 * np.sin(angle)
        z = up * (pose.size.height / 2 - pose.wedge / 2 * x)
        rim = camera.project(pose.world(np.stack([x, y, z], axis=1)))
        reach = rim @ seen
        found += [rim[reach.argmin()], rim[reach.argmax()]]
    return np.array(found)
