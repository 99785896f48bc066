# SPDX-License-Identifier: Apache-2.0
"""From voxels to vertebrae and from vertebrae to names."""

from dataclasses import replace

import numpy as np
import pytest

from SpineLib.labelling.instances import find_instances
from SpineLib.labelling.naming import KINDS, Looks, looks_of, name_vertebrae
from SpineLib.networks.ct_channels import COORDINATES, LEVELS, REGIONS

SPACING_MM = 1.5
SHAPE = (60, 60, 200)


def voxels_of(center: np.ndarray, size: tuple[int, int, int]) -> np.ndarray:
    """Indices of a box around a center."""
    ranges = [
        np.arange(round(middle - half), round(middle + half) + 1) for middle, half in zip(center, size, strict=True)
    ]
    return np.stack(np.meshgrid(*ranges, indexing="ij"), -1).reshape(-1, 3)


def row_of(count: int, apart_mm: float = 30.0, noise_mm: float = 2.0, height_mm: float | None = None):
    """Voxels of boxes above each other, without a gap, their noisy votes, and the true centers."""
    rng = np.random.default_rng(count)
    half = (height_mm or apart_mm) / SPACING_MM / 2
    centers = np.array([[30, 30 + 3 * np.sin(n), 12 + n * apart_mm / SPACING_MM] for n in range(count)])
    where = [voxels_of(center, (12, 10, half - 0.51)) for center in centers]
    votes = [
        center + rng.normal(0, noise_mm / SPACING_MM, each.shape) for center, each in zip(centers, where, strict=True)
    ]
    return np.concatenate(where), np.concatenate(votes), centers[::-1]


@pytest.mark.parametrize("apart_mm", [14.0, 22.0, 34.0])
def test_touching_vertebrae_are_told_apart_from_the_head_downward(apart_mm: float) -> None:
    where, votes, centers = row_of(6, apart_mm)
    found = find_instances(where, votes, np.full(len(where), 0.9), SPACING_MM, SHAPE)
    assert len(found) == 6
    for instance, center in zip(found, centers, strict=True):
        assert np.linalg.norm(instance.center - center) * SPACING_MM < 2
        assert len(instance.where) == pytest.approx(len(where) / 6, rel=0.05)
        assert instance.confidence == pytest.approx(0.9)


def test_a_spinous_process_beside_the_next_body_belongs_to_its_own_vertebra() -> None:
    where, votes, centers = row_of(3)
    process = voxels_of(centers[0] + [0, 17, -22], (2, 5, 3))
    whole = np.concatenate([where, process])
    all_votes = np.concatenate([votes, np.tile(centers[0], (len(process), 1))])
    found = find_instances(whole, all_votes, np.full(len(whole), 0.9), SPACING_MM, SHAPE)
    assert len(found) == 3
    owned = {tuple(voxel) for voxel in found[0].where}
    assert all(tuple(voxel) in owned for voxel in process)


def test_a_large_vertebra_with_two_peaks_is_one_and_small_neighbors_as_near_are_two() -> None:
    center, off = np.array([40.0, 40.0, 60.0]), np.array([0.0, 0.0, 3.5])
    for sides, count in (((15, 12, 9), 1), ((5, 4, 2), 2)):
        halves = [voxels_of(center + sign * np.array([0, 0, sides[2] + 0.5]), sides) for sign in (1, -1)]
        votes = [np.tile(center + sign * off, (len(half), 1)) for half, sign in zip(halves, (1, -1), strict=True)]
        where = np.concatenate(halves)
        found = find_instances(where, np.concatenate(votes), np.full(len(where), 0.9), SPACING_MM, (80, 80, 120))
        assert len(found) == count
        assert sum(len(instance.where) for instance in found) == len(where)
    assert np.linalg.norm(found[0].center - found[1].center) * SPACING_MM > 9


def test_crumbs_and_stray_votes_are_no_vertebrae() -> None:
    where, votes, _ = row_of(3)
    crumb = voxels_of(np.array([5, 5, 150]), (1, 1, 1))
    whole, all_votes = np.concatenate([where, crumb]), np.concatenate([votes, crumb.astype(float)])
    assert len(find_instances(whole, all_votes, np.full(len(whole), 0.9), SPACING_MM, SHAPE)) == 3


def bone_of_the_middle_one(loose: np.ndarray, vote: "tuple[float, ...] | None", share: float = 0.9) -> int:
    """How many voxels of loose bone the middle one of three vertebrae gets. vote: None for none near a center."""
    where, votes, centers = row_of(3)
    loose_votes = np.tile(centers[1] if vote is None else vote, (len(loose), 1)) + (200.0 if vote is None else 0.0)
    shares = np.concatenate([np.full(len(where), 0.9), np.full(len(loose), share)])
    found = find_instances(np.concatenate([where, loose]), np.concatenate([votes, loose_votes]), shares, 1.5, SHAPE)
    assert len(found) == 3
    owned = {tuple(voxel) for voxel in found[1].where}
    return sum(tuple(voxel) in owned for voxel in loose)


def test_the_broken_end_of_a_process_belongs_to_its_vertebra_though_it_stands_off() -> None:
    _, _, centers = row_of(3)
    end = voxels_of(centers[1] + [0, 20, 0], (2, 2, 2))
    assert bone_of_the_middle_one(end, tuple(centers[1])) == len(end)
    assert bone_of_the_middle_one(end, tuple(centers[1]), share=0.6) == 0
    assert bone_of_the_middle_one(end, None) == 0
    assert bone_of_the_middle_one(end[:12], tuple(centers[1])) == 0


@pytest.mark.parametrize(("off_mm", "is_its_own"), [((0, 20, 0), True), ((0, 18, 9), True), ((0, 0, 17), False)])
def test_what_broke_off_may_point_far_beside_the_center_but_not_far_above_it(off_mm: tuple, is_its_own: bool) -> None:
    _, _, centers = row_of(3)
    end = voxels_of(centers[1] + [0, 20, 0], (2, 2, 2))
    vote = tuple(centers[1] + np.array(off_mm) / SPACING_MM)
    assert bone_of_the_middle_one(end, vote) == (len(end) if is_its_own else 0)


def test_bone_that_touches_one_vertebra_is_of_that_whatever_it_votes_for() -> None:
    _, _, centers = row_of(3)
    beside = voxels_of(np.rint(centers[1]) + np.array([0, 12, 0]), (2, 1, 2))
    for vote in (tuple(centers[0]), None):
        assert bone_of_the_middle_one(beside, vote) == len(beside)
    rib = voxels_of(np.rint(centers[1]) + np.array([22, 0, 0]), (9, 2, 2))
    assert 0 < bone_of_the_middle_one(rib, None) < 0.4 * len(rib)


def test_a_vertebra_whose_center_lies_outside_the_scan_is_kept() -> None:
    where = voxels_of(np.array([30, 30, 3]), (12, 10, 3))
    votes = np.tile([30.0, 30.0, -4.0], (len(where), 1))
    (found,) = find_instances(where, votes, np.full(len(where), 0.9), SPACING_MM, SHAPE)
    assert found.center[2] == pytest.approx(-4, abs=0.6)


def test_no_voxels_no_vertebrae() -> None:
    none = np.zeros((0, 3))
    assert find_instances(none.astype(int), none, np.zeros(0), SPACING_MM, SHAPE) == []


def seen(levels: list[str], error: float = 0.0, spread: float = 0.5, seed: int = 0, near: bool = False) -> list[Looks]:
    """What the localizer makes of vertebrae of these levels: places off by `error` steps on the whole. near: whether
    the vertebra network knows their regions."""
    rng = np.random.default_rng(seed)
    coordinates = np.array([COORDINATES[level] for level in LEVELS])
    rows = []
    for level in levels:
        places = COORDINATES[level] + error + rng.laplace(0, spread / 2, 40)
        shares = np.exp(-np.abs(coordinates - places[:, None]) / spread)
        regions = np.eye(len(REGIONS))[[REGIONS.index(level[0])]] if near else np.zeros((0, len(REGIONS)))
        rows.append(looks_of(shares / shares.sum(axis=1, keepdims=True), regions))
    return rows


def line(count: int, apart_mm: float = 30.0, missing: tuple[int, ...] = ()) -> np.ndarray:
    heights = [-apart_mm * place for place in range(count + len(missing)) if place not in missing]
    return np.stack([np.zeros(count), np.zeros(count), heights], -1)


USUAL = list(KINDS[0][0])


@pytest.mark.parametrize("levels", [USUAL, USUAL[:7], USUAL[12:20], USUAL[19:], ["L3"]])
def test_a_row_gets_its_names(levels: list[str]) -> None:
    names = name_vertebrae(seen(levels), line(len(levels)), on_sacrum=levels[-1] == "L5")
    assert [name.level for name in names] == levels
    assert all(name.confidence > 0.3 for name in names)


def test_the_row_outvotes_a_vertebra_that_looks_like_another() -> None:
    looks = seen(USUAL[14:22])
    looks[3] = seen(["T6"])[0]
    names = name_vertebrae(looks, line(8), on_sacrum=False)
    assert [name.level for name in names] == USUAL[14:22]


def test_the_sacrum_settles_what_looks_one_level_off() -> None:
    levels = USUAL[19:]
    looks = seen(levels, error=-0.55, spread=1.2)
    assert [name.level for name in name_vertebrae(looks, line(5), on_sacrum=True)] == levels


def test_doubt_is_told_with_the_second_best_level() -> None:
    names = name_vertebrae(seen(USUAL[10:14], error=0.5, spread=1.5), line(4), on_sacrum=False)
    assert all(name.confidence < 0.9 for name in names)
    assert all(abs(LEVELS.index(name.level) - LEVELS.index(name.second)) == 1 for name in names)


def test_a_vertebra_that_was_missed_leaves_a_gap_in_the_names() -> None:
    levels = [level for level in USUAL[12:22] if level != "T10"]
    names = name_vertebrae(seen(levels, spread=1.0), line(9, missing=(USUAL[12:22].index("T10"),)), on_sacrum=False)
    assert [name.level for name in names] == levels


@pytest.mark.parametrize(
    "missed", [("L3", "L4"), ("L2", "L3"), ("C3", "C4", "C5", "C6"), ("C4", "C5", "C6", "C7", "T1")]
)
def test_a_gap_leaves_out_as_many_levels_as_fit(missed: tuple[str, ...]) -> None:
    """Vertebrae grow downward, so that the distances above a gap say too many missed ones; looks must settle it."""
    whole = USUAL[9:] if missed[0][0] == "L" else USUAL[1:12]
    heights = -np.cumsum([max(17, 5 + 1.4 * USUAL.index(level)) for level in whole])
    kept = [level for level in whole if level not in missed]
    centers = np.stack([np.zeros(len(kept)), np.zeros(len(kept)), heights[[whole.index(each) for each in kept]]], -1)
    names = name_vertebrae(seen(kept, spread=1.0), centers, on_sacrum=False)
    assert [name.level for name in names] == kept


@pytest.mark.parametrize("kind", range(1, len(KINDS)))
def test_spines_with_one_vertebra_more_or_less_are_recognized(kind: int) -> None:
    levels = list(KINDS[kind][0])[14:]
    names = name_vertebrae(seen(levels, spread=0.3), line(len(levels)), on_sacrum=True)
    assert [name.level for name in names] == levels


def test_no_vertebrae_no_names_and_too_many_are_refused() -> None:
    assert name_vertebrae([], np.zeros((0, 3)), False) == []
    with pytest.raises(ValueError, match="30 vertebrae"):
        name_vertebrae(seen(["L3"] * 30), line(30), False)


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_ribs_and_sacrum_count_what_the_localizer_cannot(kind: int) -> None:
    """From afar every one looks as if the spine were the usual one, read upward from the sacrum."""
    levels = list(KINDS[kind][0])[-8:]
    usual = USUAL[-len(levels) :]
    pairs = zip(seen(usual, spread=2.5), seen(levels, near=True), strict=True)
    names = name_vertebrae([Looks(far.levels, near.regions) for far, near in pairs], line(len(levels)), on_sacrum=True)
    if KINDS[kind][0][-6] == "T13":
        # Nothing but the count from the neck tells a thirteenth pair of ribs from a twelfth.
        assert [name.level for name in names[-5:]] == levels[-5:]
    else:
        assert [name.level for name in names] == levels


def test_the_step_from_ribs_to_loin_settles_what_looks_one_level_off() -> None:
    levels = USUAL[14:22]
    assert [name.level for name in name_vertebrae(seen(levels, error=0.9, spread=1.5), line(8), False)] != levels
    found = name_vertebrae(seen(levels, error=0.9, spread=1.5, near=True), line(8), False)
    assert [name.level for name in found] == levels


def looking_like(levels: list[str], shift: int = 0) -> list[Looks]:
    """Of a localizer that is nine tenths sure of the level `shift` below the true one. Regions are the true ones."""
    rows = []
    for level in levels:
        shares, regions = np.zeros(len(LEVELS)), np.full(len(REGIONS), 0.0025)
        place = LEVELS.index(level) + shift
        shares[max(place - 1, 0) : place + 2] = (0.05, 0.9, 0.05)[max(1 - place, 0) :]
        regions[REGIONS.index(level[0])] = 0.995
        rows.append(looks_of(shares[None], regions[None]))
    return rows


def test_the_vertebra_without_a_body_is_the_atlas() -> None:
    """The localizer takes the first five vertebrae for those one level lower; only the atlas tells."""
    levels = USUAL[:5]
    off = looking_like(levels, shift=1)
    assert [name.level for name in name_vertebrae(off, line(5), False)] == USUAL[1:6]
    bodies = (0.0, 0.3, 0.3, 0.3, None)
    told = [replace(looks, body=body) for looks, body in zip(off, bodies, strict=True)]
    assert [name.level for name in name_vertebrae(told, line(5), False)] == levels


def test_an_axis_with_a_body_is_not_taken_for_the_atlas() -> None:
    levels = USUAL[1:6]
    told = [replace(looks, body=0.3) for looks in looking_like(levels, shift=-1)]
    assert [name.level for name in name_vertebrae(told, line(5), False)] == levels


@pytest.mark.parametrize("bodies", [(0.0, 0.3), (0.3, 0.0)])
def test_a_body_that_metal_hides_makes_no_atlas(bodies: tuple[float, float]) -> None:
    told = [replace(looks, body=body) for looks, body in zip(looking_like(["L2", "L3"]), bodies, strict=True)]
    assert [name.level for name in name_vertebrae(told, line(2), False)] == ["L2", "L3"]


@pytest.mark.parametrize("levels", [["L2", "L3", "L4"], USUAL[9:16], USUAL[2:6]], ids=["loin", "chest", "neck"])
def test_a_field_without_landmarks_may_be_one_level_off_however_many_vertebrae_agree(levels: list[str]) -> None:
    names = name_vertebrae(looking_like(levels), line(len(levels)), on_sacrum=False)
    assert [name.level for name in names] == levels
    for name in names:
        assert 0.75 < name.confidence < 0.85
        assert 0.08 < name.second_confidence < 0.15
        assert abs(USUAL.index(name.second) - USUAL.index(name.level)) == 1


@pytest.mark.parametrize(
    ("levels", "on_sacrum"),
    [(USUAL[20:], True), (USUAL[22:], True), (USUAL[17:21], False), (USUAL[18:20], False), (USUAL[5:9], False)],
    ids=["L2 to sacrum", "L4 to sacrum", "T11 to L2", "T12 and L1", "C6 to T2"],
)
def test_sacrum_and_ribs_rule_out_that_the_field_is_one_level_off(levels: list[str], on_sacrum: bool) -> None:
    names = name_vertebrae(looking_like(levels), line(len(levels)), on_sacrum)
    assert [name.level for name in names] == levels
    # Without ribs in sight nothing tells a spine with a sixth lumbar vertebra, or with four.
    least = 0.9 if on_sacrum else 0.95
    assert all(name.confidence >= least for name in names)


@pytest.mark.parametrize("shift", [-1, 1])
def test_the_step_from_ribs_to_loin_outvotes_a_sure_localizer_that_is_one_level_off(shift: int) -> None:
    levels = USUAL[16:22]
    names = name_vertebrae(looking_like(levels, shift), line(6), on_sacrum=False)
    assert [name.level for name in names] == levels


def test_short_ribs_make_a_thirteenth_thoracic_vertebra() -> None:
    """The localizer counts from the head as in a usual spine; from near one is something between chest and loin."""
    levels = list(KINDS[3][0][-10:])
    looks = looking_like([*USUAL[15:24], "L5"])
    place = levels.index("T13")
    looks[place] = replace(looks[place], regions=np.array([0.001, 0.449, 0.55]))
    names = name_vertebrae(looks, line(10), on_sacrum=True)
    assert [name.level for name in names] == levels
