# SPDX-License-Identifier: Apache-2.0
"""Which of the vertebrae found are believed."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from SpineLib.core.volume import Volume
from SpineLib.inference.scan_grid import ScanGrid, grid_over
from SpineLib.inference.scan_networks import no_levels
from SpineLib.labelling.instances import Instance
from SpineLib.labelling.naming import MOST_VERTEBRAE, Name
from SpineLib.tasks.credible_vertebrae import (
    cut_by_end,
    in_one_row,
    is_doubtful_loner,
    most_credible,
    without_dwarfs,
    without_first_sacral,
    without_fragments,
)
from SpineLib.tasks.scan_image import ScanImage, scan_image
from SpineLib.tasks.scan_vertebrae import CoarseSpine, beyond_ends

GRID = ScanGrid((40, 40, 120), 1.5, np.zeros(3))


def tissue(shape: tuple[int, int, int]) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 80, shape).astype(np.int16)


def scan_of(affine: np.ndarray, voxels: np.ndarray) -> ScanImage:
    return scan_image(Volume(voxels, affine, "ct"))


def never(instance: Instance) -> bool:
    """No vertebra is cut."""
    return False


def vertebra(height: int, voxels: int, confidence: float = 0.9) -> Instance:
    where = np.argwhere(np.ones((10, 10, -(-voxels // 100))))[:voxels] + np.array([15, 15, height])
    return Instance(where.mean(axis=0), where, np.arange(len(where)), confidence)


def test_a_piece_between_whole_vertebrae_is_left_out() -> None:
    row = [vertebra(height, 900) for height in (100, 80, 40, 20)]
    row.insert(2, vertebra(60, 200))
    kept = without_fragments(row, never)
    assert kept == [row[0], row[1], row[3], row[4]]


def test_a_vertebra_that_the_border_cuts_may_be_small() -> None:
    row = [vertebra(116, 200), *(vertebra(height, 900) for height in (90, 60, 30))]
    is_cut = cut_by_end(scan_of(GRID.affine, tissue(GRID.shape)), GRID, 5.0)
    assert [is_cut(each) for each in row] == [True, False, False, False]
    assert without_fragments(row, is_cut) == row


@pytest.mark.parametrize("value", [-2000, -1024, 0])
def test_a_vertebra_that_padding_cuts_may_be_small(value: int) -> None:
    row = [vertebra(96, 200), *(vertebra(height, 900) for height in (80, 50, 20))]
    voxels = tissue(GRID.shape)
    assert without_fragments(row, cut_by_end(scan_of(GRID.affine, voxels), GRID, 5.0)) == row[1:]
    voxels[:, :, 100:] = value
    assert without_fragments(row, cut_by_end(scan_of(GRID.affine, voxels), GRID, 5.0)) == row


def test_the_end_is_that_of_the_scan_however_it_is_turned() -> None:
    """A cube of 200 mm, tilted by 20 degrees: the box around it says nothing of where it ends."""
    tilt = Rotation.from_euler("x", 20, degrees=True).as_matrix()
    affine = np.eye(4)
    affine[:3, :3] = tilt * 2.0
    affine[:3, 3] = tilt @ np.full(3, -99.0)
    grid = grid_over((100, 100, 100), affine, 5.0)
    is_cut = cut_by_end(scan_of(affine, tissue((100, 100, 100))), grid, 5.0)
    for along_mm, is_end in ((0.0, False), (88.0, False), (97.0, True), (110.0, True)):
        place = np.rint(grid.indices((tilt @ [0.0, 0.0, along_mm])[None])).astype(int)
        assert is_cut(Instance(place[0].astype(float), place, np.zeros(1, int), 0.9)) == is_end, along_mm


def test_a_vertebra_far_too_small_for_its_name_is_left_out_unless_the_border_cuts_it() -> None:
    is_cut = cut_by_end(scan_of(GRID.affine, tissue(GRID.shape)), GRID, 5.0)
    row = [vertebra(112, 700), vertebra(80, 700), vertebra(40, 3000)]
    for level, kept in (("L1", [row[0], row[2]]), ("T8", [row[0], row[2]]), ("C5", row)):
        names = [Name(level, 0.9, None)] * 3
        found, told = without_dwarfs(row, names, is_cut, GRID.spacing_mm)
        assert found == kept and len(told) == len(kept)


def test_a_small_childs_row_is_kept() -> None:
    row = [vertebra(height, size) for height, size in ((100, 1500), (70, 1700), (40, 1900))]
    names = [Name(level, 0.9, None) for level in ("L1", "L2", "L3")]
    found, told = without_dwarfs(row, names, never, GRID.spacing_mm)
    assert found == row and told == names
    grown = [*row[:2], vertebra(40, 9000)]
    assert without_dwarfs(grown, names, never, GRID.spacing_mm)[0] == grown[2:]


def test_a_row_that_the_localizer_sees_nowhere_is_no_spine() -> None:
    row = [vertebra(height, 3000) for height in (80, 50, 20)]
    coarse_grid = ScanGrid((12, 12, 36), 5.0, np.zeros(3))
    for seen, kept in ((0, []), (30, row)):
        spine = np.zeros(coarse_grid.shape, bool)
        spine[:, :, :seen] = True
        assert in_one_row(row, GRID, CoarseSpine(coarse_grid, no_levels(coarse_grid.shape), spine)) == kept


def test_a_doubtful_vertebra_needs_a_neighbor() -> None:
    sure, doubtful = vertebra(80, 900), vertebra(40, 900, 0.65)
    assert is_doubtful_loner([doubtful]) and not is_doubtful_loner([sure])
    assert not is_doubtful_loner([sure, doubtful]) and not is_doubtful_loner([])


def test_a_lone_vertebra_is_kept() -> None:
    assert len(without_fragments([vertebra(50, 100)], never)) == 1


def test_no_more_vertebrae_than_a_spine_has_the_surest_in_their_order() -> None:
    row = [vertebra(3 * number, 100, 0.5 if number % 5 == 0 else 0.9) for number in range(30)]
    kept = most_credible(row)
    assert len(kept) == MOST_VERTEBRAE
    assert [each for each in row if any(each is other for other in kept)] == kept
    assert sum(each.confidence == 0.9 for each in kept) == 24


def test_a_small_vertebra_on_the_sacrum_is_a_part_of_it() -> None:
    row = [*(vertebra(height, 900) for height in (100, 80, 60)), vertebra(40, 400)]
    assert without_first_sacral(row, on_sacrum=True) == row[:3]
    assert without_first_sacral(row, on_sacrum=False) == row
    assert without_first_sacral(row[:3], on_sacrum=True) == row[:3]
    assert without_first_sacral(row[:1], on_sacrum=True) == row[:1]


def test_the_spine_is_followed_beyond_its_ends_only() -> None:
    row = [vertebra(height, 900) for height in (70, 50)]
    beyond = beyond_ends(row, GRID)
    heights = np.flatnonzero(beyond.any(axis=(0, 1)))
    assert heights.max() > 100 and heights.min() < 20
    assert beyond[19, 19, 100] and not beyond_ends([], GRID).any()
