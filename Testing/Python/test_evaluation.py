# SPDX-License-Identifier: Apache-2.0
"""Metrics against cases worked out by hand."""

import json
import math

import numpy as np
import pytest
import SimpleITK as sitk

from SpineLib.core.errors import InputError
from SpineLib.core.mask import Mask
from SpineLib.core.result import SpineResult, Structure
from SpineLib.evaluation.distance import hd95
from SpineLib.evaluation.film_views import VIEWS
from SpineLib.evaluation.folders import evaluate
from SpineLib.evaluation.intervals import bootstrap, bootstrap_mean
from SpineLib.evaluation.overlap import dice, iou, pixel_accuracy
from SpineLib.io import write_segmentation


def square(top: int, left: int, side: int = 10, size: int = 40) -> np.ndarray:
    mask = np.zeros((size, size), dtype=bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_half_overlapping_squares():
    found, truth = square(5, 5), square(5, 10)
    assert dice(found, truth) == pytest.approx(0.5)
    assert iou(found, truth) == pytest.approx(50 / 150)
    assert pixel_accuracy(found, truth) == pytest.approx(1 - 100 / 1600)
    assert hd95(found, truth) == pytest.approx(5.0)


def test_hd95_knows_the_spacing():
    assert hd95(square(5, 5), square(5, 10), (2.0, 0.5)) == pytest.approx(2.5)


def test_iou_follows_from_dice_for_random_masks():
    rng = np.random.default_rng(0)
    for _ in range(50):
        found, truth = rng.random((2, 20, 20)) > rng.random()
        overlap = dice(found, truth)
        assert iou(found, truth) == pytest.approx(overlap / (2 - overlap), abs=1e-6)


def test_empty_masks_have_defined_scores():
    empty, full = np.zeros((8, 8), bool), square(1, 1, 3, 8)
    assert dice(empty, empty) == iou(empty, empty) == 1
    assert dice(empty, full) == iou(full, empty) == 0
    assert math.isnan(hd95(empty, full)) and math.isnan(hd95(empty, empty))


def test_interval_covers_the_mean_and_widens_with_few_patients():
    values = np.random.default_rng(1).normal(0.9, 0.05, 60)
    mean, low, high = bootstrap_mean(values, [str(index) for index in range(60)])
    assert low < mean < high
    _, few_low, few_high = bootstrap_mean(values, [str(index % 4) for index in range(60)])
    assert mean == pytest.approx(values.mean())
    assert (high - low) < 0.05
    assert few_low <= mean <= few_high


def test_interval_of_any_statistic_agrees_with_that_of_the_mean():
    values = np.random.default_rng(1).normal(0.9, 0.05, 60)
    groups = [str(index % 20) for index in range(60)]
    found = bootstrap(lambda some: float(values[some].mean()), groups)
    assert found == pytest.approx(bootstrap_mean(values, groups), abs=0.003)
    assert found[0] == pytest.approx(values.mean())


def test_interval_leaves_out_films_without_a_value():
    mean, _, _ = bootstrap_mean(np.array([1.0, float("nan"), 3.0]), ["a", "b", "c"])
    assert mean == 2.0


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_changes_film_and_mask_alike(view):
    pixels = np.random.default_rng(0).integers(20, 90, (300, 120)).astype(np.uint8)
    mask = np.zeros((300, 120), dtype=bool)
    mask[40:260, 50:70] = True
    pixels[mask] = 200
    changed, truth = VIEWS[view](pixels, mask)
    assert changed.shape == truth.shape and truth.dtype == bool and truth.any()
    spine = np.median(changed[truth].astype(float))
    beside = np.median(changed[np.roll(truth, round(0.07 * truth.sum(axis=0).max()), axis=1) & ~truth].astype(float))
    assert spine < beside if view == "inverted" else spine > beside


def test_full_length_shows_the_spine_as_a_third_of_the_height_and_a_tenth_of_the_width():
    mask = np.zeros((1536, 563), dtype=bool)
    mask[50:1500, 220:330] = True
    _, truth = VIEWS["full length"](np.zeros((1536, 563), np.uint8), mask)
    rows, columns = np.flatnonzero(truth.any(axis=1)), np.flatnonzero(truth.any(axis=0))
    assert np.ptp(rows) / truth.shape[0] == pytest.approx(0.32, abs=0.03)
    assert np.ptp(columns) / truth.shape[1] < 0.12


def write_case(folder, name, mask):
    volume = mask.T[:, :, None]
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])
    structure = Structure("Spine", Mask.from_array(volume), 0.9)
    write_segmentation(SpineResult("ap", volume.shape, affine, (structure,)), folder / f"{name}.seg.nrrd")


def test_folders_are_compared_by_name(tmp_path):
    found, truth = tmp_path / "found", tmp_path / "truth"
    found.mkdir(), truth.mkdir()
    write_case(found, "a", square(5, 5))
    write_case(found, "b", square(5, 5))
    for name, mask in (("a", square(5, 5)), ("b", square(5, 10))):
        sitk.WriteImage(sitk.GetImageFromArray(mask.astype(np.uint8) * 255), str(truth / f"{name}_mask.png"))
    table = evaluate(found, truth, tmp_path / "out")
    assert table["dice"]["mean"] == pytest.approx(0.75)
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["dice"]["n"] == 2
    assert len((tmp_path / "out" / "scores.csv").read_text().splitlines()) == 3


def test_folders_without_a_pair_are_told(tmp_path):
    with pytest.raises(InputError, match="No result"):
        evaluate(tmp_path, tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
