# SPDX-License-Identifier: Apache-2.0
"""A vertebra of a CT: its parts by name, its body as it is deformed, and the heights measured on it."""

from dataclasses import dataclass, replace

import numpy as np

from SpineLib.synthesis.ct.broken import broken
from SpineLib.synthesis.ct.fractures import BACK, FRONT, Deformation, Fracture
from SpineLib.synthesis.ct.look_alikes import LookAlike
from SpineLib.synthesis.ct.shaped import Looks, ShapedSolid, shaped_parts
from SpineLib.synthesis.curve import Pose
from SpineLib.synthesis.morphometry import Size
from SpineLib.synthesis.projection import Placed
from SpineLib.synthesis.solids import Body
from SpineLib.synthesis.vertebra import SIDES, bar, vertebra_parts

_SIDED = ("transverse", "upper facet", "lower facet")
NAMES = ("body", *(f"{part} {side}" for side in ("right", "left") for part in ("pedicle", "lamina")), "spinous")
NAMES += tuple(f"{part} {side}" for side in ("right", "left") for part in _SIDED)
"""Names of the parts that `vertebra_parts` makes, in its order."""
FINE_MM = 0.05
DIP = 0.045
"""How far an endplate dips in its middle, as a share of the body's height."""
PEDICLE_PLACE = 0.2
"""Where the pedicles leave the body, as a share of its height above its middle."""


@dataclass(frozen=True)
class Vertebra:
    """A posed vertebra. `parts`: solids in its own frame by name, without the body. `body` is None for C1.

    `looks`: the real shape it is made of, None where it is made of tubes.
    """

    pose: Pose
    body: Body | ShapedSolid | None
    parts: dict[str, Placed]
    fracture: Fracture | None = None
    look_alike: LookAlike | None = None
    cement: bool = False
    looks: Looks | None = None

    @property
    def level(self) -> str:
        return self.pose.level

    @property
    def shape(self) -> Deformation | None:
        """What deforms the body, if anything does."""
        cause = self.fracture or self.look_alike
        return cause.shape if cause else None

    def healthy(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where points of the own frame (mm) lie in the body before it was deformed."""
        return (x, y, z) if self.shape is None else self.shape.healthy(x, y, z, self.pose.size)


def make_vertebra(
    pose: Pose,
    fracture: Fracture | None = None,
    look_alike: LookAlike | None = None,
    cement: bool = False,
    looks: Looks | None = None,
) -> Vertebra:
    """The vertebra at a pose, of a real shape if `looks` are given."""
    body, parts = _solids(pose) if looks is None else shaped_parts(pose, looks)
    if fracture is not None and fracture.process is not None:
        parts = broken(fracture.process, pose.size, parts)
    found = Vertebra(pose, body, parts, fracture, look_alike, cement, looks)
    return found if found.shape is None else replace(found, parts=_sunk(parts, pose.size.height, found.shape))


def _sunk(parts: dict[str, Placed], height_mm: float, shape: Deformation) -> dict[str, Placed]:
    """The arch goes down with the rear wall from which its pedicles come."""
    above_fixed = PEDICLE_PLACE if shape.both else PEDICLE_PLACE + 0.5
    down = np.array([0, 0, above_fixed * shape.loss[2] * height_mm])
    return {name: replace(part, center=part.center - down) for name, part in parts.items()}


def _solids(pose: Pose) -> tuple[Body | None, dict[str, Placed]]:
    """Body (None for C1) and the parts behind it, of tubes."""
    upright = replace(pose, rotation=np.eye(3), center=np.zeros(3))
    if pose.level == "C1":
        return None, _atlas(pose)
    body, *others = vertebra_parts(upright)
    parts = dict(zip(NAMES[1:], others, strict=True))
    if pose.level == "C2":
        size = pose.size
        parts["dens"] = bar((0, -1, size.height / 2 - 3), (0, -1.5, size.height / 2 + 13), (4.6, 4.8), (4.0, 4.4))
    assert isinstance(body.solid, Body)
    if pose.level[0] == "C":
        parts |= _roots(pose.size)
    return replace(body.solid, dip=DIP * pose.size.height), parts


def _roots(size: Size) -> dict[str, Placed]:
    """What joins the narrow bodies of the neck to their pedicles, which stand at the wide canal."""
    behind, z = size.lower_depth / 2 - 3.0, PEDICLE_PLACE * size.height
    thick = (0.45 * size.pedicle_width, 0.45 * size.pedicle_height)
    beside = (size.canal_width + size.pedicle_width) / 2 * 0.94
    return {
        f"root {name}": bar(
            (side * (size.lower_width / 2 - 4), behind - 4, z), (side * beside, behind + 2, z), thick, wall=0.8
        )
        for side, name in zip(SIDES, ("right", "left"), strict=True)
    }


def endplate_points(vertebra: Vertebra, deformed: bool = True) -> np.ndarray | None:
    """Where the heights are measured: (3, 2, 3) points of the own frame (mm); None for C1.

    In front, in the middle and at the back of the midsagittal plane, each on the lower and the upper surface, at
    `FRONT`, 0 and `BACK` of the half depth; `deformed` false gives those before the fracture. A Schmorl node counts as
    part of the body.
    """
    if vertebra.body is None:
        return None
    size = vertebra.pose.size
    half = (size.upper_depth + size.lower_depth) / 4
    z = np.arange(-0.7 * size.height, 0.7 * size.height, FINE_MM, dtype=np.float32)
    points = np.zeros((3, 2, 3))
    for row, share in enumerate((FRONT, 0.0, BACK)):
        line = np.zeros_like(z), np.full_like(z, share * half), z
        within = z[vertebra.body.distances(*(vertebra.healthy(*line) if deformed else line))[0] <= 0]
        points[row, :, 1] = share * half
        points[row, :, 2] = within.min() - FINE_MM / 2, within.max() + FINE_MM / 2
    return points


def heights_mm(vertebra: Vertebra, deformed: bool = True) -> tuple[float, float, float] | None:
    """Anterior, middle and posterior height of the body between its `endplate_points`; None for C1."""
    points = endplate_points(vertebra, deformed)
    if points is None:
        return None
    front, middle, back = (float(height) for height in points[:, 1, 2] - points[:, 0, 2])
    return front, middle, back


def height_loss(vertebra: Vertebra) -> tuple[float, float, float]:
    """Shares of the anterior, middle and posterior height that are gone; 0 for C1."""
    now, before = heights_mm(vertebra), heights_mm(vertebra, deformed=False)
    if now is None or before is None:
        return 0.0, 0.0, 0.0
    front, middle, back = (1 - after / expected for after, expected in zip(now, before, strict=True))
    return front, middle, back


def _atlas(pose: Pose) -> dict[str, Placed]:
    """C1: a ring around the dens and the canal, with a mass and a process on either side."""
    size = pose.size
    wide, deep = size.canal_width / 2, size.canal_depth
    parts = {"arch front": bar((-9, -7.5, 0), (9, -7.5, 0), (3.0, 4.5), wall=1.2)}
    for side, name in zip(SIDES, ("right", "left"), strict=True):
        parts[f"mass {name}"] = bar((side * 16, 4, -6), (side * 19, 2, 6), (7.0, 9.0), wall=1.2)
        parts[f"link {name}"] = bar((side * 8, -7.5, 0), (side * 15, -2, 0), (3.0, 4.5), wall=1.2)
        parts[f"transverse {name}"] = bar(
            (side * 22, 2, 0), (side * (size.process_span / 2 - 4), 4, -1), (3.6, 4.6), wall=0.8
        )
        parts[f"arch side {name}"] = bar((side * 17, 8, 0), (side * wide * 0.85, 0.75 * deep, 0), (3.0, 4.0), wall=1.2)
        parts[f"arch back {name}"] = bar((side * wide * 0.85, 0.75 * deep, 0), (0, deep + 2, 0), (3.0, 4.6), wall=1.2)
    return parts
