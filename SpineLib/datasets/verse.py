# SPDX-License-Identifier: Apache-2.0
"""VerSe 2019 and 2020: CTs with every fully visible vertebra labeled, in the subject-based layout.

Layout: `rawdata/sub-*/NAME_ct.nii.gz` and `derivatives/sub-*/NAME_seg-vert_msk.nii.gz`, in the folder itself or in
those of the set's parts (`dataset-01training` ...). Several scans of one subject stay together. Codes: C1..C7 1-7,
T1..T12 8-19, L1..L6 20-25, sacrum 26, coccyx 27, T13 28; sacrum and coccyx have codes, but no labels, and vertebrae
that are cut off by the scan's ends have none either. License: CC BY-SA 4.0. Cite Sekuboyina et al., Medical Image
Analysis 73:102166, 2021; Löffler et al., Radiology: Artificial Intelligence 2(4):e190138, 2020; Liebl et al.,
Scientific Data 8:284, 2021.
"""

from functools import partial
from pathlib import Path

from SpineLib import io
from SpineLib.core.anatomy import DISC, SACRUM
from SpineLib.core.errors import InputError
from SpineLib.datasets.scan_case import ScanCase

IMAGE, LABELS = "_ct.nii.gz", "_seg-vert_msk.nii.gz"
CODES = frozenset(range(1, 29))
UNLABELED = frozenset((DISC.code, SACRUM.code))


def load(folder: Path) -> list[ScanCase]:
    """All scans, sorted by path. Raises InputError for another folder and for an image without labels."""
    images = sorted(folder.glob(f"**/rawdata/sub-*/*{IMAGE}"))
    if not images:
        raise InputError(
            f'The folder "{folder}" has no scans of VerSe.',
            f"Give the folder that holds rawdata/sub-*/*{IMAGE} (VerSe's subject-based layout).",
        )
    return [_case(image) for image in images]


def _case(image: Path) -> ScanCase:
    name, subject = image.name.removesuffix(IMAGE), image.parent.name
    labels = image.parents[2] / "derivatives" / subject / f"{name}{LABELS}"
    if not labels.is_file():
        raise InputError(
            f"The scan {image.name} has no labels.",
            f"Put {labels.name} into derivatives/{subject}, or remove the scan.",
        )
    return ScanCase(name, subject, image, partial(io.read, labels), CODES, unlabeled=UNLABELED, whole_only=True)
