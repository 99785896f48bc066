# SPDX-License-Identifier: Apache-2.0
"""How the brightness at a border of bone weighs against the vertebra network's answer, fitted on synthetic scans.

    python Testing/Studies/ct_borders.py -n 30 [--model FOLDER] [-j 2]

Prints the logistic weights that belong into the model's metadata as "borders" (see `tasks.scan_borders`). The scans are
those that the fracture models are calibrated on, drawn whole from their seeds; no model was trained or tested on them.
"""

import argparse
import json
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import SimpleITK as sitk
from ct_models import CALIBRATION_SEED
from scipy.optimize import minimize

from SpineLib.core.progress import silent
from SpineLib.core.volume import Volume
from SpineLib.io.itk import array_of, image_of
from SpineLib.synthesis.ct.case import make_case
from SpineLib.synthesis.ct.options import CtOptions
from SpineLib.synthesis.run import case_seed
from SpineLib.tasks.options import SegmentOptions
from SpineLib.tasks.scan_borders import evidence
from SpineLib.tasks.scan_image import scan_image
from SpineLib.tasks.scan_masks import vertebrae_on
from SpineLib.tasks.scan_model import ScanModel
from SpineLib.tasks.scan_vertebrae import localize, segment

DOUBTED = (0.01, 0.99)
"""Only where the network's answer lies between these may a border move."""
KEPT = 4000
"""Voxels of a vertebra, drawn at random, so that each counts as much."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", "--count", type=int, default=30)
    parser.add_argument("--model", help="id or folder of a vertebra model; default: the shipped one")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="scans at a time")
    asked = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, multiprocessing.cpu_count() // asked.jobs)))
    with ProcessPoolExecutor(asked.jobs, multiprocessing.get_context("spawn")) as pool:
        rows = np.concatenate(list(pool.map(partial(seen, asked.model), range(1, asked.count + 1))))
    print(json.dumps({"borders": fit(rows), "voxels": len(rows)}))


def seen(model_id: str | None, number: int) -> np.ndarray:
    """Of doubtful voxels of a scan's vertebrae: log odds, brightness, whether they are of a vertebra; `(n, 3)`."""
    case = make_case(case_seed(CALIBRATION_SEED, number), CtOptions(randomized=False))
    options, rng = SegmentOptions(), np.random.default_rng(number)
    model, localizer = (
        ScanModel.for_task(task, name, options) for task, name in (("ct", model_id), ("ct_localizer", None))
    )
    scan = scan_image(Volume(case.voxels, case.affine, "ct"))
    codes = [each["label"] for each in case.truth["vertebrae"]]
    truth = image_of(np.isin(case.labels, codes).astype(np.uint8), case.affine)
    rows = [np.zeros((0, 3))]

    def note(bone: np.ndarray, voxels: sitk.Image) -> np.ndarray:
        odds, brighter = evidence(bone, scan.at(voxels), np.array(voxels.GetSpacing()))
        own = array_of(sitk.Resample(truth, voxels, sitk.Transform(), sitk.sitkNearestNeighbor))
        places = np.flatnonzero((bone > DOUBTED[0]) & (bone < DOUBTED[1]))
        places = rng.choice(places, min(KEPT, len(places)), replace=False)
        rows.append(np.stack([each.ravel()[places] for each in (odds, brighter, own)], 1))
        return bone >= 0.5

    coarse = localize(scan, localizer, silent)
    if coarse.is_credible:
        vertebrae_on(scan, segment(scan, coarse, model, silent), note)
    return np.concatenate(rows)


def fit(rows: np.ndarray) -> dict[str, float]:
    """The weights of `Borders`, by maximum likelihood."""
    inputs, truth = np.column_stack([rows[:, :2], np.ones(len(rows))]), rows[:, 2]

    def cost(weights: np.ndarray) -> float:
        scores = inputs @ weights
        return float((np.logaddexp(0, scores) - truth * scores).mean())

    found = minimize(cost, np.array([1.0, 0.0, 0.0])).x
    return {
        name: round(float(value), 2) for name, value in zip(("surety", "brightness", "intercept"), found, strict=True)
    }


if __name__ == "__main__":
    main()
