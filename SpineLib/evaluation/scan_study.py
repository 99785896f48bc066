# SPDX-License-Identifier: Apache-2.0
"""Results of the CT tasks against labeled scans, vertebra by vertebra."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from SpineLib.core.anatomy import VERTEBRAE
from SpineLib.core.result import SpineResult, Vertebra
from SpineLib.evaluation.intervals import bootstrap, bootstrap_mean
from SpineLib.evaluation.overlap import dice
from SpineLib.measurement.padding import Padding
from SpineLib.measurement.scan_end import gaps_mm

NEAR_MM = 20.0
"""A vertebra is identified when the nearest center found has its name and lies within this distance (VerSe)."""
NAMES = {vertebra.code: vertebra.name for vertebra in VERTEBRAE}
METRICS = ("dice", "body_dice", "identified", "fracture_dice")


@dataclass(frozen=True)
class VertebraScore:
    """One true vertebra. dice: with the vertebra found that overlaps it most, whatever its name; nan for what the truth
    does not tell. complete: not cut by the end of what was scanned. fractured, probability, grade, found_grade: of
    fractures."""

    case: str
    level: str
    found_level: str
    complete: bool
    dice: float
    body_dice: float
    identified: float
    fractured: float = float("nan")
    probability: float = float("nan")
    fracture_dice: float = float("nan")
    grade: float = float("nan")
    found_grade: float = float("nan")


def score_scan(
    case: str,
    result: SpineResult,
    labels: np.ndarray,
    parts: np.ndarray | None = None,
    fractured: np.ndarray | None = None,
    grades: dict[int, int] | None = None,
    least_voxels: int = 50,
    padding: Padding | None = None,
) -> tuple[list[VertebraScore], int]:
    """A score for each true vertebra, and how many vertebrae were found where none is or one has been found already.

    labels, parts, fractured: `(I, J, K)` like the result's image, codes as in `synthesis.ct.case.SyntheticCT`. grades:
    code -> Genant grade of the fractured vertebrae; None where fractures are not told. padding: of the scan (see
    `measurement.padding`), at which it ends as well.
    """
    found = [(each, each.mask.to_array()) for each in result.vertebrae]
    centers = [_center(mask, result.affine) for _, mask in found]
    scores, taken, known = [], set(), set()
    for code in (int(value) for value in np.unique(labels) if int(value) in NAMES):
        there = labels == code
        if there.sum() < least_voxels:
            continue
        known.add(code)
        overlaps = [int(np.count_nonzero(mask & there)) for _, mask in found]
        best = int(np.argmax(overlaps)) if overlaps and max(overlaps) > 0 else None
        if best is not None:
            taken.add(best)
        vertebra = found[best][0] if best is not None else None
        scores.append(
            VertebraScore(
                case=case,
                level=NAMES[code],
                found_level=vertebra.level if vertebra else "",
                complete=not is_cut(there, result.affine, padding),
                dice=dice(found[best][1], there) if best is not None else 0.0,
                body_dice=_body_dice(vertebra, there, parts),
                identified=_identified(NAMES[code], _center(there, result.affine), result.vertebrae, centers),
                **_fracture(vertebra, there, code, fractured, grades),
            )
        )
    extra = sum(number not in taken and _is_extra(labels[mask], known) for number, (_, mask) in enumerate(found))
    return scores, extra


def _is_extra(under: np.ndarray, known: set[int]) -> bool:
    """Whether a vertebra that was found, but is no true one's best, lies where none is or on one that has another.

    under: true labels of its voxels. known: codes of the vertebrae that are scored; slivers at the border are not.
    """
    codes, counts = np.unique(under[np.isin(under, list(NAMES))], return_counts=True)
    return len(codes) == 0 or int(codes[counts.argmax()]) in known


def summary(scores: Sequence[VertebraScore], extra: int, cases: int) -> dict[str, Any]:
    """Means of complete vertebrae with 95 % intervals, cases resampled; and what fractures are told by."""
    whole = [score for score in scores if score.complete]
    table: dict[str, Any] = {"scans": cases, "vertebrae": len(whole), "found_where_none_is": extra}
    for metric in METRICS:
        values = np.array([getattr(score, metric) for score in whole], float)
        if np.isfinite(values).any():
            mean, low, high = bootstrap_mean(values, [score.case for score in whole])
            table[metric] = {"mean": mean, "low": low, "high": high, "n": int(np.isfinite(values).sum())}
    table["missed"] = sum(score.dice < 0.1 for score in whole)
    judged = [score for score in whole if np.isfinite(score.fractured) and np.isfinite(score.probability)]
    return {**table, **_fracture_summary(judged)} if judged else table


def write_scores(scores: Sequence[VertebraScore], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as lines:
        table = csv.DictWriter(lines, [field.name for field in fields(VertebraScore)], lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(score) for score in scores)


def area_under_curve(truth: np.ndarray, probability: np.ndarray) -> float:
    """Share of pairs (fractured, healthy) that are ranked rightly (Mann-Whitney); nan without both kinds."""
    from scipy.stats import rankdata

    positive = int(truth.sum())
    negative = len(truth) - positive
    if not positive or not negative:
        return float("nan")
    ranks = rankdata(probability)
    return float((ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * negative))


def _fracture_summary(judged: list[VertebraScore]) -> dict[str, Any]:
    truth = np.array([score.fractured > 0 for score in judged])
    probability = np.array([score.probability for score in judged])
    groups = [score.case for score in judged]
    found = probability >= 0.5
    graded = [score for score in judged if np.isfinite(score.grade) and np.isfinite(score.found_grade)]
    within = np.array([abs(score.grade - score.found_grade) <= 1 for score in graded], float)
    table: dict[str, Any] = {
        "fractured": int(truth.sum()),
        "auc": bootstrap(lambda some: area_under_curve(truth[some], probability[some]), groups),
        "sensitivity": bootstrap_mean(np.where(truth, found, np.nan), groups),
        "false_alarms": bootstrap_mean(np.where(~truth, found, np.nan), groups),
    }
    if len(graded):
        table["grade_within_one"] = bootstrap_mean(within, [score.case for score in graded])
    return table


def _center(mask: np.ndarray, affine: np.ndarray) -> np.ndarray:
    where = np.argwhere(mask)
    middle = where.mean(axis=0) if len(where) else np.full(3, np.nan)
    return affine[:3, :3] @ middle + affine[:3, 3]


def _identified(level: str, center: np.ndarray, found: Sequence[Vertebra], centers: list[np.ndarray]) -> float:
    if not centers:
        return 0.0
    distances = np.linalg.norm(np.array(centers) - center, axis=1)
    nearest = int(np.nanargmin(distances))
    return float(found[nearest].level == level and distances[nearest] <= NEAR_MM)


def is_cut(mask: np.ndarray, affine: np.ndarray, padding: Padding | None) -> bool:
    """Whether the vertebra comes within a voxel of where the scan ends: what is drawn there may be a sliver of it."""
    step_mm = float(np.linalg.norm(affine[:3, :3], axis=0).min())
    return bool(gaps_mm(np.argwhere(mask), mask.shape, affine, step_mm, padding).min() < 1.01 * step_mm)


def _body_dice(vertebra: Vertebra | None, there: np.ndarray, parts: np.ndarray | None) -> float:
    if parts is None:
        return float("nan")
    body = there & (parts == 1)
    if vertebra is None or vertebra.body is None:
        return 0.0 if body.any() else float("nan")
    return dice(vertebra.body.to_array(), body) if body.any() else float("nan")


def _fracture(
    vertebra: Vertebra | None,
    there: np.ndarray,
    code: int,
    fractured: np.ndarray | None,
    grades: dict[int, int] | None,
) -> dict[str, float]:
    if grades is None:
        return {}
    # What is broken may lie beyond the scan.
    is_seen = fractured is None or bool((fractured & there).any())
    told: dict[str, float] = {"fractured": float(code in grades and is_seen), "grade": float(grades.get(code, 0))}
    if vertebra is None or vertebra.fracture is None:
        return told
    told["probability"] = vertebra.fracture.probability
    if vertebra.fracture.genant_grade is not None:
        told["found_grade"] = float(vertebra.fracture.genant_grade)
    if code in grades and fractured is not None and is_seen:
        told["fracture_dice"] = dice(vertebra.fracture.mask.to_array(), (fractured > 0) & there)
    return told
