# SPDX-License-Identifier: Apache-2.0
"""What looks like a fracture and is none: Schmorl nodes, hemangiomas, wedging by wear. Shapes are our choice."""

from dataclasses import dataclass

import numpy as np

from SpineLib.synthesis.ct.fractures import Deformation
from SpineLib.synthesis.morphometry import Size

KINDS = ("Schmorl node", "hemangioma", "degenerative wedge")


@dataclass(frozen=True)
class LookAlike:
    """A healthy oddity of one body: a ball at `center` (own frame, mm), or a mild `shape`."""

    kind: str
    center: np.ndarray
    radius_mm: float
    shape: Deformation | None = None


def sample_look_alike(size: Size, rng: np.random.Generator) -> LookAlike:
    """One of the kinds. Wear takes less than 15 % of the height, so its Genant grade is 0."""
    kind = str(rng.choice(KINDS))
    half = np.array([(size.upper_width + size.lower_width) / 4, (size.upper_depth + size.lower_depth) / 4])
    if kind == "degenerative wedge":
        front = float(rng.uniform(0.07, 0.14))
        return LookAlike(kind, np.zeros(3), 0.0, Deformation((front, front * 0.6, front * 0.1), False, 0.02))
    across = half * rng.uniform(-0.4, 0.4, 2)
    if kind == "hemangioma":
        return LookAlike(
            kind,
            np.array([*across, rng.uniform(-3, 3)]),
            float(rng.uniform(min(5.0, 0.4 * size.height), 0.42 * size.height)),
        )
    end = float(rng.choice([-1.0, 1.0])) * (size.height / 2 - 1)
    return LookAlike(kind, np.array([*across, end]), float(rng.uniform(2.5, 5.0)))


def carve(look: LookAlike | None, x: np.ndarray, y: np.ndarray, z: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """The signed distance to a body (mm) from which a Schmorl node is taken."""
    if look is None or look.kind != "Schmorl node":
        return distance
    return np.maximum(distance, look.radius_mm - _from_center(look, x, y, z))


def altered(look: LookAlike | None, x: np.ndarray, y: np.ndarray, z: np.ndarray, spongy: np.ndarray) -> np.ndarray:
    """Spongy bone (HU) with a hemangioma in it: fat between few thick upright trabeculae, the polka dots of CT."""
    if look is None or look.kind != "hemangioma":
        return spongy
    within = np.clip(look.radius_mm - _from_center(look, x, y, z), 0, 1)
    dots = np.maximum(np.sin(x * np.float32(1.9)) * np.sin(y * np.float32(1.9)), 0)
    return spongy + within * (np.float32(-10) + np.float32(480) * dots - spongy)


def _from_center(look: LookAlike, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    across, back, up = (np.float32(value) for value in look.center)
    return np.sqrt((x - across) ** 2 + (y - back) ** 2 + (z - up) ** 2)
