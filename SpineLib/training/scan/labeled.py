# SPDX-License-Identifier: Apache-2.0
"""Labeled scans of a data set made ready for training, as the synthetic ones are."""

import json
from pathlib import Path

import numpy as np
from scipy import ndimage

from SpineLib.core.anatomy import COCCYX, VERTEBRAE
from SpineLib.core.errors import InputError
from SpineLib.core.progress import Progress
from SpineLib.datasets import load_scan_dataset
from SpineLib.datasets.scan_case import ScanCase
from SpineLib.networks.ct_channels import PARTS
from SpineLib.training.scan.cases import UNKNOWN_LABEL, write_case
from SpineLib.training.scan.config import ScanConfig
from SpineLib.training.scan.regrid import regridded
from SpineLib.training.splits import SPLIT, split_by_patient, write_split

VALIDATION_SHARE = 0.2
"""Of the scans, by whole patients: never learned from, so that the finished model can be judged on them."""
VERTEBRA_CODES = [vertebra.code for vertebra in VERTEBRAE]
ABOUT = "case.json"


def prepared_scans(config: ScanConfig, data: Path, folder: Path, progress: Progress) -> list[Path]:
    """Folders, one below `folder` for each scan of the configuration's data set that is learned from.

    data: folder of the data set. The table `split.csv` beside `folder` tells which patients are kept out. What an
    earlier run prepared at the same spacing is kept. Scans that cannot teach the target are left out, and `progress`
    is told. Raises InputError for an unusable data set or scan, and when no scan is left.
    """
    cases = load_scan_dataset(config.dataset, data)
    training, validation = split_by_patient(cases, VALIDATION_SHARE, config.seed)
    trusted = [case for case in training if not case.suspect]
    folder.mkdir(parents=True, exist_ok=True)
    write_split("scan", trusted, validation, folder.with_name(SPLIT))
    places = []
    for number, case in enumerate(trusted, 1):
        place = folder / case.name
        reason = "" if _is_kept(place, config.spacing_mm) else _prepare(case, config, place)
        progress(number / len(trusted), reason or f"{number} of {len(trusted)} labeled scans")
        if not reason:
            places.append(place)
    if not places:
        raise InputError(
            f'No scan of "{data}" can teach {config.target}.',
            "Give a data set with more patients, or one whose labels show what is to be learned.",
        )
    return places


def _is_kept(place: Path, spacing_mm: float) -> bool:
    about = place / ABOUT
    return about.is_file() and json.loads(about.read_text(encoding="utf-8"))["spacing_mm"] == spacing_mm


def _prepare(case: ScanCase, config: ScanConfig, place: Path) -> str:
    """Write the case to `place`; returns why it was left out, or ""."""
    if config.target == "fractures" and case.fractured is None:
        return f"The scan {case.name} has no fracture masks and is left out."
    scan = case.read()
    if not np.isin(scan.labels, VERTEBRA_CODES).any():
        return f"The scan {case.name} shows no labeled vertebra and is left out."
    # No network tells the coccyx, and a label that is no vertebra's would count as one.
    scan.labels[scan.labels == COCCYX.code] = 0
    voxels, truth, affine = regridded(scan, config.spacing_mm, case.is_hu)
    if case.whole_only:
        truth[0][:, :, _ends(truth[0])] = UNKNOWN_LABEL
    found = centers(truth)
    about = {
        "is_hu": case.is_hu,
        "centers": {str(label): center for label, center in found.items()},
        "fractures": {str(label): grade for label, grade in case.fractures.items() if label in found},
        "parts_known": scan.parts is not None,
        "unlabeled": sorted(case.unlabeled),
        "spacing_mm": config.spacing_mm,
        "affine": affine.tolist(),
    }
    # A file of another spacing must not vouch for arrays that are only half written.
    (place / ABOUT).unlink(missing_ok=True)
    write_case(place, voxels, truth, about)
    return ""


def _ends(labels: np.ndarray) -> np.ndarray:
    """bool `(K,)`: the slices above the highest and below the lowest label, where vertebrae may be that have none."""
    labeled = np.flatnonzero(labels.any(axis=(0, 1)))
    beyond = np.ones(labels.shape[2], bool)
    beyond[labeled[0] : labeled[-1] + 1] = False
    return beyond


def centers(truth: np.ndarray) -> dict[int, list[float]]:
    """Label -> index (i, j, k) of the center of each vertebra in `truth` `(3, I, J, K)`.

    The center is the mean of the body's voxels, or of all the vertebra's where no body is told from the rest.
    """
    labels, parts = truth[0], truth[1]
    boxes = ndimage.find_objects(labels)
    found = {}
    for label in VERTEBRA_CODES:
        box = boxes[label - 1] if label <= len(boxes) else None
        if box is not None:
            vertebra = labels[box] == label
            body = vertebra & (parts[box] == PARTS.index("body"))
            middle = np.argwhere(body if body.any() else vertebra).mean(0)
            found[label] = (middle + [part.start for part in box]).tolist()
    return found
