# SPDX-License-Identifier: Apache-2.0
"""RSNA 2022 Cervical Spine Fracture Detection: CTs of the neck, 87 of them with labeled vertebrae.

Layout: `train_images/UID/*.dcm`, `segmentations/UID.nii` (C1..C7 1-7, T1..T12 8-19) and `train.csv` with the columns
StudyInstanceUID, patient_overall, C1 .. C7 (1 is fractured). The labels are stored in sagittal planes and the images in
axial ones; what lies where follows from the headers. Fractures are known by vertebra, not by voxel, and without grade.
License: for non-commercial research and education, with citation. Cite Lin et al., Radiology: Artificial Intelligence
5(5):e230034, 2023.
"""

import csv
from functools import partial
from pathlib import Path

from SpineLib import io
from SpineLib.core.anatomy import BY_NAME, DISC, SACRUM
from SpineLib.core.errors import InputError
from SpineLib.datasets.scan_case import ScanCase

CODES = frozenset(range(1, 20))
UNLABELED = frozenset((DISC.code, SACRUM.code))
CERVICAL = tuple(f"C{number}" for number in range(1, 8))
GRADE_UNKNOWN = -1


def load(folder: Path) -> list[ScanCase]:
    """The scans that have labels, sorted by UID; those without are no cases. Raises InputError for another folder, for
    labels without an image, and for a table that does not know a scan."""
    table, labels = folder / "train.csv", sorted((folder / "segmentations").glob("*.nii"))
    if not table.is_file() or not labels:
        raise InputError(
            f'The folder "{folder}" has no labeled scans of the RSNA 2022 Cervical Spine Fracture data set.',
            "Give the folder that holds train.csv, train_images and segmentations.",
        )
    fractures = _fractures(table)
    return [_case(folder, path, fractures) for path in labels]


def _fractures(table: Path) -> dict[str, dict[int, int]]:
    """UID -> code of each fractured vertebra -> its grade, which is unknown."""
    try:
        with table.open(newline="", encoding="utf-8") as lines:
            return {
                row["StudyInstanceUID"]: {BY_NAME[name].code: GRADE_UNKNOWN for name in CERVICAL if int(row[name])}
                for row in csv.DictReader(lines)
            }
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f'The table "{table}" is not that of the RSNA 2022 data set.',
            "It needs the columns StudyInstanceUID and C1 to C7 with 0 or 1.",
        ) from error


def _case(folder: Path, labels: Path, fractures: dict[str, dict[int, int]]) -> ScanCase:
    uid = labels.stem
    image = folder / "train_images" / uid
    if not image.is_dir():
        raise InputError(
            f"The labels {labels.name} have no image.", f"Unpack train_images/{uid}, or remove the labels."
        )
    if uid not in fractures:
        raise InputError(f"The table train.csv does not know the scan {uid}.", "Get train.csv again.")
    read = partial(io.read, labels)
    return ScanCase(uid, uid, image, read, CODES, fractures=fractures[uid], unlabeled=UNLABELED, whole_only=True)
