# SPDX-License-Identifier: Apache-2.0
"""`spine evaluate`: a folder of results against a folder of true masks."""

import json
from pathlib import Path

import numpy as np

from SpineLib import io
from SpineLib.core.errors import InputError
from SpineLib.core.film import film_of
from SpineLib.core.progress import Progress, silent
from SpineLib.core.volume import Volume
from SpineLib.evaluation.distance import hd95
from SpineLib.evaluation.film_study import FilmScore, summary, write_scores
from SpineLib.evaluation.overlap import dice, iou, pixel_accuracy
from SpineLib.io.segmentation import read_masks

RESULT_ENDING = ".seg.nrrd"
TRUTH_ENDINGS = ("_mask.png", ".png", "_mask.nrrd", ".seg.nrrd", ".nrrd", ".nii.gz", ".nii", ".mha")


def evaluate(found: Path, truth: Path, output: Path, progress: Progress = silent) -> dict[str, dict[str, float]]:
    """Compare every `NAME.seg.nrrd` in `found` with `NAME_mask.png` or `NAME.*` in `truth` (non-zero is spine).

    Writes `scores.csv` and `summary.json` to `output` and returns the summary. Raises InputError when a folder is
    missing, no pair fits or two masks differ in size.
    """
    for folder in (found, truth):
        if not folder.is_dir():
            raise InputError(f'The folder "{folder}" does not exist.', "Give two folders.")
    pairs = _pairs(found, truth)
    if not pairs:
        raise InputError(
            f'No result in "{found}" has a true mask in "{truth}".', "A result NAME.seg.nrrd needs NAME_mask.png there."
        )
    scores = []
    for number, (name, result, mask) in enumerate(pairs):
        scores.append(_score(name, _mask(result), _mask(mask)))
        progress((number + 1) / len(pairs), f"{name}: Dice {scores[-1].dice:.4f}")
    output.mkdir(parents=True, exist_ok=True)
    table = summary(scores)
    write_scores(scores, output / "scores.csv")
    (output / "summary.json").write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    return table


def _pairs(found: Path, truth: Path) -> list[tuple[str, Path, Path]]:
    pairs = []
    for result in sorted(found.glob(f"*{RESULT_ENDING}")):
        name = result.name.removesuffix(RESULT_ENDING)
        masks = (truth / f"{name}{ending}" for ending in TRUTH_ENDINGS)
        mask = next((path for path in masks if path.is_file() and path != result), None)
        if mask is not None:
            pairs.append((name, result, mask))
    return pairs


def _mask(path: Path) -> np.ndarray:
    if path.name.endswith(RESULT_ENDING):
        masks, affine, _ = read_masks(path)
        if "Spine" not in masks:
            raise InputError(f'{path.name} has no segment "Spine".', "Evaluate results of the task ap.")
        return film_of(Volume(masks["Spine"].to_array(), affine)).pixels
    return film_of(io.read(path)).pixels > 0


def _score(name: str, found: np.ndarray, truth: np.ndarray) -> FilmScore:
    if found.shape != truth.shape:
        raise InputError(
            f"{name}: the result has {found.shape} pixels and the true mask {truth.shape}.",
            "Use masks drawn on the same image.",
        )
    numbers = (dice(found, truth), iou(found, truth), pixel_accuracy(found, truth), hd95(found, truth))
    return FilmScore(name, name, "as is", *numbers)
