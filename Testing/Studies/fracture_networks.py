# SPDX-License-Identifier: Apache-2.0
"""Networks that mark fractured bone, side by side on synthetic cases that none of them learned from.

    python Testing/Studies/fracture_networks.py CONFIG MODEL [MODEL ...] [-n 120] [--shapes FILE] [--curves FILE]

CONFIG is a training configuration, whose cases are drawn from seeds of their own; MODEL an id or a bundle's folder.
Every case goes through each network whole, once, without its mirror image. Printed are, with 95 % intervals, cases
resampled: Dice of fractured bone and of bodies, the share of healthy cases without a mark, the area under the curve of
whole vertebrae by their strongest mark (`tasks.fracture_odds`), and how much each differs from the first model on the
same cases. That compares networks only where they were trained alike.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from SpineLib.evaluation.intervals import bootstrap, bootstrap_mean
from SpineLib.evaluation.scan_study import area_under_curve, is_cut
from SpineLib.inference.device import select
from SpineLib.inference.scan_input import network_values
from SpineLib.inference.scan_networks import log_odds_of
from SpineLib.measurement.padding import find_padding
from SpineLib.models.loader import load
from SpineLib.synthesis.ct.case import make_case
from SpineLib.synthesis.run import case_seed
from SpineLib.tasks.fracture_odds import mark_of
from SpineLib.training.scan.config import read_scan_config
from SpineLib.training.scan.patches import Patch
from SpineLib.training.scan.targets import TARGETS

SEED = 9_700_000
"""Far from those of training, validation and the other studies."""
MEASURES = ("fracture_dice", "body_dice", "healthy_kept")


@dataclass
class Found:
    """What one network found: a line a case, and of all their vertebrae (case, mark, whether it is fractured)."""

    cases: list[dict[str, float]]
    vertebrae: list[tuple[str, float, bool]]
    seconds: float = 0.0


def main() -> None:
    asked = arguments()
    wanted = read_scan_config(asked.config, shapes=asked.shapes, curves=asked.curves).synthetic
    networks = {model: load(model).network for model in asked.models}
    found = {model: Found([], []) for model in asked.models}
    for number in range(1, asked.count + 1):
        seed = case_seed(SEED, number)
        case = make_case(seed, wanted.case_options(seed))
        for model, network in networks.items():
            judge(str(number), case, network, found[model])
    first = found[asked.models[0]]
    table = {model: {**summary(each), "beyond_the_first": beyond(each, first)} for model, each in found.items()}
    print(json.dumps(table, indent=2))


@torch.inference_mode()
def judge(name: str, case, network: torch.nn.Module, found: Found) -> None:
    image = torch.from_numpy(network_values(case.voxels.astype(np.float32)))[None, None]
    device = select("cpu")
    start = time.monotonic()
    with torch.autocast("cpu", torch.bfloat16, enabled=device.dtype == torch.bfloat16):
        answer = network(image).float()
    found.seconds += time.monotonic() - start
    patch = Patch(case.voxels, case.labels, case.parts, case.fractured, {}, is_hu=True, parts_known=True)
    (classes,) = TARGETS["fractures"].encode(patch, 0.0)
    found.cases.append(TARGETS["fractures"].scores(answer, classes[None]))
    log_odds, padding = log_odds_of(answer[0]).numpy(), find_padding(case.voxels)
    voxel_mm3 = float(abs(np.linalg.det(case.affine[:3, :3])))
    for each in case.truth["vertebrae"]:
        inside = case.labels == each["label"]
        if inside.any() and not is_cut(inside, case.affine, padding):
            found.vertebrae.append((name, mark_of(log_odds[inside], voxel_mm3), bool(case.fractured[inside].any())))


def summary(found: Found) -> dict:
    names = [str(number) for number in range(len(found.cases))]
    groups, marks, fractured = (np.array(each) for each in zip(*found.vertebrae, strict=True))
    return {
        **{measure: bootstrap_mean(column(found, measure), names) for measure in MEASURES},
        "auc": bootstrap(lambda some: area_under_curve(fractured[some], marks[some]), list(groups)),
        "fractured": int(fractured.sum()),
        "vertebrae": len(marks),
        "seconds": found.seconds,
    }


def beyond(found: Found, first: Found) -> dict:
    """The mean differences to the first model, case by case, and that of the areas under the curve."""
    names = [str(number) for number in range(len(found.cases))]
    groups, marks, fractured = (np.array(each) for each in zip(*found.vertebrae, strict=True))
    others = np.array([mark for _, mark, _ in first.vertebrae])

    def more_area(some: np.ndarray) -> float:
        return area_under_curve(fractured[some], marks[some]) - area_under_curve(fractured[some], others[some])

    means = {measure: bootstrap_mean(column(found, measure) - column(first, measure), names) for measure in MEASURES}
    return {**means, "auc": bootstrap(more_area, list(groups))}


def column(found: Found, measure: str) -> np.ndarray:
    return np.array([each.get(measure, np.nan) for each in found.cases])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, metavar="CONFIG")
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("-n", "--count", type=int, default=120)
    parser.add_argument("--shapes", type=Path)
    parser.add_argument("--curves", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
