# SPDX-License-Identifier: Apache-2.0
"""Which vertebrae make up the row of the spine, and where it goes on."""

import numpy as np
import pytest

from SpineLib.labelling.chain import weightiest_row
from SpineLib.labelling.ends import ways_on


def row_and_others(others: list[list[float]]) -> tuple[np.ndarray, list[int]]:
    """Centers from the head downward, ten of a curved spine and some others, and which are the spine's."""
    spine = [[10 * np.sin(n / 2), -5 * n, 300 - 30 * n] for n in range(10)]
    centers = np.array([*spine, *others])
    order = np.argsort(-centers[:, 2], kind="stable")
    return centers[order], [int(place) for place in np.flatnonzero(order < 10)]


@pytest.mark.parametrize(
    "others",
    [[], [[90, 0, 20], [-90, 0, 20]], [[70, 60, 250], [70, 60, 225], [70, 60, 200]], [[4, -20, 210]], [[0, 0, 460]]],
    ids=["nothing else", "hips", "a heart beside it", "a piece within it", "something far above"],
)
def test_the_spine_is_the_row(others: list[list[float]]) -> None:
    centers, spine = row_and_others(others)
    weights = [1.0 if number in spine else 0.6 for number in range(len(centers))]
    row = weightiest_row(centers, weights)
    assert set(spine) <= set(row)
    assert len(row) <= len(spine) + (others == [[4, -20, 210]])


def test_a_missed_vertebra_does_not_end_the_row() -> None:
    centers, _ = row_and_others([])
    assert weightiest_row(np.delete(centers, 5, axis=0), [1.0] * 9) == list(range(9))


def lumbar_row(*missing: int) -> np.ndarray:
    """T10 to L5 of a tall person, 37 mm apart, in lordosis, without those of these numbers."""
    angles = np.radians(np.linspace(15, -30, 8))
    steps = 37.0 * np.stack([np.zeros(8), -np.sin(angles), -np.cos(angles)], -1)
    return np.delete(np.cumsum(steps, axis=0), missing, axis=0)


def test_two_missed_lumbar_vertebrae_do_not_cut_the_row() -> None:
    centers = lumbar_row(4, 5)
    assert np.linalg.norm(centers[4] - centers[3]) > 105
    assert weightiest_row(centers, [1.0] * 6) == list(range(6))


def test_one_vertebra_beyond_a_far_gap_needs_a_spine_in_between() -> None:
    centers = lumbar_row(5, 6)
    between = np.zeros((6, 6))
    assert weightiest_row(centers, [1.0] * 6, between) == list(range(5))
    between[4, 5] = 0.7
    assert weightiest_row(centers, [1.0] * 6, between) == list(range(6))


@pytest.mark.parametrize("side", [-1, 1])
def test_hips_beyond_a_far_gap_are_not_of_the_row(side: int) -> None:
    """A hip and what lies below it, were they as sure as vertebrae and the spine seen on the way there."""
    spine = lumbar_row()
    hips = spine[-1] + np.array([[side * 85.0, 0, -55], [side * 88.0, 0, -90], [side * 90.0, 0, -120]])
    assert weightiest_row(np.concatenate([spine, hips]), [1.0] * 11, np.ones((11, 11))) == list(range(8))


def bent_row(steepest_deg: float) -> np.ndarray:
    """The spine of a patient who looks down: its uppermost ways are off the body's axis by up to this."""
    angles = np.radians(np.concatenate([np.linspace(steepest_deg, 0, 7), np.zeros(5)]))
    steps = 20.0 * np.stack([np.zeros(12), -np.sin(angles), -np.cos(angles)], -1)
    return np.cumsum(np.concatenate([np.zeros((1, 3)), steps]), axis=0)


@pytest.mark.parametrize("steepest_deg", [55.0, 68.0, 78.0])
def test_a_chin_on_the_chest_keeps_the_neck_in_the_row(steepest_deg: float) -> None:
    assert weightiest_row(bent_row(steepest_deg), [1.0] * 13) == list(range(13))


@pytest.mark.parametrize("beside", [[45.0, 0, 15], [-40.0, 20, 12]], ids=["a rib", "a jaw"])
def test_what_lies_steeply_beside_the_uppermost_vertebra_is_not_of_the_row(beside: list[float]) -> None:
    centers = np.concatenate([[beside], lumbar_row() - lumbar_row()[0]])
    assert weightiest_row(centers, [1.0] * 9) == list(range(1, 9))


def test_no_vertebrae_no_row() -> None:
    assert weightiest_row(np.zeros((0, 3)), []) == []


def test_the_row_goes_straight_on_from_its_last_two() -> None:
    centers = np.array([[0.0, 0, 60], [0, 0, 40], [0, 10, 30]])
    (top, above), (bottom, below) = ways_on(centers, 10)
    np.testing.assert_allclose([top, above], [[0, 0, 60], [0, 0, 70]])
    np.testing.assert_allclose(below - bottom, [0, 10 / np.sqrt(2), -10 / np.sqrt(2)])
    (_, up), (_, down) = ways_on(centers[:1], 5)
    np.testing.assert_allclose([up, down], [[0, 0, 65], [0, 0, 55]])
    assert ways_on(np.zeros((0, 3)), 5) == []
