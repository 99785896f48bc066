# SPDX-License-Identifier: Apache-2.0
"""One made-up film with its answer: person, projection, exposure, and the column's mask as on labeled films."""

from dataclasses import dataclass

import numpy as np

from SpineLib.core.errors import InputError
from SpineLib.datasets.ap_radiographs import column_mask
from SpineLib.synthesis.curve import Pose
from SpineLib.synthesis.exposure import expose, sample_exposure
from SpineLib.synthesis.marks import collimate, write_marks
from SpineLib.synthesis.morphometry import LABELED
from SpineLib.synthesis.phantom import build_phantom, line_integrals
from SpineLib.synthesis.projection import Camera
from SpineLib.synthesis.vertebra import corners

FIELDS = ("trunk", "wide", "full")


@dataclass(frozen=True)
class ViewOptions:
    """What is asked of a film; None leaves it to the seed.

    rows, columns: size in pixels; columns None follows from the field. field: `trunk` (narrow, T1..L5 fills the
    height), `wide` (the whole chest and belly) or `full` (skull to thighs, with arms). collimated: black borders.
    implants: rods and screws.
    """

    rows: int = 1536
    columns: int | None = None
    field: str = "trunk"
    collimated: bool | None = None
    implants: bool | None = None

    def validate(self) -> None:
        """Raise InputError for a value that cannot be used."""
        for size in (self.rows, self.columns):
            if size is not None and not 64 <= size <= 8000:
                raise InputError(f"A film of {size} pixels a side cannot be made.", "Ask for 64 to 8000.")
        if self.field not in FIELDS:
            raise InputError(f'The field "{self.field}" is unknown.', f"Use one of: {', '.join(FIELDS)}.")


@dataclass(frozen=True)
class SyntheticFilm:
    """`pixels` uint16 `(rows, columns)`, bone bright; `mask` bool; `corners` by level, (4, 2) pixels (right, down)."""

    pixels: np.ndarray
    mask: np.ndarray
    corners: dict[str, np.ndarray]
    spacing_mm: float


def make_film(seed: int, options: ViewOptions | None = None) -> SyntheticFilm:
    """The film of a seed; the same seed and options give the same film."""
    options = options or ViewOptions()
    options.validate()
    rng = np.random.default_rng(seed)
    phantom = build_phantom(rng, implants=options.implants, arms_shown=options.field == "full" or rng.random() < 0.3)
    camera = _camera(phantom.poses, phantom.build.scale, options, rng)
    shown = expose(line_integrals(phantom, camera, rng), camera.spacing_mm, sample_exposure(rng), rng)
    if options.collimated if options.collimated is not None else rng.random() < 0.12:
        shown = collimate(shown, rng)
    if rng.random() < 0.35:
        write_marks(shown, rng)
    marked = {pose.level: corners(pose, camera) for pose in phantom.poses if pose.level in LABELED}
    mask = column_mask(np.stack([marked[level] for level in LABELED]), camera.shape)
    return SyntheticFilm(np.round(shown * 65535).astype(np.uint16), mask, marked, camera.spacing_mm)


def _camera(poses: list[Pose], scale: float, options: ViewOptions, rng: np.random.Generator) -> Camera:
    """Where the film stands: how much it shows above T1, below L5 and to the sides, in mm of the patient."""
    x = np.array([pose.center[0] for pose in poses[:17]])
    by_level = {pose.level: pose.center for pose in poses}
    top, bottom = by_level["T1"][2] + 10 * scale, by_level["L5"][2] - 12 * scale
    margins = {
        "trunk": (rng.uniform(4, 60), rng.uniform(4, 60), np.ptp(x) / 2 + rng.uniform(50, 105)),
        "wide": (rng.uniform(10, 120), rng.uniform(20, 140), rng.uniform(150, 215)),
        "full": (rng.uniform(170, 290), rng.uniform(150, 330), rng.uniform(190, 290)),
    }
    above, below, half_width = (scale * value for value in margins[options.field])
    magnification = 1.1
    spacing = float((top + above - bottom + below) * magnification / options.rows)
    columns = options.columns or max(int(2 * half_width * magnification / spacing), 64)
    center = ((x.min() + x.max()) / 2 + rng.normal(0, 8) * scale, (top + above + bottom - below) / 2)
    source = -float(rng.uniform(1400, 2600))
    return Camera((options.rows, columns), spacing, (float(center[0]), float(center[1])), source, 150.0)
