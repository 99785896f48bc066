# SPDX-License-Identifier: Apache-2.0
"""Synthetic CT: geometry without a shift, answers that fit the voxels, fractures as deep as they claim."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from cli_fixtures import assert_one_clear_line, spine

from SpineLib.cli import main
from SpineLib.core.anatomy import BY_NAME
from SpineLib.core.errors import InputError
from SpineLib.io import read
from SpineLib.synthesis.ct.bones import BODY, POSTERIOR, paint_solids
from SpineLib.synthesis.ct.case import SyntheticCT, make_case
from SpineLib.synthesis.ct.fractures import KINDS, genant_grade, sample_fracture, settle
from SpineLib.synthesis.ct.grid import Canvas, Grain, Grid, enlarged
from SpineLib.synthesis.ct.look_alikes import sample_look_alike
from SpineLib.synthesis.ct.options import CtOptions
from SpineLib.synthesis.ct.run import write_cases
from SpineLib.synthesis.ct.scanner import Scanner, scan
from SpineLib.synthesis.ct.variants import VARIANTS
from SpineLib.synthesis.ct.vertebra import DIP, height_loss, heights_mm, make_vertebra
from SpineLib.synthesis.curve import CurveOptions, build_poses
from SpineLib.synthesis.projection import Placed
from SpineLib.synthesis.solids import Shell

QUIET = {"noise_hu": 0.0, "randomized": False, "implants": False}
LUMBAR = CtOptions((60, 112, 60), (2.0, 2.0, 1.8), 0.0, "L2", "usual", "none", **QUIET)
VALUES = {"cortical": 900.0, "trabecular": 200.0}


@pytest.fixture(scope="module")
def lumbar() -> SyntheticCT:
    return make_case(5, LUMBAR)


def entry(case: SyntheticCT, level: str) -> dict:
    return next(each for each in case.truth["vertebrae"] if each["level"] == level)


def body(case: SyntheticCT, level: str) -> np.ndarray:
    return (case.labels == BY_NAME[level].code) & (case.parts == BODY)


def to_ras(case: SyntheticCT, indices: np.ndarray) -> np.ndarray:
    return indices @ case.affine[:3, :3].T + case.affine[:3, 3]


def is_whole(mask: np.ndarray) -> bool:
    """Whether a mask has voxels, and none on the image's faces."""
    inner = mask[1:-1, 1:-1, 1:-1]
    return bool(mask.any() and inner.sum() == mask.sum())


def to_indices(case: SyntheticCT, point_ras: list[float]) -> np.ndarray:
    return np.linalg.solve(case.affine[:3, :3], np.array(point_ras) - case.affine[:3, 3])


def tilted_grid(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> Grid:
    angle = np.deg2rad(20)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    return Grid.around(np.array([3.0, -4.0, 11.0]), shape, spacing_mm, turn)


def even_grain() -> Grain:
    grain = Grain(np.random.default_rng(0), 1.0)
    grain.tile[:] = 0
    return grain


@pytest.mark.parametrize("spacing_mm", [(1.5, 1.5, 1.5), (1.0, 1.0, 3.0)])
def test_a_ball_lies_where_it_was_put_without_a_half_voxel(spacing_mm: tuple[float, float, float]) -> None:
    place = np.array([4.3, -6.1, 9.2])
    for parts in (1, 3):
        grid = tilted_grid((41, 41, 29), spacing_mm)
        canvas = Canvas(grid.sliced(parts), np.full(grid.sliced(parts).shape, np.float32(0)))
        ball = Placed(Shell((11.0, 11.0, 11.0), 0.0), np.eye(3), place)
        paint_solids(canvas, [ball], {"cortical": 400.0, "trabecular": 400.0}, even_grain(), 26)
        image = canvas.values.reshape(41, 41, 29, parts).mean(axis=-1)
        labels = canvas.labels[:, :, parts // 2 :: parts]
        weights = np.clip(image, 0, None)
        for volume in (weights, (labels == 26).astype(float)):
            indices = np.indices(volume.shape).reshape(3, -1).T
            middle = np.average(indices, axis=0, weights=volume.ravel())
            assert middle == pytest.approx(grid.indices(place[None])[0], abs=0.08)


def test_a_symmetric_phantom_stays_symmetric() -> None:
    grid = Grid.around(np.zeros(3), (31, 31, 31), (2.0, 2.0, 2.0), np.eye(3))
    canvas = Canvas(grid, np.full(grid.shape, np.float32(-1000)))
    egg = Placed(Shell((19.0, 14.0, 23.0), 2.0), np.eye(3), np.zeros(3))
    paint_solids(canvas, [egg], VALUES, even_grain(), 26)
    scanner = Scanner(-0.5, 0.0, 0.0, 0.0, False)
    image = scan(canvas.values, 1, grid.spacing_mm, scanner, None, np.random.default_rng(0))
    for volume in (image, canvas.labels):
        for axis in range(3):
            assert np.array_equal(volume, np.flip(volume, axis))


def test_a_coarse_field_comes_back_without_a_shift() -> None:
    fine = Grid.around(np.array([5.0, 2.0, 1.0]), (22, 17, 30), (1.0, 1.5, 0.8), np.eye(3))
    steps = (4, 3, 5)
    window = (slice(2, 20), slice(0, 17), slice(7, 30))
    for axis in range(3):
        coarse = fine.every(steps)
        linear = coarse.coordinates(tuple(slice(0, size) for size in coarse.shape))[axis]
        assert np.allclose(enlarged(linear, steps, window), fine.coordinates(window)[axis], atol=1e-4)


def test_the_same_seed_gives_the_same_case_and_another_seed_another() -> None:
    options = CtOptions((40, 36, 32), (4.0, 4.0, 5.0))
    first, again, other = make_case(8, options), make_case(8, options), make_case(9, options)
    assert first.truth == again.truth and np.array_equal(first.affine, again.affine)
    for name in ("voxels", "labels", "parts", "fractured"):
        digests = [hashlib.sha256(getattr(case, name).tobytes()).hexdigest() for case in (first, again)]
        assert digests[0] == digests[1]
    assert not np.array_equal(first.voxels, other.voxels)


def test_the_tissues_measure_what_they_should(lumbar: SyntheticCT) -> None:
    voxels = lumbar.voxels.astype(float)
    middle = to_indices(lumbar, entry(lumbar, "L2")["center_ras_mm"])
    i, j, k = np.round(middle).astype(int)
    marrow = voxels[i - 3 : i + 4, j - 3 : j + 2, k - 3 : k + 4]
    assert 20 < np.median(marrow) < 320
    disc = voxels[lumbar.labels == BY_NAME["Disc"].code]
    assert 30 < np.median(disc) < 250
    posterior = voxels[(lumbar.parts == POSTERIOR)]
    assert np.percentile(posterior, 90) > np.median(marrow) + 100
    assert voxels.min() >= -1024 and lumbar.voxels.dtype == np.int16
    outside = voxels[(lumbar.labels == 0) & (voxels > -200) & (voxels < 150)]
    assert ((outside < -60).mean() > 0.05) and ((outside > 20).mean() > 0.2), "fat and muscle"


def test_levels_stand_above_each_other_in_order(lumbar: SyntheticCT) -> None:
    heights = [each["center_ras_mm"][2] for each in lumbar.truth["vertebrae"]]
    assert (np.diff(heights) < -15).all()
    assert set(np.unique(lumbar.labels)) - {0} == {int(code) for code in lumbar.truth["labels"]}
    assert ((lumbar.parts > 0) == np.isin(lumbar.labels, [each["label"] for each in lumbar.truth["vertebrae"]])).all()


@pytest.mark.parametrize("tilt_deg", [0.0, 30.0])
def test_landmarks_lie_in_the_middle_of_the_bodies(tilt_deg: float) -> None:
    case = make_case(5, CtOptions((60, 60, 60), (1.6, 1.6, 2.4), tilt_deg, "L2", "usual", "none", **QUIET))
    whole = [each for each in case.truth["vertebrae"] if is_whole(body(case, each["level"]))]
    assert len(whole) >= 2
    for each in whole:
        up = np.array(each["up_ras"])
        center = to_ras(case, np.argwhere(body(case, each["level"]))).mean(axis=0)
        off = center - np.array(each["center_ras_mm"])
        assert np.linalg.norm(off) < 1.6 and abs(off @ up) < 0.8


def test_partial_fields_hold_parts_and_say_so(lumbar: SyntheticCT) -> None:
    cut = make_case(5, CtOptions((20, 24, 30), (2.0, 2.0, 2.0), 0.0, "L2", "usual", "none", **QUIET))
    assert cut.voxels.shape == cut.labels.shape == (20, 24, 30)
    assert not any(each["complete"] for each in cut.truth["vertebrae"])
    assert all(each["voxels"] == (cut.labels == each["label"]).sum() > 0 for each in cut.truth["vertebrae"])
    assert entry(lumbar, "L2")["complete"]
    assert entry(cut, "L2")["center_ras_mm"] == entry(lumbar, "L2")["center_ras_mm"]


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_every_variant_has_its_vertebrae(variant: str) -> None:
    options = CtOptions((40, 60, 130), (5.0, 5.0, 5.0), 0.0, "T8", variant, "none", **QUIET)
    shown = {each["level"] for each in make_case(3, options).truth["vertebrae"]}
    lumbar = {"usual": 5, "L6": 6, "four lumbar": 4, "T13": 5}[variant]
    assert sum(level[0] == "L" for level in shown) == lumbar
    assert sum(level[0] == "T" for level in shown) == (13 if variant == "T13" else 12)
    assert sum(level[0] == "C" for level in shown) == 7


@pytest.mark.parametrize(("loss", "grade"), [(0.0, 0), (0.19, 0), (0.2, 1), (0.26, 2), (0.39, 2), (0.41, 3)])
def test_grades_follow_from_the_loss(loss: float, grade: int) -> None:
    assert genant_grade(loss) == grade


@pytest.mark.parametrize("kind", ["wedge", "biconcave", "crush", "burst"])
def test_a_collapse_shows_in_the_mask_as_the_truth_has_it(kind: str) -> None:
    case = make_case(21, CtOptions((52, 52, 44), (1.5, 1.5, 1.0), 0.0, "L1", "usual", kind, **QUIET))
    found = entry(case, "L1")
    heights, expected, loss = found["heights_mm"], found["expected_heights_mm"], found["height_loss"]
    assert found["fracture"] == kind and is_whole(body(case, "L1"))
    for name in heights:
        assert loss[name] == pytest.approx(1 - heights[name] / expected[name], abs=2e-3)
    assert found["genant_grade"] == genant_grade(max(loss.values())) >= 1
    worst = {"wedge": "anterior", "biconcave": "middle", "burst": "anterior", "crush": "middle"}[kind]
    assert loss[worst] > 0.19
    for name in heights:
        assert measured_height(case, "L1", name) == pytest.approx(heights[name], abs=1.3)
    np.testing.assert_array_equal(case.fractured > 0, body(case, "L1"))


def measured_height(case: SyntheticCT, level: str, where: str) -> float:
    """Length within the labeled body of the line on which the truth has a height, drawn out at both ends."""
    ends = entry(case, level)["endplates_ras_mm"][where]
    lower, upper = np.array(ends["lower"]), np.array(ends["upper"])
    steps = np.arange(-8, np.linalg.norm(upper - lower) + 8, 0.05)
    line = lower + steps[:, None] * (upper - lower) / np.linalg.norm(upper - lower)
    indices = np.round((line - case.affine[:3, 3]) @ np.linalg.inv(case.affine[:3, :3]).T).astype(int)
    return 0.05 * float(body(case, level)[tuple(indices.T)].sum())


def straight_poses() -> list:
    options = CurveOptions(0.0, "straight", 36.0, 44.0, 1.0, 0.0)
    return build_poses(options, np.random.default_rng(2), VARIANTS["usual"])


def test_the_spine_above_a_wedge_leans_forward_and_sinks() -> None:
    poses = straight_poses()
    broken = next(pose for pose in poses if pose.level == "L1")
    fracture = sample_fracture(broken, "wedge", np.random.default_rng(4))
    settled = settle(poses, {"L1": fracture.shape})
    below, above = poses.index(broken), [pose.level for pose in poses].index("T5")
    for index in range(below + 1):
        assert np.array_equal(settled[index].center, poses[index].center)
    assert settled[above].center[1] < poses[above].center[1] - 3, "forward is toward smaller y"
    assert settled[above].center[2] < poses[above].center[2] - 1
    gaps = [np.linalg.norm(b.center - a.center) for a, b in pairwise(settled[below + 1 :])]
    assert gaps == pytest.approx([np.linalg.norm(b.center - a.center) for a, b in pairwise(poses[below + 1 :])])


def test_a_burst_stands_in_the_canal() -> None:
    pose = next(pose for pose in straight_poses() if pose.level == "L1")
    fracture = sample_fracture(pose, "burst", np.random.default_rng(1))
    vertebra = make_vertebra(pose, fracture)
    y = np.arange(0, 40, 0.1, dtype=np.float32)

    def rear_mm(deformed: bool) -> float:
        reach = []
        for height in np.linspace(-0.2, 0.3, 11) * pose.size.height:
            line = np.zeros_like(y), y, np.full_like(y, height)
            reach.append(y[vertebra.body.distances(*(vertebra.healthy(*line) if deformed else line))[0] <= 0].max())
        return float(max(reach))

    pushed = rear_mm(True) - rear_mm(False)
    assert fracture.shape.retropulsion_mm * 0.5 < pushed <= fracture.shape.retropulsion_mm + 0.3


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "process" in kind])
def test_a_broken_process_is_marked_in_the_posterior_elements(kind: str) -> None:
    case = make_case(4, CtOptions((80, 96, 60), (1.5, 1.5, 1.5), 0.0, "L3", "usual", kind, **QUIET))
    mask = case.fractured > 0
    whole = case.labels == BY_NAME["L3"].code
    assert 8 < mask.sum() < 0.4 * whole.sum() and (case.parts[mask] == POSTERIOR).all() and (mask <= whole).all()
    axis = 1 if "spinous" in kind else 0
    reach, marked = np.argwhere(whole)[:, axis], np.argwhere(mask)[:, axis]
    assert marked.max() == reach.max() or (axis == 0 and marked.min() == reach.min()), "the end is marked, too"
    assert (entry(case, "L3")["fracture"], entry(case, "L3")["genant_grade"]) == (kind, 0)


def test_a_split_is_dark_within_its_body() -> None:
    case = make_case(4, CtOptions((60, 52, 40), (1.2, 1.2, 1.2), 0.0, "L3", "usual", "split", **QUIET))
    mask, whole = case.fractured > 0, body(case, "L3")
    assert mask.any() and (mask <= whole).all() and mask.sum() < 0.4 * whole.sum()
    assert np.percentile(case.voxels[mask], 10) < np.percentile(case.voxels[whole & ~mask], 10)


def test_look_alikes_are_never_graded() -> None:
    kinds = set()
    pose = next(pose for pose in straight_poses() if pose.level == "L2")
    for seed in range(30):
        look = sample_look_alike(pose.size, np.random.default_rng(seed))
        kinds.add(look.kind)
        assert genant_grade(max(height_loss(make_vertebra(pose, None, look)))) == 0
    assert kinds == {"Schmorl node", "hemangioma", "degenerative wedge"}


def test_healthy_heights_are_those_of_the_tables() -> None:
    for pose in straight_poses():
        heights = heights_mm(make_vertebra(pose))
        if pose.level == "C1":
            assert heights is None
        else:
            assert heights[0] == pytest.approx(pose.size.height, abs=2.0)
            assert heights[1] == pytest.approx(pose.size.height * (1 - 2 * DIP), abs=0.2), "both endplates are hollow"


def test_metal_and_cement_are_dense_and_metal_sends_streaks() -> None:
    plain, metal = (
        make_case(5, CtOptions((64, 64, 48), (2.0, 2.0, 2.5), 0.0, "L2", "usual", "none", implants, False, 0.0))
        for implants in (False, True)
    )
    assert metal.truth["implants"] and not plain.truth["implants"]
    assert (metal.voxels > 2500).sum() > 100 > (plain.voxels > 2500).sum()
    soft = metal.labels == 0
    assert metal.voxels[soft].std() > 1.05 * plain.voxels[soft].std()
    cement = make_case(5, CtOptions((40, 40, 30), (2.0, 2.0, 2.0), 0.0, "L2", "usual", "crush", True, False, 0.0))
    assert entry(cement, "L2")["cement"]
    assert np.percentile(cement.voxels[body(cement, "L2")], 90) > 1000


def test_random_intensities_leave_the_answer_as_it_is() -> None:
    shape = (40, 40, 40)
    plain, random = (
        make_case(6, CtOptions(shape, (2.5, 2.5, 2.5), 10.0, "T8", "usual", "none", False, randomized))
        for randomized in (False, True)
    )
    assert np.array_equal(plain.labels, random.labels) and random.truth["randomized"]
    assert np.corrcoef(plain.voxels.ravel(), random.voxels.ravel())[0, 1] < 0.99


def test_thick_slices_are_averages() -> None:
    options = dict(tilt_deg=0.0, level="L2", variant="usual", fracture="none", **QUIET)
    thick = make_case(5, CtOptions((48, 48, 20), (2.0, 2.0, 5.0), **options))
    assert thick.voxels.shape == (48, 48, 20) and thick.affine[2, 2] == pytest.approx(5.0)
    thin = make_case(5, CtOptions((48, 48, 100), (2.0, 2.0, 1.0), **options))
    assert thick.affine[2, 3] == pytest.approx(thin.affine[2, 3] + 2.0)
    bodies, centers = thick.parts == BODY, thin.parts[:, :, 2::5] == BODY
    assert bodies.sum() > 500 and (bodies != centers).sum() < 0.01 * bodies.sum()
    averages, single = thin.voxels.reshape(48, 48, 20, 5).mean(axis=-1), thin.voxels[:, :, 2::5]
    # The grain of tissues follows the voxels, so that even the averages differ a little.
    off_average, off_single = np.std(thick.voxels - averages), np.std(thick.voxels - single.astype(float))
    assert off_average < 0.9 * off_single


@pytest.mark.parametrize(
    "options",
    [
        CtOptions(shape=(4, 40, 40)),
        CtOptions(shape=(2000, 2000, 2000)),
        CtOptions(spacing_mm=(0.0, 1.0, 1.0)),
        CtOptions(tilt_deg=90.0),
        CtOptions(level="L9"),
        CtOptions(variant="tail"),
        CtOptions(fracture="scratch"),
        CtOptions(size=3.0),
        CtOptions(noise_hu=-1.0),
    ],
)
def test_impossible_cases_are_refused(options: CtOptions) -> None:
    with pytest.raises(InputError):
        make_case(0, options)


def test_written_cases_are_read_again_and_do_not_depend_on_the_workers(tmp_path: Path) -> None:
    options = CtOptions((24, 24, 20), (4.0, 4.0, 4.0), 15.0, "L1")
    one, two = tmp_path / "one", tmp_path / "two"
    paths = write_cases(2, 3, one, options=options)
    assert [path.name for path in write_cases(2, 3, two, options=options, workers=2)] == [path.name for path in paths]
    names = sorted(path.name for path in one.iterdir())
    assert len(names) == 10 and names == sorted(path.name for path in two.iterdir())
    for name in names:
        if name.endswith(".json"):
            assert (one / name).read_text() == (two / name).read_text()
        else:
            arrays = [sitk.GetArrayFromImage(sitk.ReadImage(str(folder / name))) for folder in (one, two)]
            assert np.array_equal(*arrays)
    truth = json.loads((one / "ct_0001.json").read_text(encoding="utf-8"))
    case = make_case(truth["seed"], options)
    volume, labels = read(paths[0]), read(one / "ct_0001_labels.nii.gz")
    assert volume.modality == "ct" and np.array_equal(volume.voxels, case.voxels)
    assert np.allclose(volume.affine, case.affine, atol=1e-3)
    assert np.array_equal(labels.voxels, case.labels) and np.allclose(labels.affine, volume.affine, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["-n", "0"], "0 CTs"),
        (["--workers", "0"], "0 workers"),
        (["--seed", "-3"], "negative"),
        (["--spacing", "0", "1", "1"], "0.0"),
        (["--level", "Q7"], "Q7"),
        (["--fracture", "scratch"], "scratch"),
    ],
)
def test_wrong_orders_end_in_one_sentence(
    arguments: list[str], word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["synth", "ct", *arguments, "-o", str(tmp_path / "out")]) == 2
    told = capsys.readouterr()
    assert told.out == "" and len(told.err.splitlines()) == 1 and word in told.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_and_one_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    order = ("synth", "ct", "--shape", "16", "16", "16", "-o")
    assert_one_clear_line(spine(*order, tmp_path / "out"), 2, "not a folder")
    assert_one_clear_line(spine(*order, tmp_path / "out" / "deeper"), 4, "cannot be written")
    assert (tmp_path / "out").read_text() == "mine"


def test_the_command_writes_cases(tmp_path: Path) -> None:
    sizes = ["--shape", "20", "20", "20", "--spacing", "4", "4", "4"]
    made = spine("synth", "ct", "-n", "1", "--seed", "3", "--level", "L3", *sizes, "-o", tmp_path / "out")
    assert (made.returncode, made.stderr) == (0, "")
    assert Path(made.stdout.strip()) == tmp_path / "out" / "ct_0001.nii.gz"
    assert read(tmp_path / "out" / "ct_0001.nii.gz").voxels.shape == (20, 20, 20)
