# SPDX-License-Identifier: Apache-2.0
"""From probability maps, drawn here, to the one column in them."""

import numpy as np
import pytest

from SpineLib.tasks.column import Column, find_column

ROWS, COLUMNS, WIDTH = 600, 300, 40


def _band(course=lambda row: 150.0, top=0, bottom=ROWS, width=WIDTH, value=0.95) -> np.ndarray:
    """A map with one band of `width` pixels whose center runs along `course(row)`."""
    probability = np.zeros((ROWS, COLUMNS), dtype=np.float32)
    columns = np.arange(COLUMNS)
    for row in range(top, bottom):
        probability[row, np.abs(columns - course(row)) <= width / 2] = value
    return probability


def _found(probability: np.ndarray) -> Column:
    column = find_column(probability, 0.5)
    assert column is not None
    return column


def test_a_plain_column_is_returned_unchanged():
    probability = _band()
    column = _found(probability)
    assert np.array_equal(column.mask, probability > 0.5)
    assert column.is_credible
    assert column.gaps == 0
    assert column.elongation == pytest.approx(ROWS / (WIDTH + 1))
    assert column.mean_probability == pytest.approx(0.95, abs=1e-3)


def test_both_sides_of_a_gap_belong_to_the_column():
    probability = _band()
    probability[250:330] = 0.1
    column = _found(probability)
    assert np.array_equal(column.mask, probability > 0.5)
    assert column.gaps == 1


def test_the_gap_itself_is_not_invented():
    probability = _band()
    probability[250:330] = 0.1
    assert not _found(probability).mask[250:330].any()


def test_a_slanting_column_continues_across_a_gap_along_its_slant():
    probability = _band(lambda row: 60 + 0.3 * row)
    probability[280:340] = 0.0
    assert np.array_equal(_found(probability).mask, probability > 0.5)


def test_a_scoliotic_curve_in_three_pieces_stays_whole():
    probability = _band(lambda row: 150 + 60 * np.sin(row / 90))
    probability[180:215] = 0.0
    probability[420:450] = 0.0
    column = _found(probability)
    assert np.array_equal(column.mask, probability > 0.5)
    assert column.gaps == 2


def test_blobs_beside_the_column_are_dropped():
    probability = _band()
    expected = probability > 0.5
    probability[100:180, 20:60] = 0.9
    probability[400:500, 240:290] = 0.9
    assert np.array_equal(_found(probability).mask, expected)


def test_a_blob_below_the_column_but_beside_its_course_is_dropped():
    probability = _band(bottom=400)
    expected = probability > 0.5
    probability[420:480, 240:290] = 0.9
    assert np.array_equal(_found(probability).mask, expected)


def test_specks_above_and_below_the_column_are_dropped():
    probability = _band(top=100, bottom=500)
    expected = probability > 0.5
    probability[90:93, 148:152] = 0.9
    probability[510:514, 148:152] = 0.9
    assert np.array_equal(_found(probability).mask, expected)


def test_a_piece_too_far_above_is_dropped():
    probability = _band(top=320)
    expected = probability > 0.5
    probability[0:60, 130:170] = 0.9
    assert np.array_equal(_found(probability).mask, expected)


def test_small_holes_are_filled_and_large_ones_are_kept():
    probability = _band()
    probability[100:110, 145:155] = 0.0
    probability[300:400, 135:165] = 0.0
    mask = _found(probability).mask
    assert mask[100:110, 145:155].all()
    assert not mask[300:400, 135:165].any()


def test_a_necklace_across_the_column_is_bridged_only_by_what_lies_around_it():
    probability = _band()
    probability[200:206] = 0.2
    column = _found(probability)
    assert column.mask[:200].sum() + column.mask[206:].sum() == column.mask.sum()
    assert column.is_credible


def test_a_curve_that_runs_off_the_edge_is_kept_and_told():
    probability = _band(lambda row: 60 - 80 * np.sin(np.pi * row / ROWS))
    column = _found(probability)
    assert column.sides == ("left",)
    assert np.array_equal(column.mask, probability > 0.5)


def test_a_curve_that_leaves_the_film_and_comes_back_keeps_both_ends():
    probability = _band(lambda row: 60 - 85 * np.sin(np.pi * row / ROWS))
    expected = probability > 0.5
    assert not expected[245:355].any()
    column = _found(probability)
    assert column.mask[:200].any()
    assert column.mask[400:].any()


def test_a_column_clear_of_the_edges_names_no_side():
    assert _found(_band()).sides == ()


def test_an_empty_map_holds_no_column():
    assert find_column(np.full((ROWS, COLUMNS), 0.3, dtype=np.float32), 0.5) is None


def test_a_round_stain_is_not_believed():
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    stain = ((rows - 300) ** 2 + (columns - 150) ** 2 < 60**2).astype(np.float32)
    assert not _found(stain).is_credible


def test_a_band_the_network_is_unsure_of_is_not_believed():
    assert not _found(_band(value=0.55)).is_credible


def test_a_band_on_a_film_that_the_network_is_undecided_about_is_not_believed():
    probability = _band()
    probability[:, 200:280] = 0.45
    column = _found(probability)
    assert column.doubt == pytest.approx(80 / (WIDTH + 1))
    assert not column.is_credible


def test_the_soft_rim_of_a_column_is_no_reason_to_doubt_it():
    probability = _band()
    probability[:, 125:130] = probability[:, 171:176] = 0.5
    assert _found(probability).is_credible


def test_a_thread_is_not_believed():
    probability = _band(top=100, bottom=200, width=1)
    assert not _found(probability).is_credible


def test_two_vertebrae_in_sight_are_believed():
    assert _found(_band(top=250, bottom=330)).is_credible


@pytest.mark.parametrize("scale", [1, 3])
def test_the_decision_does_not_depend_on_the_resolution(scale):
    probability = _band()
    probability[250:330] = 0.1
    probability[100:180, 20:60] = 0.9
    column = _found(probability.repeat(scale, 0).repeat(scale, 1))
    assert column.gaps == 1
    assert not column.mask[:, : 60 * scale].any()


def test_the_box_is_that_of_the_mask():
    assert _found(_band(top=100, bottom=500)).box == (100, 130, 500, 171)
