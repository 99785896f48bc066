# SPDX-License-Identifier: Apache-2.0
"""The folder that `spine synth ct` writes: made-up CTs with exact answers.

Layout: `ct_0001.nii.gz`, `ct_0001_labels.nii.gz`, `_parts`, `_fractures` and `ct_0001.json`. Codes: vertebrae, sacrum
26, discs 102. Every case is a person of its own. The scans are free of rights of others.
"""

import json
import re
from functools import partial
from pathlib import Path

from SpineLib import io
from SpineLib.core.anatomy import DISC, SACRUM, VERTEBRAE
from SpineLib.core.errors import InputError
from SpineLib.datasets.scan_case import ScanCase

IMAGE = re.compile(r"(ct_\d+)\.nii\.gz")
CODES = frozenset(each.code for each in (*VERTEBRAE, SACRUM, DISC))


def load(folder: Path) -> list[ScanCase]:
    """All cases, sorted by name. Raises InputError for another folder and for a case that is not whole."""
    names = [match[1] for path in sorted(folder.iterdir()) if (match := IMAGE.fullmatch(path.name))]
    if not names:
        raise InputError(f'The folder "{folder}" has no synthetic CTs.', "Make them with: spine synth ct -o DIR")
    return [_case(folder, name) for name in names]


def _case(folder: Path, name: str) -> ScanCase:
    labels, parts, fractured = (folder / f"{name}_{kind}.nii.gz" for kind in ("labels", "parts", "fractures"))
    about = folder / f"{name}.json"
    for path in (labels, parts, fractured, about):
        if not path.is_file():
            raise InputError(f"The scan {name} has no {path.name}.", "Make the folder again, or remove the scan.")
    try:
        truth = json.loads(about.read_text(encoding="utf-8"))
        grades = {each["label"]: each["genant_grade"] for each in truth["vertebrae"] if each["fracture"]}
        is_hu = not truth["randomized"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"The file {about.name} does not describe a synthetic CT.", "Make the folder again."
        ) from error
    image = folder / f"{name}.nii.gz"
    return ScanCase(name, name, image, partial(io.read, labels), CODES, parts, fractured, grades, is_hu)
