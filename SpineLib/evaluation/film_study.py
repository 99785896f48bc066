# SPDX-License-Identifier: Apache-2.0
"""How well a model does the whole job on labeled films, at the films' own resolution."""

import csv
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from SpineLib import tasks
from SpineLib.core.film import film_of
from SpineLib.core.progress import Progress, silent
from SpineLib.core.volume import Volume
from SpineLib.datasets.film_case import FilmCase
from SpineLib.evaluation.distance import hd95
from SpineLib.evaluation.film_views import VIEWS
from SpineLib.evaluation.intervals import bootstrap_mean
from SpineLib.evaluation.overlap import dice, iou, pixel_accuracy
from SpineLib.tasks.options import SegmentOptions

METRICS = ("dice", "iou", "pixel_accuracy", "hd95_px")
FLAT_AFFINE = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class FilmScore:
    """One film under one view. `hd95_px` is `nan` where nothing was found."""

    name: str
    patient_group: str
    view: str
    dice: float
    iou: float
    pixel_accuracy: float
    hd95_px: float


def segment_pixels(pixels: np.ndarray, options: SegmentOptions) -> np.ndarray:
    """The spine's mask, bool `(rows, columns)`, that the product finds on a film."""
    volume = Volume(pixels.T[:, :, None], FLAT_AFFINE, view="ap", spacing_known=False)
    result = tasks.run("ap", volume, options)
    spine = next(part for part in result.structures if part.name == "Spine")
    return film_of(Volume(spine.mask.to_array(), FLAT_AFFINE)).pixels


def score_films(
    cases: list[FilmCase],
    segment: Callable[[np.ndarray], np.ndarray],
    views: Iterable[str] = ("as is",),
    progress: Progress = silent,
) -> list[FilmScore]:
    """Segment every film under every view of `film_views` and compare with its label."""
    chosen = list(views)
    scores = []
    for number, case in enumerate(cases):
        for view in chosen:
            pixels, truth = VIEWS[view](case.pixels(), case.mask())
            found = segment(pixels)
            numbers = (dice(found, truth), iou(found, truth), pixel_accuracy(found, truth), hd95(found, truth))
            scores.append(FilmScore(case.name, case.patient_group, view, *numbers))
        progress((number + 1) / len(cases), f"{case.name}: Dice {scores[-1].dice:.3f}")
    return scores


def summary(scores: list[FilmScore]) -> dict[str, dict[str, float | None]]:
    """Per metric: mean with its 95 % interval (patients resampled), median, worst tenth, n; and the films missed.

    Films without a value (no distance where nothing was found) are left out of their metric; without any: None.
    """
    groups = [score.patient_group for score in scores]
    table = {}
    for metric in METRICS:
        values = np.array([getattr(score, metric) for score in scores])
        usable = values[np.isfinite(values)]
        numbers = dict.fromkeys(("mean", "low", "high", "median", "worst_tenth"))
        if usable.size:
            worst = np.percentile(usable, 90 if metric == "hd95_px" else 10)
            every = (*bootstrap_mean(values, groups), float(np.median(usable)), float(worst))
            numbers = {name: round(value, 4) for name, value in zip(numbers, every, strict=True)}
        table[metric] = numbers | {"n": int(usable.size)}
    table["missed"] = {"n": sum(score.dice == 0 for score in scores)}
    return table


def write_scores(scores: list[FilmScore], path: Path) -> None:
    """One line a film and view, comma-separated."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        table = csv.DictWriter(lines, [field.name for field in fields(FilmScore)], lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(score) for score in scores)
