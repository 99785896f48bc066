# SPDX-License-Identifier: Apache-2.0
"""Real shapes and curves in synthetic CT: meshes with holes become solids, fit their sizes, leave the rest alone."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from cli_fixtures import assert_one_clear_line, spine
from scipy.spatial.transform import Rotation

from SpineLib.core.errors import InputError
from SpineLib.synthesis.ct.case import make_case
from SpineLib.synthesis.ct.fractures import sample_fracture
from SpineLib.synthesis.ct.options import CtOptions
from SpineLib.synthesis.ct.real_curves import Tilts, load_curves
from SpineLib.synthesis.ct.shape_draw import draw_looks
from SpineLib.synthesis.ct.shaped import Looks
from SpineLib.synthesis.ct.variants import VARIANTS
from SpineLib.synthesis.ct.vertebra import heights_mm, make_vertebra
from SpineLib.synthesis.curve import CurveOptions, Pose, build_poses
from SpineLib.synthesis.projection import Placed
from SpineLib.synthesis.shapes.prepare import make_shape, make_shapes
from SpineLib.synthesis.shapes.reading import level_of, to_patient
from SpineLib.synthesis.shapes.store import Shape, load_shapes, save_shapes

BODY, ARCH = (40.0, 30.0, 24.0), 8.0
"""Width, depth and height of the made-up body; thickness of the bars of its arch."""
PIECE_MM = 4.0
BOXES = (
    ((0.0, 0.0, 0.0), BODY),
    ((-16.0, 28.0, 0.0), (ARCH, 30.0, 14.0)),
    ((16.0, 28.0, 0.0), (ARCH, 30.0, 14.0)),
    ((0.0, 42.0, 0.0), (40.0, ARCH, 14.0)),
    ((0.0, 56.0, -4.0), (ARCH, 24.0, 10.0)),
)
VOLUME_CM3 = (40 * 30 * 24 + 2 * 8 * 23 * 14 + 40 * 8 * 14 + 8 * 22 * 10) / 1000
STILL = np.array([[0.0, 0.1, 0.0]] * 3)
SMALL = CtOptions((56, 60, 44), (2.5, 2.5, 2.5), 0.0, "L3", "usual", "none", False, False, 0.0)


def quads(with_hole: bool = True) -> np.ndarray:
    """(n, 4, 3), mm: faces of the boxes in small pieces, one of them missing in the body's upper endplate."""
    found = []
    for center, size in BOXES:
        for axis in range(3):
            first, second = (axis + 1) % 3, (axis + 2) % 3
            lines = [np.linspace(-size[each] / 2, size[each] / 2, 11) for each in (first, second)]
            for side in (-1, 1):
                for a0, a1 in zip(lines[0][:-1], lines[0][1:], strict=True):
                    for b0, b1 in zip(lines[1][:-1], lines[1][1:], strict=True):
                        quad = np.zeros((4, 3))
                        quad[:, axis] = side * size[axis] / 2
                        quad[:, first], quad[:, second] = (a0, a1, a1, a0), (b0, b0, b1, b1)
                        found.append(quad + center)
    missing = np.array([4.0, 3.0, 12.0]) / 2 + [0, 0, 6]
    kept = [quad for quad in found if not with_hole or np.linalg.norm(quad.mean(axis=0) - missing) > 1.5]
    assert len(kept) < len(found) or not with_hole
    return np.array(kept)


def surface(turn: np.ndarray) -> np.ndarray:
    """Points on the made-up vertebra's surface, turned."""
    rng = np.random.default_rng(0)
    shares = rng.random((120, 2, 1, 1))
    corners = quads()
    along, across = corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0]
    points = corners[:, 0] + shares[:, 0] * along + shares[:, 1] * across
    return points.reshape(-1, 3) @ turn.T + [7.0, -300.0, 1000.0]


@pytest.fixture(scope="module")
def shape() -> Shape:
    turn = Rotation.from_euler("zx", [4, 17], degrees=True).as_matrix()
    made = make_shape(surface(turn), "L3", "made up")
    return replace(made, distances=made.distances.astype(np.float32))


@pytest.fixture
def shapes_file(shape: Shape, tmp_path: Path) -> str:
    save_shapes(tmp_path / "shapes.npz", [shape])
    return str(tmp_path / "shapes.npz")


def pose_of(level: str, **changes: object) -> Pose:
    options = CurveOptions(0.0, "straight", 36.0, 44.0, 1.0, 0.0)
    poses = build_poses(options, np.random.default_rng(2), VARIANTS["usual"])
    return replace(next(pose for pose in poses if pose.level == level), wedge=0.0, **changes)


def extent(vertebra_body: object, axis: int, place: tuple[float, float, float]) -> float:
    """Length of a body along an axis through a point, mm."""
    line = [np.full(1600, each, np.float32) for each in place]
    line[axis] = np.linspace(-40, 40, 1600, dtype=np.float32)
    return float((vertebra_body.distances(*line)[0] <= 0).sum() * 0.05)


def test_a_tilted_mesh_with_a_hole_becomes_an_upright_solid(shape: Shape) -> None:
    assert shape.volume_cm3 == pytest.approx(VOLUME_CM3, rel=0.07)
    assert shape.size_mm == pytest.approx(BODY, abs=1.2)
    assert shape.split_mm == pytest.approx(BODY[1] / 2, abs=0.8)
    middle = np.round(-shape.corner_mm / shape.voxel_mm).astype(int)
    assert shape.distances[tuple(middle)] < -5
    canal = np.round((np.array([0, 25, 0]) - shape.corner_mm) / shape.voxel_mm).astype(int)
    assert shape.distances[tuple(canal)] > 5


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_shape_is_stretched_to_the_size_of_its_pose(shape: Shape, mirrored: bool) -> None:
    pose = pose_of("L2")
    vertebra = make_vertebra(pose, looks=Looks(shape, mirrored, 1.0, STILL))
    size = pose.size
    assert extent(vertebra.body, 0, (0, 0, 0)) == pytest.approx((size.upper_width + size.lower_width) / 2, abs=1.6)
    assert extent(vertebra.body, 1, (0, 0, 0)) == pytest.approx((size.upper_depth + size.lower_depth) / 2 + 1, abs=1.6)
    assert heights_mm(vertebra) == pytest.approx([size.height] * 3, abs=1.2)
    assert all(half > reach for half, reach in zip(vertebra.body.half, (size.upper_width / 2, 17, 13), strict=True))


def test_body_and_arch_meet_without_a_wall_or_a_gap(shape: Shape) -> None:
    vertebra = make_vertebra(pose_of("L3"), looks=Looks(shape, False, 1.0, STILL))
    scale = vertebra.body.scale
    y = np.linspace(0, 30, 300, dtype=np.float32)
    line = np.full_like(y, 16 * scale[0]), y, np.zeros_like(y)
    rest = vertebra.parts["posterior"]
    behind = rest.solid.distances(*(part - np.float32(move) for part, move in zip(line, rest.center, strict=True)))
    inner = np.minimum(vertebra.body.distances(*line)[1], behind[1])
    assert inner.max() < -0.5


def test_a_wedge_makes_the_left_side_lower(shape: Shape) -> None:
    vertebra = make_vertebra(replace(pose_of("L3"), wedge=0.2), looks=Looks(shape, False, 1.0, STILL))
    left, right = (extent(vertebra.body, 2, (x, 0, 0)) for x in (12, -12))
    assert right - left == pytest.approx(0.2 * 24, abs=0.6)


def test_a_fracture_lowers_a_real_body(shape: Shape) -> None:
    pose, looks = pose_of("L3"), Looks(shape, False, 1.0, STILL)
    wedge = sample_fracture(pose, "wedge", np.random.default_rng(1))
    before, after = (heights_mm(make_vertebra(pose, wedge, looks=looks), deformed) for deformed in (False, True))
    assert 1 - after[0] / before[0] == pytest.approx(wedge.shape.loss[0], abs=0.03)


def test_the_end_of_a_broken_process_stands_off_as_it_was(shape: Shape) -> None:
    pose, looks = pose_of("L3"), Looks(shape, False, 1.0, STILL)
    cause = sample_fracture(pose, "spinous process", np.random.default_rng(1))
    whole, broken = make_vertebra(pose, looks=looks).parts, make_vertebra(pose, cause, looks=looks).parts
    assert set(broken) == {"posterior", "posterior end"}
    ranges = (np.arange(low, high, 0.5, dtype=np.float32) for low, high in ((-15, 15), (20, 95), (-30, 20)))
    place = np.stack(np.meshgrid(*ranges)).reshape(3, -1)

    def inside(part: Placed) -> np.ndarray:
        return part.solid.distances(*(place - part.center[:, None].astype(np.float32)))[0] <= 0

    rest = broken["posterior"]
    away = rest.solid.normals @ (place - rest.center[:, None]) - rest.solid.offsets_mm[:, None]
    assert rest.solid.normals[0] == pytest.approx(cause.process.normal)
    beyond = (away > 0).all(axis=0)
    before, near, far = (inside(part) for part in (whole["posterior"], rest, broken["posterior end"]))
    np.testing.assert_array_equal(near, before & ~beyond)
    assert far.sum() == pytest.approx((before & beyond).sum(), rel=0.1) and far.any()
    moved = place[:, far].mean(axis=1) - place[:, before & beyond].mean(axis=1)
    assert moved == pytest.approx(cause.process.moved_mm, abs=0.5)


def test_missing_levels_are_made_of_the_nearest_and_c1_and_c2_are_not(shape: Shape) -> None:
    poses = build_poses(CurveOptions(0, "straight", 36, 44, 1, 0), np.random.default_rng(2), VARIANTS["usual"])
    shapes = (shape, replace(shape, level="L5"), replace(shape, level="C4"))
    drawn = [draw_looks(shapes, poses, np.random.default_rng(seed)) for seed in range(30)]
    used = [looks for looks in drawn if looks]
    assert 10 <= len(used) < 27
    for looks in used:
        assert looks["L2"].shape.level == "L3" and looks["L5"].shape.level == "L5" and looks["C6"].shape.level == "C4"
        assert not {"C1", "C2", "T8"} & set(looks)
    assert {looks["L1"].mirrored for looks in used} == {True, False}


def test_files_change_those_persons_only_who_take_from_them(shapes_file: str) -> None:
    taken = set()
    for seed in range(5):
        plain, given = make_case(seed, SMALL), make_case(seed, replace(SMALL, shapes=shapes_file))
        real = [each for each in given.truth["vertebrae"] if "shape" in each]
        taken.add(bool(real))
        assert bool(real) != np.array_equal(plain.labels, given.labels)
        assert real or (np.array_equal(plain.voxels, given.voxels) and plain.truth == given.truth)
        assert np.array_equal(plain.affine, given.affine)
        again = make_case(seed, replace(SMALL, shapes=shapes_file))
        assert np.array_equal(again.voxels, given.voxels) and again.truth == given.truth
    assert taken == {True, False}


def test_a_spine_of_real_shapes_has_bodies_where_the_truth_has_them(shapes_file: str) -> None:
    cases = (make_case(seed, replace(SMALL, shapes=shapes_file)) for seed in range(9))
    case = next(case for case in cases if any("shape" in each for each in case.truth["vertebrae"]))
    assert all(each["shape"] == "made up L3" for each in case.truth["vertebrae"] if each["level"][0] == "L")
    l3 = next(each for each in case.truth["vertebrae"] if each["level"] == "L3")
    is_body = (case.labels == l3["label"]) & (case.parts == 1)
    assert is_body.sum() == is_body[1:-1, 1:-1, 1:-1].sum() > 500
    middle = np.argwhere(is_body).mean(axis=0) @ case.affine[:3, :3].T + case.affine[:3, 3]
    assert middle == pytest.approx(l3["center_ras_mm"], abs=2.5)
    assert ((case.labels == l3["label"]) & (case.parts == 2)).any()


LEVELS = [f"T{number}" for number in range(8, 13)] + [f"L{number}" for number in range(1, 6)]


def spine_points(lean_deg: float, turn_deg: float, pedicles: bool, y_sign: float = 1.0) -> np.ndarray:
    """(1, 10, 3, 3): a spine with hollow loins, leaning to the left, its vertebrae turned."""
    down = np.arange(10) * 32.0
    body = np.stack([-np.tan(np.deg2rad(lean_deg)) * down, 12 * np.cos(down / 60), -down], axis=1)
    turn = np.deg2rad(turn_deg)
    left, back = np.array([np.cos(turn), np.sin(turn), 0]), np.array([-np.sin(turn), np.cos(turn), 0])
    points = np.stack([body, body + 25 * back + 14 * left, body + 25 * back - 14 * left], axis=1)
    points *= [1.0, y_sign, 1.0]
    if not pedicles:
        points[:, 1:] = np.nan
    return points[None]


@pytest.mark.parametrize("y_sign", [1.0, -1.0])
@pytest.mark.parametrize("pedicles", [True, False])
def test_tilts_are_those_of_the_points(pedicles: bool, y_sign: float, tmp_path: Path) -> None:
    points = spine_points(6.0, 5.0, pedicles, y_sign)
    np.savez(tmp_path / "curves.npz", points_mm=np.concatenate([points, points * 3]), levels=LEVELS)
    (tilts,) = load_curves(tmp_path / "curves.npz")
    assert tilts.levels == tuple(reversed(LEVELS))
    assert tilts.degrees[:, 0] == pytest.approx(6.0, abs=0.5)
    upright = tilts.degrees[:, 1]
    assert np.ptp(upright) > 10
    expected = -np.rad2deg(np.arctan(-12 / 60 * np.sin(np.arange(10) * 32 / 60)))[::-1]
    assert upright[1:-1] == pytest.approx(-expected[1:-1], abs=2.5)
    assert np.isnan(tilts.degrees[:, 2]).all() if not pedicles else np.abs(tilts.degrees[:, 2] - 5).max() < 2


def test_known_tilts_take_the_place_of_drawn_ones_and_fade_beyond() -> None:
    known = Tilts(("L4", "L3"), np.array([[10.0, 20.0, np.nan], [10.0, 20.0, np.nan]]))
    levels, drawn = ["L5", "L4", "L3", "L2", "L1", "T12", "T11", "T10", "T9"], np.full(9, 2.0)
    blended = known.blend(levels, 0, drawn)
    assert blended[1:3] == pytest.approx(10.0) and (np.diff(blended[2:]) < 0).all() and blended[-1] < 3.5
    assert np.array_equal(known.blend(levels, 2, drawn), drawn)
    poses, plain = (
        build_poses(CurveOptions(0, "straight", 36, 44, 1, 0), np.random.default_rng(2), known=each)
        for each in (known, None)
    )
    assert [pose.size for pose in poses] == [pose.size for pose in plain]
    assert not np.allclose(poses[2].rotation, plain[2].rotation)
    gaps = [np.linalg.norm(b.center - a.center) - (a.size.height + b.size.height) / 2 for a, b in pairwise(poses)]
    assert min(gaps) > 3


@pytest.mark.parametrize("option", ["shapes", "curves"])
@pytest.mark.parametrize("content", [None, b"nothing of the kind"])
def test_missing_and_wrong_files_end_in_one_sentence(option: str, content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "file.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"file\.npz"):
        make_case(1, CtOptions(**{option: str(path)}))
    order = ("synth", "ct", "--shape", "16", "16", "16", f"--{option}", path, "-o", tmp_path / "out")
    assert_one_clear_line(spine(*order), 2, f"file of {option}")


def test_names_and_axes() -> None:
    names = {"L3.stl": "L3", "t12_whole.obj": "T12", "L12_lat.obj": None, "T1.ply": "T1", "disc_L3.stl": None}
    assert {name: level_of(Path(name)) for name in names} == names
    assert np.array_equal(to_patient("RAS"), np.diag([-1.0, -1.0, 1.0]))
    assert to_patient("ALS") @ [1, 0, 0] == pytest.approx([0, -1, 0])
    for wrong in ("LLS", "RPS", "XYZ", "L"):
        with pytest.raises(InputError, match=wrong):
            to_patient(wrong)


def write_stl(path: Path, unit: float) -> None:
    corners = quads() * unit
    triangles = np.concatenate([corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]])
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("extra", "<u2")])
    data = np.zeros(len(triangles), record)
    data["corners"] = triangles
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"\0" * 80 + np.uint32(len(data)).tobytes() + data.tobytes())


def test_folders_of_meshes_become_a_file(tmp_path: Path) -> None:
    pytest.importorskip("trimesh")
    write_stl(tmp_path / "meters" / "L3.stl", 0.001)
    write_stl(tmp_path / "tiny" / "L4.stl", 0.4)
    made, warnings = make_shapes([tmp_path / "meters", tmp_path / "tiny"], tmp_path / "shapes.npz")
    assert [(each.source, each.level) for each in made] == [("meters", "L3")]
    assert len(warnings) == 1 and "L4.stl" in warnings[0] and "volume" in warnings[0]
    (loaded,) = load_shapes(tmp_path / "shapes.npz")
    assert loaded.volume_cm3 == pytest.approx(VOLUME_CM3, rel=0.07) and loaded.size_mm == pytest.approx(BODY, abs=1.2)
    assert_one_clear_line(spine("synth", "shapes", tmp_path / "none", "-o", tmp_path / "x.npz"), 2, "no folder")
