# SPDX-License-Identifier: Apache-2.0
"""From the network's answer within a vertebra to the probability that it is fractured."""

import numpy as np
import pytest

from SpineLib.tasks.ct_fracture import CALIBRATION, FOCUS_MM3, MARKS, marks_of, probability_of

VOXEL_MM3 = 2.0
WEIGHTS = {**CALIBRATION, "focus": 4.0}


def vertebra(broken_mm3: float, doubt: float = 0.01) -> np.ndarray:
    """Answers in the voxels of a vertebra of 30 cm3, of which a part is surely broken."""
    shares = np.full(round(30_000 / VOXEL_MM3), doubt)
    shares[: round(broken_mm3 / VOXEL_MM3)] = 0.98
    return np.random.default_rng(0).permutation(shares)


def test_a_broken_process_counts_though_it_is_a_small_part_of_its_vertebra() -> None:
    process, body, whole = (marks_of(vertebra(size), VOXEL_MM3) for size in (2 * FOCUS_MM3, 15_000, 0))
    assert set(process) == set(MARKS)
    assert process["mark"] < 0.2 < 0.6 < body["mark"]
    assert process["focus"] == pytest.approx(0.98) and body["focus"] == pytest.approx(0.98)
    assert whole["focus"] == pytest.approx(0.01)
    odds = [probability_of(marks, 0.0, WEIGHTS) for marks in (whole, process, body)]
    assert odds == sorted(odds) and odds[0] < 0.05


def test_a_speck_is_no_focus() -> None:
    speck = marks_of(vertebra(FOCUS_MM3 / 10), VOXEL_MM3)
    assert speck["focus"] < 0.2


def test_marks_do_not_hang_on_the_size_of_voxels() -> None:
    shares = np.sort(vertebra(3 * FOCUS_MM3))
    fine, coarse = marks_of(np.repeat(shares, 4), VOXEL_MM3 / 4), marks_of(shares, VOXEL_MM3)
    assert fine == pytest.approx(coarse, abs=1e-6)


def test_a_vertebra_without_voxels_has_no_marks() -> None:
    assert marks_of(np.zeros(0), VOXEL_MM3) == dict.fromkeys(MARKS, 0.0)
    assert marks_of(np.array([0.5]), VOXEL_MM3)["focus"] == 0.5


def test_a_lost_height_speaks_for_a_fracture_and_a_gained_one_does_not_against() -> None:
    marks = marks_of(vertebra(0), VOXEL_MM3)
    lost, gained, none = (probability_of(marks, loss, WEIGHTS) for loss in (0.4, -0.2, 0.0))
    assert lost > 3 * none and gained == none
    unknown = {**WEIGHTS, "unknown": 1.0}
    assert probability_of(marks, None, unknown) > none
