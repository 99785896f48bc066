# SPDX-License-Identifier: Apache-2.0
"""Measurements on vertebrae against bodies of known size and against the truth of synthetic CTs."""

from dataclasses import replace

import numpy as np
import pytest
from measurement_fixtures import HALF_DEPTH, grid, stack, turned, values, vertebra

from SpineLib.core.level_order import positions
from SpineLib.core.mask import Mask
from SpineLib.core.result import Vertebra
from SpineLib.measurement.contrast import holds_contrast
from SpineLib.measurement.genant import grade_heights, kind_of
from SpineLib.measurement.scan_measurements import Densities, FineShapes, LevelReading, measure
from SpineLib.synthesis.ct.bones import BODY
from SpineLib.synthesis.ct.case import SyntheticCT, make_case
from SpineLib.synthesis.ct.options import CtOptions

PLACES = ("anterior", "middle", "posterior")


def reading(found: dict[str, LevelReading], level: str) -> LevelReading:
    assert found[level].heights is not None, found[level].reason
    return found[level]


def heights_of(found: dict[str, LevelReading], level: str) -> np.ndarray:
    heights = reading(found, level).heights
    assert heights is not None
    return np.array(heights.heights_mm)


@pytest.mark.parametrize("spacing_mm", [(0.9, 0.9, 0.9), (0.8, 0.8, 2.5), (2.0, 0.8, 0.8)])
@pytest.mark.parametrize("turn", [np.eye(3), turned(25, 10, 15), turned(-35, -5, -20)])
def test_a_lone_body_has_its_height_at_any_tilt_on_any_grid(
    spacing_mm: tuple[float, float, float], turn: np.ndarray
) -> None:
    affine, shape = grid(spacing_mm, turned(8, -12, 20), (90, 90, 80))
    _, found = measure([vertebra("L2", affine, shape, (1.3, 4.1, -0.7), turn)], affine)
    voxel_mm = float(np.abs(np.linalg.inv(affine[:3, :3]) @ turn[:, 2]).max() ** -1)
    assert heights_of(found, "L2") == pytest.approx(25.0, abs=0.35 * voxel_mm)
    frame = reading(found, "L2").frame
    assert frame is not None
    assert np.degrees(np.arccos(np.clip(np.diag(frame.axes.T @ turn), -1, 1))).max() < 2.5
    assert frame.center == pytest.approx([1.3, 4.1, -0.7], abs=0.5)
    assert np.allclose(frame.axes.T @ frame.axes, np.eye(3), atol=1e-9) and np.linalg.det(frame.axes) > 0.99


def test_a_wedge_has_its_three_heights_and_their_ends_lie_on_its_endplates() -> None:
    turn = turned(20, 5, -10)
    affine, shape = grid((0.8, 0.8, 1.2), np.eye(3), (90, 90, 80))
    measured, found = measure([vertebra("T12", affine, shape, (0, 5, 0), turn, (15.0, 25.0))], affine)
    # Front to rear edge, less what the smoothing rounds off: 15, 50 and 85 % of the depth.
    assert heights_of(found, "T12") == pytest.approx([16.5, 20.0, 23.5], abs=0.6)
    assert values(measured, "height_ratio_wedge")["T12",] == pytest.approx(16.5 / 23.5, abs=0.03)
    landmarks = reading(found, "T12").landmarks
    assert len(landmarks) == 7
    upper, lower = (
        (np.array(landmarks[f"{side}_endplate_anterior"]) - [0, 5, 0]) @ turn for side in ("upper", "lower")
    )
    assert upper == pytest.approx([0, 0.7 * HALF_DEPTH, 8.25], abs=0.8)
    assert lower == pytest.approx([0, 0.7 * HALF_DEPTH, -8.25], abs=0.8)


def test_without_posterior_elements_the_patients_anterior_is_the_front() -> None:
    affine, shape = grid((1.0, 1.0, 1.0), np.eye(3), (80, 80, 70))
    _, found = measure([vertebra("L1", affine, shape, (0, 0, 0), turned(15), with_arch=False)], affine)
    frame = reading(found, "L1").frame
    assert frame is not None
    assert frame.front @ turned(15)[:, 1] > 0.999


def test_angles_are_those_of_the_endplates_with_their_signs() -> None:
    vertebrae, affine = stack([(-12, 0), (-4, 8), (2, -6), (8, 3), (20, 0)], ["L1", "L2", "L3", "L4", "L5"])
    measured, _ = measure(vertebrae, affine)
    assert values(measured, "lumbar_lordosis") == {("L1", "L5"): pytest.approx(32, abs=1.5)}
    cobb = next(each for each in measured if each.name == "cobb_largest")
    assert (cobb.value, cobb.levels) == (pytest.approx(8, abs=1.5), ("L2", "L5")) and "to the left" in cobb.method
    vertebrae, affine = stack([(20, -10), (8, -4), (0, 5), (-9, 11)], ["T9", "T10", "T11", "T12"])
    measured, _ = measure(vertebrae, affine)
    assert values(measured, "thoracic_kyphosis") == {("T9", "T12"): pytest.approx(29, abs=1.5)}
    assert values(measured, "cobb_largest") == {("T9", "T12"): pytest.approx(21, abs=1.5)}
    assert "convex to the right" in next(each.method for each in measured if each.name == "cobb_largest")


def test_the_sacrum_ends_the_lordosis() -> None:
    levels = ["L1", "L2", "L3", "L4", "L5", "S1"]
    vertebrae, affine = stack([(-10, 0), (-5, 0), (0, 0), (8, 0), (18, 0), (30, 0)], levels)
    shape = vertebrae[0].mask.shape
    # Where the endplate of S1 lies under that of L5, as it does in a body.
    vertebrae[-1] = vertebra("S1", affine, shape, (0, -5, -90), turned(30))
    sacrum = vertebrae[-1].body
    measured, found = measure(vertebrae[:-1], affine, sacrum=sacrum)
    assert values(measured, "lumbar_lordosis") == {("L1", "S1"): pytest.approx(40, abs=1.5)}
    assert values(measure(vertebrae, affine)[0], "lumbar_lordosis") == values(measured, "lumbar_lordosis")
    assert list(found) == levels[:-1]


def test_a_wall_that_stands_back_is_measured() -> None:
    levels = ["L1", "L2", "L3"]
    vertebrae, affine = stack([(0, 0)] * 3, levels)
    assert values(measure(vertebrae, affine)[0], "retropulsion")["L2",] == pytest.approx(0, abs=0.5)
    shape = vertebrae[1].mask.shape
    moved = vertebra("L2", affine, shape, (0, 3, 0), np.eye(3))
    measured, _ = measure([vertebrae[0], moved, vertebrae[2]], affine)
    assert values(measured, "retropulsion") == {("L2",): pytest.approx(5, abs=0.6)}


def test_a_wall_is_not_measured_across_a_vertebra_of_which_nothing_is_known() -> None:
    vertebrae, affine = stack([(0, 0)] * 5, ["T11", "T12", "T13", "L1", "L2"])
    all_of_them = {("T12",), ("T13",), ("L1",)}
    assert set(values(measure(vertebrae, affine)[0], "retropulsion")) == all_of_them
    vertebrae[2] = replace(vertebrae[2], body=None)
    assert not values(measure(vertebrae, affine)[0], "retropulsion")


def test_the_density_of_an_even_body_is_its_own_whatever_lies_around() -> None:
    vertebrae, affine = stack([(10, 0), (0, 5)], ["L1", "L2"])
    rng = np.random.default_rng(0)
    hu = np.full(vertebrae[0].mask.shape, 900.0)
    for each, mean in zip(vertebrae, (120.0, 180.0), strict=True):
        assert each.body is not None
        inside = each.body.to_array()
        hu[inside] = mean + rng.normal(0, 5, int(inside.sum()))
    # Values 30 too high, as in a file without Hounsfield units.
    measured, _ = measure(vertebrae, affine, Densities(hu + 30, offset_hu=-30))
    expected = {("L1",): 120, ("L2",): 180, ("L1", "L2"): 150}
    assert values(measured, "trabecular_density") == {levels: pytest.approx(v, abs=1) for levels, v in expected.items()}
    warned, _ = measure(vertebrae, affine, Densities(hu, has_contrast=True))
    assert values(warned, "trabecular_density")
    assert all("contrast" in each.method for each in warned if each.name == "trabecular_density")


def test_metal_and_cement_are_not_taken_for_bone() -> None:
    vertebrae, affine = stack([(0, 0)] * 3, ["L1", "L2", "L3"])
    hu = np.full(vertebrae[0].mask.shape, 120.0)
    screwed, cemented = (each.body.to_array() for each in vertebrae[:2] if each.body is not None)
    i = np.arange(hu.shape[0])[:, None, None]
    hu[screwed & (i % 10 == 0)] = 3000
    hu[cemented] = 600
    measured, found = measure(vertebrae, affine, Densities(hu))
    assert values(measured, "trabecular_density") == {("L3",): pytest.approx(120, abs=1)}
    assert [level for level, each in found.items() if each.is_filled] == ["L1", "L2"]


def test_a_body_without_voxels_of_the_scan_is_not_measured() -> None:
    """It was measured on the network's grid, which shows what hardly reaches into the scan."""
    vertebrae, affine = stack([(0, 0)] * 3, ["L1", "L2", "L3"])
    hu = np.full(vertebrae[0].mask.shape, 120.0)
    shapes = FineShapes({each.level: each for each in vertebrae}, None, affine)
    gone = replace(vertebrae[2], body=Mask.empty(vertebrae[2].mask.shape))
    measured, found = measure((*vertebrae[:2], gone), affine, Densities(hu), fine=shapes)
    assert "not in the image" in found["L3"].reason
    assert {("L1",), ("L2",)} <= values(measured, "trabecular_density").keys()
    assert ("L3",) not in values(measured, "trabecular_density")


CHEST = ("T5", "T6", "T7", "T8", "T9")


def chest(spacing_mm: tuple[float, float, float], tilt_deg: float, anterior_mm: float) -> tuple[list, np.ndarray]:
    """Five bodies 18 mm high and 22 mm apart, the third with another height in front, and their affine."""
    affine, shape = grid(spacing_mm, np.eye(3), (70.0, 80.0, 140.0))
    tops = [(level, 44.0 - 22 * number) for number, level in enumerate(CHEST)]
    heights = {"T7": (anterior_mm, 18.0)}
    turn = turned(tilt_deg)
    row = [vertebra(at, affine, shape, (0, 8, top), turn, heights.get(at, (18.0, 18.0))) for at, top in tops]
    return row, affine


@pytest.mark.parametrize("tilt_deg", [0.0, 8.0])
def test_thick_slices_are_no_fractures_and_the_fine_grid_sees_what_they_hide(tilt_deg: float) -> None:
    thick = (0.9, 0.9, 5.0)
    healthy, affine = chest(thick, tilt_deg, 18.0)
    assert set(values(measure(healthy, affine)[0], "genant_grade").values()) == {0.0}
    collapsed, _ = chest(thick, tilt_deg, 11.0)
    shapes, fine = chest((1.5, 1.5, 1.5), tilt_deg, 11.0)
    finer = FineShapes({each.level: each for each in shapes}, None, fine)
    measured, found = measure(collapsed, affine, fine=finer)
    grades = values(measured, "genant_grade")
    assert {level: grades.get((level,)) for level in CHEST[1:4]} == {"T6": 0.0, "T7": 2.0, "T8": 0.0}
    assert heights_of(found, "T6") == pytest.approx([18, 18, 18], abs=0.7)


def test_a_fine_grid_makes_the_heights_of_thick_slices_no_surer() -> None:
    shapes, fine = chest((1.5, 1.5, 1.5), 0.0, 18.0)
    finer = FineShapes({each.level: each for each in shapes}, None, fine)
    for slices_mm, quality in ((5.0, 1 - 2 * 5 / 18), (3.0, 1 - 2 * 3 / 18), (0.9, 1 - 2 * 1.5 / 18)):
        scan, affine = chest((0.9, 0.9, slices_mm), 0.0, 18.0)
        measured, _ = measure(scan, affine, fine=finer)
        told = [each.quality for each in measured if each.name == "height_middle" and each.levels == ("T7",)]
        assert told == [pytest.approx(quality, abs=0.05)], slices_mm


def test_a_cleft_from_side_to_side_has_heights_and_leaves_the_neighbors_theirs() -> None:
    vertebrae, affine = stack([(0, 0)] * 3, ["L1", "L2", "L3"])
    body = vertebrae[1].body
    assert body is not None
    points = np.indices(body.shape).transpose(1, 2, 3, 0) @ affine[:3, :3].T + affine[:3, 3]
    split = Mask.from_array(body.to_array() & ~(np.abs(points[..., 1] - 8) < 2))
    assert 0.7 < split.count / body.count < 0.95
    measured, found = measure([vertebrae[0], replace(vertebrae[1], body=split), vertebrae[2]], affine)
    assert heights_of(found, "L2") == pytest.approx([25, 25, 25], abs=1)
    assert set(values(measured, "genant_grade").values()) == {0.0}


def test_ratios_compare_the_heights_with_each_other_and_with_the_neighbors() -> None:
    vertebrae, affine = chest((1.0, 1.0, 1.0), 0.0, 12.0)
    measured, _ = measure(vertebrae, affine)
    wedge, middle, crush = (values(measured, f"height_ratio_{name}")["T7",] for name in ("wedge", "biconcave", "crush"))
    assert wedge < middle < 0.95 and crush == pytest.approx(17 / 18, abs=0.06)
    assert wedge == pytest.approx((12 + 0.15 * 6) / (12 + 0.85 * 6), abs=0.03)


def test_the_neck_has_losses_of_height_without_grades_and_leaves_the_chest_its_own() -> None:
    affine, shape = grid((1.5, 1.5, 1.5), np.eye(3), (85, 95, 200))
    heights = {"C5": 25.0, "C6": 18.0, "C7": 25.0, "T1": 30.0, "T2": 30.0}
    places = zip(heights.items(), (76, 38, 0, -38, -76), strict=True)
    row = [vertebra(level, affine, shape, (0, 8, top), np.eye(3), (high, high)) for (level, high), top in places]
    measured, _ = measure(row, affine)
    losses, grades = values(measured, "height_loss"), values(measured, "genant_grade")
    assert losses[("C6",)] == pytest.approx(0.28, abs=0.05)
    assert all(losses[(level,)] < 0.08 for level in heights if level != "C6")
    assert set(grades) == {("T1",), ("T2",)}


def test_contrast_is_seen_in_a_vessel_and_not_in_specks_walls_or_noise() -> None:
    rng = np.random.default_rng(1)
    i, j, k = np.indices((24, 17, 30)) * 3.0
    fat = rng.normal(-90, 25, i.shape)
    tube = np.hypot(i - 40, j - 22)
    nowhere = np.zeros(i.shape, bool)
    for blood_hu, is_seen in ((45.0, False), (160.0, True), (350.0, True)):
        assert holds_contrast(np.where(tube < 10, blood_hu, fat), 3.0, nowhere) == is_seen
    calcified = np.where((tube > 9) & (tube < 10.5), 700.0, np.where(tube < 10, 45.0, fat))
    assert not holds_contrast(calcified, 3.0, nowhere)
    short = np.where((tube < 10) & (np.abs(k - 40) < 9), 200.0, fat)
    assert not holds_contrast(short, 3.0, nowhere)
    assert not holds_contrast(np.where(tube < 10, 200.0, fat), 3.0, tube < 16)


def test_nothing_partial_empty_or_nameless_breaks_the_measuring() -> None:
    affine, shape = grid((1.0, 1.0, 1.0), np.eye(3), (80, 80, 70))
    whole = vertebra("L2", affine, shape, (0, 0, 0), np.eye(3))
    empty = Mask.from_array(np.zeros(shape, dtype=bool))
    speck = np.zeros(shape, dtype=bool)
    speck[40:43, 40:43, 40:43] = True
    plate = np.zeros(shape, dtype=bool)
    plate[20:60, 40:42, 20:22] = True
    odd = [
        vertebra("T12", affine, shape, (0, 0, 33), np.eye(3)),
        replace(whole, level="L1", body=None),
        replace(whole, level="L3", body=empty, mask=empty),
        Vertebra("L4", 0.3, Mask.from_array(speck), body=Mask.from_array(speck)),
        Vertebra("L5", 0.3, Mask.from_array(plate), body=Mask.from_array(plate)),
        replace(whole, level="C2"),
        replace(whole, level="?"),
    ]
    assert measure([], affine) == ([], {})
    measured, found = measure([*odd, whole], affine, Densities(np.zeros(shape)), sacrum=empty)
    assert [level for level, each in found.items() if each.heights] == ["L2"]
    assert all(each.reason and not each.landmarks for level, each in found.items() if level != "L2")
    assert {each.levels for each in measured} == {("L2",)}
    assert "border" in found["T12"].reason


def test_levels_are_counted_with_their_variants() -> None:
    assert positions(["L1", "T12", "?"]) == {"T12": 18, "L1": 19}
    assert positions(["L1", "T12", "T13", "L6"]) == {"T12": 18, "T13": 19, "L1": 20, "L6": 25}


def test_grades_follow_the_neighbors_and_two_collapses_do_not_hide_each_other() -> None:
    sizes = {"T10": 21.0, "T11": 22.0, "T12": 23.0, "L1": 24.0, "L2": 25.0}
    sound = {level: (size, size, size) for level, size in sizes.items()}
    assert {each.grade for each in grade_heights(sound).values()} == {0}
    broken = sound | {"T12": (23 * 0.7, 23 * 0.85, 22.5), "L1": (24 * 0.55, 24 * 0.5, 24 * 0.55)}
    found = grade_heights(broken)
    assert {level: (each.grade, each.kind) for level, each in found.items() if each.grade} == {
        "T12": (2, "wedge"),
        "L1": (3, "crush"),
    }
    assert found["T12"].neighbors == ("T10", "T11", "L2") and found["T12"].loss[0] == pytest.approx(0.3, abs=0.03)
    lone = grade_heights({"L1": (17.0, 20.0, 25.0)})["L1"]
    assert (lone.grade, lone.kind, lone.neighbors) == (2, "wedge", ())
    assert grade_heights({"L4": (26, 26, 26), "L5": (27, 25, 20)})["L5"].grade == 0


def test_kinds_are_told_by_what_is_lost() -> None:
    assert kind_of((0.3, 0.15, 0.05)) == "wedge"
    assert kind_of((0.1, 0.4, 0.1)) == "biconcave"
    assert kind_of((0.4, 0.45, 0.38)) == "crush"


def vertebrae_of(case: SyntheticCT) -> list[Vertebra]:
    found = []
    for each in case.truth["vertebrae"]:
        whole = case.labels == each["label"]
        body = Mask.from_array(whole & (case.parts == BODY))
        found.append(Vertebra(each["level"], 1.0, Mask.from_array(whole), body=body))
    return found


@pytest.mark.parametrize(
    ("seed", "level", "kind"),
    [(21, "L2", "none"), (22, "L1", "wedge"), (23, "L2", "biconcave"), (24, "T12", "crush"), (25, "T8", "wedge")],
)
def test_synthetic_bodies_have_their_true_heights_and_grades(seed: int, level: str, kind: str) -> None:
    options = CtOptions((64, 72, 96), (1.5, 1.5, 1.5), 15.0, level, "usual", kind, False, False, 0.0)
    case = make_case(seed, options)
    measured, found = measure(vertebrae_of(case), case.affine, Densities(case.voxels))
    truth = {each["level"]: each for each in case.truth["vertebrae"]}
    read = {name: each for name, each in found.items() if each.heights is not None}
    assert len(read) >= 2 and set(read) >= {name for name, each in truth.items() if each["complete"]}
    errors = [heights_of(found, name) - [truth[name]["heights_mm"][place] for place in PLACES] for name in read]
    assert np.abs(errors).mean() < 0.9 and np.abs(errors).max() < 2.5
    grades = values(measured, "genant_grade")
    for name in read:
        if truth[name]["genant_grade"]:
            assert grades[name,] >= 1 and abs(grades[name,] - truth[name]["genant_grade"]) <= 1
        else:
            assert grades[name,] == 0
    assert kind == "none" or max(grades.values()) >= 1
