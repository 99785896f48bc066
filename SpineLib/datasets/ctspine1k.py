# SPDX-License-Identifier: Apache-2.0
"""CTSpine1K: 1005 CTs of four public collections with every visible vertebra labeled.

Layout: `data/SUBSET/NAME.nii.gz` and `label/SUBSET/NAME_seg.nii.gz`; the copy that is widely passed on calls the two
folders `raw_data/volumes` and `raw_data/labels`. Codes: C1..C7 1-7, T1..T12 8-19, L1..L6 20-25. There is one scan of a
patient. License: CC BY-NC-SA, beside those of the collections. Cite Deng et al., arXiv:2105.14711, 2021.
"""

from functools import partial
from pathlib import Path

from SpineLib import io
from SpineLib.core.anatomy import DISC, SACRUM
from SpineLib.core.errors import InputError
from SpineLib.datasets.scan_case import ScanCase

FOLDERS = (("data", "label"), ("raw_data/volumes", "raw_data/labels"), ("rawdata/volumes", "rawdata/labels"))
"""(images, labels) below the folder of the set, the first that is there counts."""
IMAGE, LABELS = ".nii.gz", "_seg.nii.gz"
CODES = frozenset(range(1, 26))
UNLABELED = frozenset((DISC.code, SACRUM.code))


def load(folder: Path) -> list[ScanCase]:
    """All scans, sorted by path. Raises InputError for another folder and for an image without labels."""
    for images, labels in FOLDERS:
        found = sorted((folder / images).glob(f"*/*{IMAGE}"))
        if found and (folder / labels).is_dir():
            return [_case(image, folder / labels) for image in found]
    raise InputError(
        f'The folder "{folder}" has no scans of CTSpine1K.',
        f"Give the folder that holds data/SUBSET/NAME{IMAGE} and label/SUBSET/NAME{LABELS}.",
    )


def _case(image: Path, labels_folder: Path) -> ScanCase:
    subset, stem = image.parent.name, image.name.removesuffix(IMAGE)
    labels = labels_folder / subset / f"{stem}{LABELS}"
    if not labels.is_file():
        raise InputError(
            f"The scan {subset}/{image.name} has no labels.",
            f"Put {labels.name} into {labels_folder.name}/{subset}, or remove the scan.",
        )
    name = f"{subset}_{stem}"
    return ScanCase(name, name, image, partial(io.read, labels), CODES, unlabeled=UNLABELED)
