# SPDX-License-Identifier: Apache-2.0
"""The CT tasks on synthetic scans that no model was trained on.

    python Testing/Studies/ct_models.py -n 40 --task fracture -o runs/ct-study [--model FOLDER] [--calibrate]
    python Testing/Studies/ct_models.py -n 98 --task fracture --every-kind -o runs/fracture-study

Writes `scores.csv` and `study.json` and prints the table. With --calibrate other scans are used, every other one with a
fracture of a given kind, and the logistic weights are printed that belong into the model's metadata as "calibration":
for fractures that are as common as in the scans without a given one.
With --every-kind all scans have a fracture, of each kind as many, and the table tells them apart; such scans say
nothing about how common fractures are. Every scan is drawn whole from its seed: spacing, field of view, tilt and
fractures as `spine synth ct` makes them. Scores on synthetic scans say little about real ones.
"""

import argparse
import json
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from SpineLib import tasks
from SpineLib.core.result import SpineResult
from SpineLib.core.volume import Volume
from SpineLib.evaluation.calibration import at_prevalence, fit
from SpineLib.evaluation.scan_study import VertebraScore, score_scan, summary, write_scores
from SpineLib.measurement.padding import find_padding
from SpineLib.synthesis.ct.case import make_case
from SpineLib.synthesis.ct.fractures import KINDS
from SpineLib.synthesis.ct.options import CtOptions
from SpineLib.synthesis.run import case_seed
from SpineLib.tasks.ct_fracture import read_grade
from SpineLib.tasks.options import SegmentOptions

TEST_SEED, CALIBRATION_SEED, KINDS_SEED = 9_000_000, 8_000_000, 9_500_000
"""Far from the seeds that the models were trained and validated on."""


@dataclass(frozen=True)
class Outcome:
    """What became of one scan. kind: of the fracture that was asked for; pairs: of its vertebrae, see
    `marks_and_losses`; extra: vertebrae where none is."""

    told: str
    kind: str | None
    scores: list[VertebraScore]
    pairs: list[tuple[float, float, bool]]
    extra: int


def main() -> None:
    asked = arguments()
    asked.output.mkdir(parents=True, exist_ok=True)
    # Processes that each use every core are slower than one.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, multiprocessing.cpu_count() // asked.jobs)))
    outcomes = []
    with ProcessPoolExecutor(asked.jobs, multiprocessing.get_context("spawn")) as pool:
        for outcome in pool.map(partial(study, asked), range(1, asked.count + 1)):
            outcomes.append(outcome)
            print(outcome.told, flush=True)
    scores = [score for each in outcomes for score in each.scores]
    write_scores(scores, asked.output / "scores.csv")
    table = summary(scores, sum(each.extra for each in outcomes), asked.count)
    if asked.every_kind:
        table["kinds"] = {kind: of_kind([each for each in outcomes if each.kind == kind]) for kind in KINDS}
    (asked.output / "study.json").write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(table, indent=2))
    if asked.calibrate:
        pairs = [pair for each in outcomes for pair in each.pairs]
        marks, losses, fractured = (np.array(each) for each in zip(*pairs, strict=True))
        np.savetxt(asked.output / "pairs.csv", np.stack([marks, losses, fractured], 1), "%.4f", ",")
        usual = np.mean([pair[2] for each in outcomes if each.kind is None for pair in each.pairs])
        weights = at_prevalence(fit(marks, losses, fractured), fractured.mean(), usual)
        print(json.dumps({"calibration": weights}))


def study(asked: argparse.Namespace, number: int) -> Outcome:
    """Draw a scan, run the task on it and score what was found."""
    kind = kind_of(asked, number)
    seed = CALIBRATION_SEED if asked.calibrate else KINDS_SEED if asked.every_kind else TEST_SEED
    case = make_case(case_seed(seed, number), CtOptions(randomized=False, fracture=kind))
    start = time.monotonic()
    result = tasks.run(asked.task, Volume(case.voxels, case.affine, "ct"), SegmentOptions(model=asked.model))
    seconds = time.monotonic() - start
    grades = {each["label"]: each["genant_grade"] for each in case.truth["vertebrae"] if each["fracture"]}
    told = grades if asked.task == "fracture" else None
    padding = find_padding(case.voxels)
    found, extra = score_scan(f"{number:04d}", result, case.labels, case.parts, case.fractured, told, padding=padding)
    whole = [score for score in found if score.complete]
    named = sum(score.identified for score in whole)
    least = min((score.dice for score in whole), default=float("nan"))
    line = (
        f"{number}: {case.voxels.shape}, {seconds:.1f} s, {named:.0f} of {len(whole)} named, "
        f"least Dice {least:.3f}, {extra} where none is"
    )
    return Outcome(line, kind, found, marks_and_losses(result, found), extra)


def kind_of(asked: argparse.Namespace, number: int) -> str | None:
    """The fracture to ask a scan for; None leaves it to chance."""
    if asked.every_kind:
        return KINDS[(number - 1) % len(KINDS)]
    # Left to chance alone, rare kinds would hardly count.
    return KINDS[(number // 2 - 1) % len(KINDS)] if asked.calibrate and number % 2 == 0 else None


def of_kind(outcomes: list[Outcome]) -> dict[str, float]:
    """How many fractures there are, how many were found at 50 %, and the mean Dice of their marks."""
    broken = [score for each in outcomes for score in each.scores if score.complete and score.fractured > 0]
    dice = [score.fracture_dice for score in broken]
    found = sum(score.probability >= 0.5 for score in broken)
    return {"fractured": len(broken), "found": found, "dice": float(np.nanmean(dice)) if dice else float("nan")}


def marks_and_losses(result: SpineResult, scores: list[VertebraScore]) -> list[tuple[float, float, bool]]:
    """Of every complete vertebra: how strongly it is marked, how much height it lost as `tasks.ct_fracture` counts it
    (nan in the neck), whether it is fractured."""
    marks = {each.levels[0]: each.value for each in result.measurements if each.name == "fracture_mark"}
    found = []
    for score in scores:
        mark = marks.get(score.found_level)
        if mark is not None and score.complete:
            _, _, loss = read_grade(score.found_level, result.measurements)
            found.append((mark, float("nan") if loss is None else loss, score.fractured > 0))
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", "--count", type=int, default=40)
    parser.add_argument("--task", choices=["ct", "fracture"], default="ct")
    parser.add_argument("--model", help="id or folder; default: the shipped one")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="scans at a time")
    scans = parser.add_mutually_exclusive_group()
    scans.add_argument("--calibrate", action="store_true")
    scans.add_argument("--every-kind", action="store_true")
    parser.add_argument("-o", "--output", type=Path, required=True)
    asked = parser.parse_args()
    if asked.calibrate and asked.task != "fracture":
        parser.error("--calibrate needs --task fracture")
    return asked


if __name__ == "__main__":
    main()
