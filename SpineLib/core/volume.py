# SPDX-License-Identifier: Apache-2.0
"""The one form in which images travel through the product."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from SpineLib.core.errors import InputError

MODALITIES = ("radiograph", "ct", "mr")
VIEWS = ("ap", "lateral", None)
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From the product's coordinates to those of DICOM and ITK; its own inverse."""


MOST_SKEW = 0.01
"""How far axes may be from right angles, as a cosine: 0.6 degrees, a little more than `io.dicom_geometry` lets pass."""


def is_askew(affine: np.ndarray) -> bool:
    """Whether the axes of a grid, affine 4x4, are not at right angles to each other."""
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return not np.allclose(directions.T @ directions, np.eye(3), atol=MOST_SKEW)


@dataclass(frozen=True)
class Volume:
    """Voxels and where they lie.

    voxels: `(I, J, K)` scalars in the file's own index order (I runs fastest on disk); a film has one axis of length 1.
        Bone is bright: readers turn MONOCHROME1 round.
    affine: 4x4, voxel index (i, j, k, 1) -> RAS millimeters. Where `spacing_known` is false, one pixel counts as 1 mm
        and no length in millimeters may be reported.
    source: what may be told about the origin: `path`, `sha256`, DICOM identifiers that may be kept. No patient data.
    """

    voxels: np.ndarray
    affine: np.ndarray
    modality: str = "radiograph"
    view: str | None = None
    spacing_known: bool = True
    source: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.voxels.ndim != 3 or self.voxels.size == 0:
            raise InputError(
                f"The image has the shape {self.voxels.shape}, but one film or one 3D scan is needed.",
                "Give one frame or one time point.",
            )
        if self.affine.shape != (4, 4) or not np.isfinite(self.affine).all() or abs(np.linalg.det(self.affine)) < 1e-12:
            raise InputError("The image's geometry (its affine matrix) is not usable.", "Export the image again.")

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centers along i, j, k."""
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(lengths[0]), float(lengths[1]), float(lengths[2])

    @property
    def is_film(self) -> bool:
        """Whether the image is a single plane of pixels."""
        return 1 in self.voxels.shape
