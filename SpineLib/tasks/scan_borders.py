# SPDX-License-Identifier: Apache-2.0
"""Borders of bone as the scan itself shows them, between the voxels of the network's grid.

The network sees a scan averaged to its grid; what finer voxels tell of a border is lost to it. Around each place of the
scan, what the network takes for bone and what not have a mean brightness each. Which of the two a voxel is nearer to is
weighed against how sure the network is (region competition within a small box, after Lankton and Tannenbaum,
"Localizing region-based active contours", IEEE Transactions on Image Processing 2008; the weighing is ours).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from SpineLib.tasks.scan_model import ScanModel

NEAR_MM = 3.0
"""So far to each side of a voxel bone and what lies around it are compared with it."""
DARKEST_HU, BRIGHTEST_HU, UNIT_HU = -200.0, 1200.0, 100.0
"""Brighter is metal; from fat downward all is no bone."""
SUREST = 0.98
"""The network's answers count as at most so sure, and 1 minus that at least."""
MOST = 3.0
"""Of the units of brightness that a voxel may be off the middle."""


@dataclass(frozen=True)
class Borders:
    """Logistic weights: of the log odds that the network gives for bone, of how far, in units of 100 HU, a voxel is on
    the bone's side of the middle between bone and what lies around it, and the intercept."""

    surety: float
    brightness: float
    intercept: float

    @classmethod
    def of(cls, model: "ScanModel") -> "Borders | None":
        """Those that a model brings, if any: they belong to how sure its answers are. Raises ModelError."""
        return model.numbers("borders", cls)

    def inside(self, bone: np.ndarray, values_hu: np.ndarray, spacing_mm: np.ndarray) -> np.ndarray:
        """Which voxels are bone, bool `(I, J, K)`. bone: how surely, 0..1; spacing_mm: of the voxels along i, j, k."""
        odds, brighter = evidence(bone, values_hu, spacing_mm)
        return self.surety * odds + self.brightness * brighter + self.intercept >= 0


def evidence(bone: np.ndarray, values_hu: np.ndarray, spacing_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What `Borders` weighs: the network's log odds, and how much more like the bone near it than like what else is
    near it a voxel is; float32 of the arrays' shape."""
    from scipy import ndimage

    bone = bone.astype(np.float32, copy=False)
    values = np.clip(values_hu, DARKEST_HU, BRIGHTEST_HU).astype(np.float32) / np.float32(UNIT_HU)
    size = 2 * np.rint(NEAR_MM / np.asarray(spacing_mm)).astype(int) + 1

    def mean(array: np.ndarray) -> np.ndarray:
        return ndimage.uniform_filter(array, size)

    share, whole, of_bone = mean(bone), mean(values), mean(bone * values)
    inner, outer = of_bone / (share + 1e-3), (whole - of_bone) / (1 - share + 1e-3)
    # Where both are alike, as within a joint that has no space, brightness tells nothing.
    brighter = (values - (inner + outer) / 2) * np.tanh(inner - outer)
    known = 0.5 + SUREST * (bone - 0.5)
    return np.log(known / (1 - known)), np.clip(brighter, -MOST, MOST)
