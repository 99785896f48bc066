# SPDX-License-Identifier: Apache-2.0
"""Scores of CT results vertebra by vertebra."""

from dataclasses import replace

import numpy as np
import pytest

from SpineLib.core.mask import Mask
from SpineLib.core.result import Fracture, SpineResult, Vertebra
from SpineLib.evaluation.calibration import at_prevalence, fit
from SpineLib.evaluation.scan_study import VertebraScore, area_under_curve, score_scan, summary, write_scores
from SpineLib.measurement.padding import find_padding
from SpineLib.tasks.fracture_odds import LOSS_WEIGHT

SHAPE = (20, 20, 60)
AFFINE = np.diag([-2.0, -2.0, 2.0, 1.0])


def truth() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """L1 (20), L2 (21) and at the lower border L3 (22); bodies; a fracture in L2."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[5:15, 5:15, 40:52], labels[5:15, 5:15, 22:34], labels[5:15, 5:15, 0:12] = 20, 21, 22
    parts = np.zeros(SHAPE, np.uint8)
    parts[5:15, 5:12] = labels[5:15, 5:12] > 0
    fractured = np.zeros(SHAPE, np.uint8)
    fractured[5:10, 5:10, 26:30] = 1
    return labels, parts, fractured


def perfect() -> SpineResult:
    labels, parts, fractured = truth()
    found = []
    for level, code in (("L1", 20), ("L2", 21), ("L3", 22)):
        there = labels == code
        fracture = Fracture(
            Mask.from_array(there & (fractured > 0)), 0.9 if code == 21 else 0.1, 2 if code == 21 else 0
        )
        body = Mask.from_array(there & (parts == 1))
        found.append(Vertebra(level, 0.9, Mask.from_array(there), body=body, fracture=fracture))
    return SpineResult("fracture", SHAPE, AFFINE, vertebrae=tuple(found))


def test_a_perfect_result_scores_one() -> None:
    scores, extra = score_scan("a", perfect(), *truth(), {21: 2})
    assert extra == 0
    assert [score.level for score in scores] == [score.found_level for score in scores] == ["L1", "L2", "L3"]
    assert all(score.dice == score.body_dice == score.identified == 1 for score in scores)
    assert [score.complete for score in scores] == [True, True, False]
    assert scores[1].fracture_dice == 1 and np.isnan(scores[0].fracture_dice)
    table = summary(scores, extra, 1)
    assert table["auc"] == (1, 1, 1) and table["grade_within_one"][0] == 1 and table["missed"] == 0
    assert table["dice"]["n"] == 2


def test_a_sliver_beside_padding_is_no_whole_vertebra() -> None:
    labels, parts, fractured = truth()
    voxels = np.random.default_rng(0).normal(0, 20, labels.shape).astype(np.int16)
    first = np.argwhere(labels == 20)[:, 1].min()
    for unseen, complete in ((first, False), (first - 2, True)):
        padded = voxels.copy()
        padded[:, :unseen] = -2000
        scores, _ = score_scan("a", perfect(), labels, parts, fractured, {21: 2}, padding=find_padding(padded))
        assert scores[0].complete == complete


def test_a_fracture_beyond_the_scan_counts_as_none() -> None:
    labels, parts, fractured = truth()
    scores, _ = score_scan("a", perfect(), labels, parts, np.zeros_like(fractured), {21: 2})
    assert [score.fractured for score in scores] == [0.0, 0.0, 0.0]


def test_a_wrong_name_is_not_identified_but_its_mask_counts() -> None:
    result = perfect()
    shifted = tuple(replace(each, level=f"L{number}") for number, each in enumerate(result.vertebrae, 2))
    scores, _ = score_scan("a", replace(result, vertebrae=shifted), *truth(), {21: 2})
    assert all(score.identified == 0 and score.dice == 1 for score in scores)


def test_missed_and_invented_vertebrae_are_told() -> None:
    result = perfect()
    nowhere = np.zeros(SHAPE, bool)
    nowhere[0:3, 0:3, 15:20] = True
    vertebrae = (result.vertebrae[1], Vertebra("L5", 0.5, Mask.from_array(nowhere)))
    scores, extra = score_scan("a", replace(result, vertebrae=vertebrae), *truth(), {21: 2})
    assert extra == 1
    assert [score.dice for score in scores] == [0, 1, 0]
    assert summary(scores, extra, 1)["missed"] == 1


def test_an_empty_result_scores_nothing_and_does_not_fail() -> None:
    scores, extra = score_scan("a", replace(perfect(), vertebrae=()), *truth(), {21: 2})
    assert extra == 0
    assert all(score.dice == 0 and score.identified == 0 for score in scores)


def test_the_area_under_the_curve_is_the_share_of_pairs_in_order() -> None:
    fractured = np.array([True, False, True, False])
    assert area_under_curve(fractured, np.array([0.9, 0.1, 0.4, 0.5])) == pytest.approx(0.75)
    assert area_under_curve(fractured, np.array([0.5, 0.5, 0.5, 0.5])) == pytest.approx(0.5)
    assert np.isnan(area_under_curve(np.array([True, True]), np.array([0.1, 0.2])))


def test_scores_are_written_as_a_table(tmp_path) -> None:
    write_scores(score_scan("a", perfect(), *truth(), {21: 2})[0], tmp_path / "scores.csv")
    lines = (tmp_path / "scores.csv").read_text().splitlines()
    assert len(lines) == 4 and lines[0].startswith("case,level,found_level")
    assert VertebraScore.__dataclass_fields__.keys() == set(lines[0].split(","))


def test_calibrated_probabilities_mean_what_they_say() -> None:
    """Vertebrae drawn from a known logistic law: the weights are found again."""
    rng = np.random.default_rng(0)
    marks, losses = rng.uniform(-5, 10, 4000), rng.random(4000) * 0.5
    score = 0.6 * marks + LOSS_WEIGHT * losses - 4
    weights = fit(marks, losses, rng.random(4000) < 1 / (1 + np.exp(-score)))
    assert weights["loss"] == LOSS_WEIGHT
    assert weights["evidence"] == pytest.approx(0.6, abs=0.07)
    assert weights["intercept"] == pytest.approx(-4, abs=0.4)
    # Where heights are not measured, more vertebrae are fractured than with no loss.
    unknown = rng.random(4000) < 0.3
    likelier = rng.random(4000) < 1 / (1 + np.exp(-np.where(unknown, 0.6 * marks + 1.5 - 4, score)))
    weights = fit(marks, np.where(unknown, np.nan, losses), likelier)
    assert weights["unknown"] == pytest.approx(1.5, abs=0.4)
    with pytest.raises(ValueError, match="with and without"):
        fit(marks, losses, np.zeros(4000, bool))


def test_an_intercept_moves_to_how_common_fractures_are() -> None:
    rng = np.random.default_rng(1)
    marks, losses = rng.uniform(-5, 10, 4000), rng.random(4000) * 0.5
    fractured = rng.random(4000) < 1 / (1 + np.exp(-(0.6 * marks + LOSS_WEIGHT * losses - 4)))
    twice = np.concatenate([np.arange(4000), np.flatnonzero(fractured)])
    meant, fitted = (fit(marks[those], losses[those], fractured[those]) for those in (np.arange(4000), twice))
    moved = at_prevalence(fitted, fractured[twice].mean(), fractured.mean())
    assert fitted["intercept"] > meant["intercept"] + 0.5
    assert moved["intercept"] == pytest.approx(meant["intercept"], abs=0.1)
    assert moved["evidence"] == fitted["evidence"]
