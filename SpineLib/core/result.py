# SPDX-License-Identifier: Apache-2.0
"""What comes out of a task: structures, vertebrae, measurements, warnings and where all that came from."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from SpineLib.core.mask import Mask

SCHEMA_VERSION = 1
DISCLAIMER = "For research use only. Not a medical device."
UNSURE = 0.75
"""Names that are less probable than this are told as doubtful."""


@dataclass(frozen=True)
class Structure:
    """A named part of the anatomy (`core.anatomy`) that is not a single vertebra; confidence in 0..1."""

    name: str
    mask: Mask
    confidence: float


@dataclass(frozen=True)
class Fracture:
    """What was found of a fracture in a vertebra.

    mask: fractured bone, may be empty. probability: that the vertebra is fractured, 0..1. genant_grade: 0 to 3 by the
    loss of height, None where the heights could not be measured. kind: "wedge", "biconcave" or "crush" where the grade
    is above 0, else "".
    """

    mask: Mask
    probability: float
    genant_grade: int | None = None
    kind: str = ""


@dataclass(frozen=True)
class Vertebra:
    """One vertebra: its level, the second-best reading, its own mask (neighbors may overlap) and its landmarks.

    confidence: probability of the name times how sure the mask is. second_confidence: the same of the second reading.
    landmarks: name -> coordinates; films in pixels (x, y) of the input, scans in RAS mm. body: the part of the mask
    that is the vertebral body, None where it is not told apart. fracture: None where fractures were not looked for.
    unmeasured: a sentence that says why there are no heights, "" where there are or where none were looked for.
    """

    level: str
    confidence: float
    mask: Mask
    second_level: str | None = None
    landmarks: dict[str, tuple[float, ...]] = field(default_factory=dict)
    body: Mask | None = None
    fracture: Fracture | None = None
    second_confidence: float | None = None
    unmeasured: str = ""

    @property
    def is_uncertain(self) -> bool:
        """Whether its name is in doubt."""
        return self.confidence < UNSURE


@dataclass(frozen=True)
class Measurement:
    """One number with its unit, the levels it was taken at, how it was taken and how far to trust it (0..1)."""

    name: str
    value: float
    unit: str
    levels: tuple[str, ...] = ()
    method: str = ""
    quality: float | None = None


@dataclass(frozen=True)
class SpineResult:
    """The answer to one image. `affine` and `shape` are those of the input volume."""

    task: str
    shape: tuple[int, int, int]
    affine: np.ndarray
    structures: tuple[Structure, ...] = ()
    vertebrae: tuple[Vertebra, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    warnings: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found."""
        masks = [part.mask for part in self.structures] + [part.mask for part in self.vertebrae]
        return all(mask.is_empty for mask in masks)
