# SPDX-License-Identifier: Apache-2.0
"""The data set of TotalSegmentator, version 2: CTs of every part of the body, 1.5 mm, one mask file per structure.

Layout: `s0000/ct.nii.gz` and `s0000/segmentations/vertebrae_L1.nii.gz ...`, `sacrum.nii.gz`. The first sacral vertebra
has a mask of its own and counts as sacrum here. Many scans show no vertebra; their masks are empty. One scan of a
patient. License: CC BY 4.0. Cite Wasserthal et al., Radiology: Artificial Intelligence 5(5):e230024, 2023.
"""

from functools import partial
from pathlib import Path

import numpy as np

from SpineLib import io
from SpineLib.core.anatomy import DISC, S1, SACRUM, VERTEBRAE
from SpineLib.core.errors import InputError
from SpineLib.core.volume import Volume
from SpineLib.datasets.same_grid import on_grid_of
from SpineLib.datasets.scan_case import ScanCase

MASKS = {"sacrum.nii.gz": SACRUM.code} | {f"vertebrae_{each.name}.nii.gz": each.code for each in (S1, *VERTEBRAE)}
"""File of a mask -> its code here."""
CODES = frozenset(MASKS.values())


def load(folder: Path) -> list[ScanCase]:
    """All scans, sorted by name. Raises InputError for another folder and for an image without masks of the spine."""
    images = sorted(folder.glob("s*/ct.nii.gz"))
    if not images:
        raise InputError(
            f'The folder "{folder}" has no scans of the TotalSegmentator data set.',
            "Give the folder that holds s0000/ct.nii.gz and so on.",
        )
    return [_case(image) for image in images]


def _case(image: Path) -> ScanCase:
    name = image.parent.name
    masks = {path: code for file, code in MASKS.items() if (path := image.parent / "segmentations" / file).is_file()}
    if not masks:
        raise InputError(
            f"The scan {name} has no masks of vertebrae.", f"Unpack {name}/segmentations, too, or remove the scan."
        )
    return ScanCase(name, name, image, partial(_merged, name, masks), CODES, unlabeled=frozenset((DISC.code,)))


def _merged(name: str, masks: dict[Path, int]) -> Volume:
    """All masks as one volume of codes, on the grid of the first."""
    first: Volume | None = None
    for path, code in masks.items():
        mask = io.read(path)
        first = first or Volume(np.zeros(mask.voxels.shape, np.uint8), mask.affine, "ct")
        voxels = on_grid_of(first, mask)
        if voxels is None:
            raise InputError(
                f"The mask {path.name} of {name} does not lie where its others do.", "Unpack the scan's folder again."
            )
        first.voxels[voxels > 0] = code
    assert first is not None
    return first
