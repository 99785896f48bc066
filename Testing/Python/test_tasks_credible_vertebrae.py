# SPDX-License-Identifier: Apache-2.0
"""Which of the vertebrae found are believed."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from SpineLib.core.mask import Mask
from SpineLib.core.result import Vertebra
from SpineLib.core.volume import Volume
from SpineLib.inference.scan_grid import ScanGrid, grid_over
from SpineLib.inference.scan_networks import CoarseLevels, VertebraVoxels, no_levels
from SpineLib.labelling.instances import Instance
from SpineLib.labelling.naming import MOST_VERTEBRAE, Name
from SpineLib.networks.ct_channels import LEVELS, PARTS
from SpineLib.tasks.credible_vertebrae import (
    cut_by_end,
    in_one_row,
    is_doubtful_loner,
    most_credible,
    off_the_row,
    spine_between,
    with_whole_ends,
    without_dwarfs,
    without_first_sacral,
    without_fragments,
    without_sacral,
)
from SpineLib.tasks.ct_spine import told_of
from SpineLib.tasks.scan_image import ScanImage, scan_image
from SpineLib.tasks.scan_vertebrae import CoarseSpine, beyond_ends, connected

GRID = ScanGrid((40, 40, 120), 1.5, np.zeros(3))
TALL = ScanGrid((40, 40, 250), 1.5, np.zeros(3))


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


def test_two_halves_of_a_vertebra_that_the_border_cuts_are_one() -> None:
    halves = [vertebra(112, 200, 0.8), vertebra(106, 400, 0.95)]
    whole = [vertebra(height, 900) for height in (88, 68, 48)]
    ends = {id(each) for each in halves}
    joined = with_whole_ends([*halves, *whole], lambda each: id(each) in ends)
    assert joined[1:] == whole
    assert len(joined[0].where) == len(joined[0].numbers) == 600
    assert joined[0].confidence == pytest.approx(0.9) and 107 < joined[0].center[2] < 113
    upward = [*whole[::-1], *halves[::-1]]
    assert len(with_whole_ends(upward, lambda each: id(each) in ends)) == 4
    # Whole ones may lie as near; cut ones may be two where a body lies between their centers.
    assert with_whole_ends([*halves, *whole], never) == [*halves, *whole]
    apart = [vertebra(123, 200), *halves[1:]]
    assert len(with_whole_ends([*apart, *whole], lambda each: len(each.where) < 900)) == 5


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


def coarse_of(spine: np.ndarray, level: str) -> CoarseSpine:
    """A coarse spine that looks like this level everywhere."""
    numbers = np.where(spine, 0, -1).astype(np.int32)
    shares = np.array([[each == level for each in LEVELS]], np.float16)
    return CoarseSpine(ScanGrid(spine.shape, 5.0, np.zeros(3)), CoarseLevels(spine, numbers, shares), spine)


@pytest.mark.parametrize(("level", "share"), [("L3", 1.0), ("Sacrum", 0.0)])
def test_a_spine_runs_between_two_vertebrae_where_the_localizer_sees_it(level: str, share: float) -> None:
    spine = np.zeros((12, 12, 40), bool)
    spine[5:7, 5:7, 10:] = True
    coarse = coarse_of(spine, level)
    centers = coarse.grid.points(np.array([[5.0, 5, 38], [5, 5, 18], [0, 0, 18]]))
    between = spine_between(centers, coarse)
    assert between[0, 1] == between[1, 0] == share
    assert between[0, 2] < 0.5 and between[1, 2] < 0.5


def test_one_lumbar_vertebra_beyond_two_missed_ones_is_of_the_row_where_the_localizer_sees_the_spine() -> None:
    """A gap of 108 mm; without the spine in it, the vertebra beyond is left out, but told."""
    row = [vertebra(height, 3000) for height in (216, 192, 168, 96)]
    spine = np.zeros((12, 12, 75), bool)
    spine[3:9, 3:9] = True
    for gap, kept in ((slice(0, 0), row), (slice(36, 52), row[:3])):
        spine[:, :, gap] = False
        coarse = coarse_of(spine, "L3")
        found = in_one_row(row, TALL, coarse)
        assert found == kept
        assert off_the_row(row, found, TALL, coarse, on_sacrum=False) == row[len(kept) :]


def test_only_what_both_networks_take_for_a_vertebra_is_told_and_nothing_of_the_sacrum() -> None:
    row = [vertebra(height, 3000) for height in (160, 130, 100)]
    above, doubtful, unseen, sacral = (
        vertebra(180, 3000),
        vertebra(175, 3000, 0.7),
        vertebra(215, 3000),
        vertebra(40, 3000),
    )
    spine = np.zeros((12, 12, 75), bool)
    spine[:, :, :62] = True
    coarse = coarse_of(spine, "L3")
    everything = [above, doubtful, unseen, *row, sacral]
    assert off_the_row(everything, row, TALL, coarse, on_sacrum=True) == [above]
    assert off_the_row(everything, row, TALL, coarse, on_sacrum=False) == [above, sacral]


def test_what_is_left_out_is_told_with_its_place() -> None:
    found = (Vertebra("L3", 0.9, Mask.from_array(np.ones((2, 2, 2), bool))),)
    assert told_of(found) == ()
    (told,) = told_of(found, [np.array([12.3, -30.4, 410.0]), np.zeros(3)])
    assert told.startswith("2 more may be vertebrae") and "R 12, P 30, S 410 mm" in told


def test_pieces_of_spine_belong_together_over_two_missed_vertebrae() -> None:
    spine = np.zeros((40, 12, 60), bool)
    spine[4:10, 3:9, 30:60] = True
    below, speck_below, far_below = spine.copy(), spine.copy(), spine.copy()
    below[4:10, 3:9, 6:13] = True
    speck_below[5:8, 4:7, 6:13] = True
    far_below[4:10, 3:9, 2:9] = True
    assert (connected(below, 5.0) == below).all()
    assert (connected(speck_below, 5.0) == spine).all()
    assert (connected(far_below, 5.0) == spine).all()


def test_a_doubtful_vertebra_needs_a_neighbor() -> None:
    sure, doubtful = vertebra(80, 900), vertebra(40, 900, 0.65)
    assert is_doubtful_loner([doubtful], 2.0) and not is_doubtful_loner([sure], 2.0)
    assert is_doubtful_loner([sure], 1.5), "a chip of 3 cm3"
    assert not is_doubtful_loner([sure, doubtful], 2.0) and not is_doubtful_loner([], 2.0)


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


@pytest.mark.parametrize(("sacrum_height", "dropped"), [(40, True), (4, False), (0, False)])
def test_a_small_vertebra_below_the_middle_of_the_sacrum_is_a_piece_of_it(sacrum_height: int, dropped: bool) -> None:
    """Also where the scan cuts it; a whole one there speaks against the sacrum."""
    row = [*(vertebra(height, 900) for height in (100, 80, 60)), vertebra(2, 400)]
    parts = np.zeros(GRID.shape, np.uint8)
    parts[5:12, 5:35, :sacrum_height] = PARTS.index("sacrum")
    nothing = np.zeros((0, 3), np.float32)
    voxels = VertebraVoxels(parts, np.zeros((2, *GRID.shape), np.uint8), nothing, nothing, nothing[:, 0], nothing)
    assert without_sacral(row, voxels, GRID) == row[: 4 - dropped]
    row[-1] = vertebra(2, 600)
    assert without_sacral(row, voxels, GRID) == row


def test_the_spine_is_followed_beyond_its_ends_only() -> None:
    row = [vertebra(height, 900) for height in (70, 50)]
    beyond = beyond_ends(row, GRID)
    heights = np.flatnonzero(beyond.any(axis=(0, 1)))
    assert heights.max() > 100 and heights.min() < 20
    assert beyond[19, 19, 100] and not beyond_ends([], GRID).any()
