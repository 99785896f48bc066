# SPDX-License-Identifier: Apache-2.0
"""Fractures: which there are, how they deform a vertebral body, and how the spine above settles on them.

Kinds and grades are those of Genant et al., "Vertebral fracture assessment using a semiquantitative technique" (JBMR
1993). The shapes between the measured heights, the gaps and what follows for the spine above are our choice.
"""

from dataclasses import dataclass, replace

import numpy as np

from SpineLib.synthesis.ct.broken import PART_OF, Break, sample_break
from SpineLib.synthesis.curve import Pose
from SpineLib.synthesis.morphometry import Size

GRADES = ((0.40, 3), (0.25, 2), (0.20, 1))
"""Severe, moderate, mild: least loss of height and grade."""
COLLAPSING = ("wedge", "biconcave", "crush", "burst")
KINDS = (*COLLAPSING, "split", "transverse process", "spinous process")
FRONT, BACK = -0.75, 0.6
"""Where the anterior and posterior heights are measured, as shares of the half depth; the hollow rear wall is near."""
LOSSES = {1: (0.22, 0.245), 2: (0.27, 0.39), 3: (0.43, 0.6)}
FOLLOWING = 0.8
"""Share of a wedge's angle by which the spine above leans forward; discs make up for the rest."""


def genant_grade(loss: float) -> int:
    """Grade 0 to 3 of the largest share of height lost."""
    return next((grade for least, grade in GRADES if loss >= least), 0)


@dataclass(frozen=True)
class Deformation:
    """How a body differs from the healthy one it was.

    `loss`: shares of height lost in front, in the middle and at the back. `both` endplates sink in, or the upper one.
    `bulge`: share by which the waist widens. `retropulsion_mm`: how far the rear wall stands in the canal.
    """

    loss: tuple[float, float, float]
    both: bool = False
    bulge: float = 0.0
    retropulsion_mm: float = 0.0

    @property
    def middle_rim(self) -> float:
        """Share of height lost at the rims beside the middle, where no dent is."""
        front, _, back = self.loss
        return front + (back - front) * -FRONT / (BACK - FRONT)

    @property
    def dent(self) -> float:
        """Share of height lost in the middle beyond its rims."""
        return self.loss[1] - self.middle_rim

    def healthy(
        self, x: np.ndarray, y: np.ndarray, z: np.ndarray, size: Size
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where points of the deformed body (its own frame, mm) lie in the healthy one."""
        half = np.float32((size.upper_depth + size.lower_depth) / 4)
        side = np.float32((size.upper_width + size.lower_width) / 4)
        front, _, back = (np.float32(loss) for loss in self.loss)
        along = np.clip((y / half - np.float32(FRONT)) / np.float32(BACK - FRONT), 0, 1)
        dent = np.clip(1 - ((x / side) ** 2 + (y / half) ** 2) / np.float32(FRONT**2), 0, 1)
        rim = front + (back - front) * along
        left = 1 - rim - dent * np.float32(self.dent)
        pivot = np.float32(0 if self.both else -size.height / 2)
        z = (z - pivot) / np.maximum(left, np.float32(0.2)) + pivot
        height = np.float32(size.height)
        # What is lost in height goes sideways, most where the wall gives way first.
        wider = 1 + np.float32(self.bulge) * np.exp(-((z / height - np.float32(0.2)) ** 2) * 8)
        if self.retropulsion_mm:
            pushed = np.exp(-((x / side * np.float32(1.6)) ** 2) - ((z / height - np.float32(0.22)) * 4) ** 2)
            y = y - np.float32(self.retropulsion_mm) * pushed * np.clip(y / half * np.float32(1.6), 0, 1)
        return x / wider, np.where(y < 0, y / wider, y), z


@dataclass(frozen=True)
class Gap:
    """A break: the plane `normal . p = offset` (mm) in the vertebra's own frame, open by `width_mm`."""

    normal: np.ndarray
    offset: float
    width_mm: float


@dataclass(frozen=True)
class Fracture:
    """One broken vertebra. `band_hu`: density of the packed bone under the endplate; `process`: how one is broken."""

    level: str
    kind: str
    shape: Deformation | None = None
    gaps: tuple[Gap, ...] = ()
    band_hu: float = 0.0
    process: Break | None = None


def sample_fracture(pose: Pose, kind: str, rng: np.random.Generator) -> Fracture:
    """A fracture of one kind, of any grade where the kind has grades."""
    level, size = pose.level, pose.size
    if kind in PART_OF:
        return Fracture(level, kind, process=sample_break(kind, size, rng))
    if kind == "split":
        turn = rng.normal(0, 0.5)
        normal = np.array([np.cos(turn), np.sin(turn), rng.normal(0, 0.15)])
        # Through the middle third of the body, not along its edge.
        offset = float(np.clip(rng.normal(0, size.upper_width / 10), -size.upper_width / 6, size.upper_width / 6))
        return Fracture(level, kind, gaps=(Gap(normal, offset, rng.uniform(1.5, 4)),))
    loss = float(rng.uniform(*LOSSES[int(rng.choice([1, 2, 3], p=[0.25, 0.45, 0.3]))]))
    packed = float(rng.uniform(60, 260)) if rng.random() < 0.7 else 0.0
    bulge = 0.35 * loss
    if kind == "wedge":
        share = rng.uniform(0.4, 0.6), rng.uniform(0.05, 0.25)
        return Fracture(level, kind, Deformation((loss, loss * share[0], loss * share[1]), False, bulge), (), packed)
    if kind == "biconcave":
        rims = rng.uniform(0.05, 0.3, 2) * loss
        return Fracture(level, kind, Deformation((rims[0], loss, rims[1]), True, bulge / 2), (), packed)
    front, back = loss * rng.uniform(0.92, 1.0), loss * rng.uniform(0.75, 1.0)
    if kind == "crush":
        return Fracture(level, kind, Deformation((front, loss, back), False, bulge), (), packed)
    shape = Deformation((loss, front, 0.6 * back), False, 1.3 * bulge, float(rng.uniform(2.5, 7.5)))
    gaps = tuple(
        Gap(np.array([np.cos(turn), np.sin(turn), rng.normal(0, 0.3)]), rng.normal(0, size.upper_width / 9), 1.2)
        for turn in rng.uniform(0, np.pi, int(rng.integers(2, 4)))
    )
    return Fracture(level, kind, shape, gaps, packed)


def settle(poses: list[Pose], shapes: dict[str, Deformation]) -> list[Pose]:
    """The spine above each deformed body sinks and leans with its upper endplate; `poses` run from the lowest up."""
    poses = list(poses)
    for index, pose in enumerate(poses):
        shape = shapes.get(pose.level)
        if shape is None:
            continue
        half, height = (pose.size.upper_depth + pose.size.lower_depth) / 4, pose.size.height
        front, _, back = shape.loss
        angle = FOLLOWING * np.arctan2((front - back) * height, (BACK - FRONT) * half)
        top = pose.center + pose.rotation[:, 2] * height / 2
        sunk = pose.rotation[:, 2] * height * shape.middle_rim * (0.5 if shape.both else 1.0)
        cos, sin = np.cos(angle), np.sin(angle)
        turn = pose.rotation @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]) @ pose.rotation.T
        for above in range(index + 1, len(poses)):
            center = top + turn @ (poses[above].center - top) - sunk
            poses[above] = replace(poses[above], center=center, rotation=turn @ poses[above].rotation)
    return poses
