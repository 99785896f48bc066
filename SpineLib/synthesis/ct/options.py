# SPDX-License-Identifier: Apache-2.0
"""What may be asked of a synthetic CT."""

from dataclasses import dataclass

import numpy as np

from SpineLib.core.errors import InputError
from SpineLib.synthesis.ct.fractures import KINDS
from SpineLib.synthesis.ct.real_curves import load_curves
from SpineLib.synthesis.ct.variants import VARIANTS
from SpineLib.synthesis.shapes.store import load_shapes

MOST_VOXELS = 200_000_000
"""Some 3 GB while a case is made."""
THIN_MM = 2.0
"""Thicker slices are painted as several thin ones and averaged, as a scanner does."""


def thin_slices(slice_mm: float) -> int:
    """As how many thin ones a slice is painted, an odd number."""
    return 1 if slice_mm <= THIN_MM else 2 * int(slice_mm / THIN_MM / 2 + 0.5) + 1


@dataclass(frozen=True)
class CtOptions:
    """What is asked of a case; None leaves it to the seed.

    shape: voxels along (i, j, k); i runs to the left, j to the back, k upward before any tilt. spacing_mm: their
    distances. tilt_deg: how far the grid is turned about a random axis. level: the vertebra the middle of the grid is
    near. variant: `usual`, `T13`, `L6` or `four lumbar`. size: of the person, 1 for an adult of usual size. fracture:
    its kind, or `none`. implants: rods and screws, cement. randomized: random intensities per tissue instead of
    Hounsfield units. noise_hu: standard deviation. shapes: a file made by `spine synth shapes`, of which a share of the
    persons have their vertebrae. curves: a `.npz` file of points on real spines (see `real_curves`), as which a share
    of the persons are curved.
    """

    shape: tuple[int, int, int] | None = None
    spacing_mm: tuple[float, float, float] | None = None
    tilt_deg: float | None = None
    level: str | None = None
    variant: str | None = None
    fracture: str | None = None
    implants: bool | None = None
    randomized: bool | None = None
    noise_hu: float | None = None
    shapes: str | None = None
    curves: str | None = None
    size: float | None = None

    def validate(self) -> None:
        """Raise InputError for a value that cannot be used."""
        thin = 1 if self.spacing_mm is None else thin_slices(self.spacing_mm[2])
        if self.shape is not None and (min(self.shape) < 8 or thin * np.prod(self.shape, dtype=float) > MOST_VOXELS):
            raise InputError(
                f"A CT of {' x '.join(map(str, self.shape))} voxels cannot be made.",
                f"Ask for 8 or more a side and at most {MOST_VOXELS // thin // 1_000_000} million in all.",
            )
        if self.spacing_mm is not None and not all(0.3 <= step <= 8 for step in self.spacing_mm):
            raise InputError(f"Voxels of {self.spacing_mm} mm cannot be made.", "Ask for 0.3 to 8 mm.")
        if self.tilt_deg is not None and not 0 <= self.tilt_deg <= 45:
            raise InputError(f"A grid cannot be tilted by {self.tilt_deg} degrees.", "Ask for 0 to 45.")
        if self.size is not None and not 0.5 <= self.size <= 1.4:
            raise InputError(f"A person of {self.size} times the usual size cannot be made.", "Ask for 0.5 to 1.4.")
        if self.noise_hu is not None and not 0 <= self.noise_hu <= 500:
            raise InputError(f"Noise of {self.noise_hu} HU cannot be made.", "Ask for 0 to 500.")
        if self.shapes is not None:
            load_shapes(self.shapes)
        if self.curves is not None:
            load_curves(self.curves)
        if self.variant not in (None, *VARIANTS):
            raise InputError(f'The variant "{self.variant}" is unknown.', f"Use one of: {', '.join(VARIANTS)}.")
        if self.fracture not in (None, "none", *KINDS):
            raise InputError(f'The fracture "{self.fracture}" is unknown.', f"Use one of: none, {', '.join(KINDS)}.")
        levels = [size.level for size in VARIANTS[self.variant or "usual"]]
        if self.level not in (None, *levels):
            raise InputError(f"This spine has no {self.level}.", f"Use one of: {', '.join(reversed(levels))}.")
