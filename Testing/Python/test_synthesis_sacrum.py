# SPDX-License-Identifier: Apache-2.0
"""Sacra in synthetic CT: real ones lie level under the lowest vertebra, others are one bone, too."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from SpineLib.core.anatomy import BY_NAME, SACRUM
from SpineLib.synthesis.ct.bones import paint_solids
from SpineLib.synthesis.ct.case import SyntheticCT, make_case
from SpineLib.synthesis.ct.grid import Canvas, Grain, Grid
from SpineLib.synthesis.ct.options import CtOptions
from SpineLib.synthesis.ct.sacrum import openings_between, sacral_marrow, whole_sacrum
from SpineLib.synthesis.pelvis import sacrum
from SpineLib.synthesis.shapes.pelvic import make_hips, make_sacrum
from SpineLib.synthesis.shapes.prepare import make_shapes
from SpineLib.synthesis.shapes.reading import level_of
from SpineLib.synthesis.shapes.sacral import Endplate
from SpineLib.synthesis.shapes.store import HIPS, Shape, save_shapes
from SpineLib.synthesis.shapes.upright import UnclearShapeError

BODIES = (((0.0, 0.0, -18.0), (50.0, 32.0, 36.0)), ((0.0, 8.0, -58.0), (30.0, 16.0, 50.0)))
WINGS = tuple(((side * 38.0, 16.0, -32.0), (30.0, 48.0, 44.0)) for side in (-1, 1))
REAR = ((0.0, 36.0, -44.0), (60.0, 8.0, 64.0))
SLOPE = 40.0
BOXES = (*BODIES, *WINGS, REAR)
"""Middles and sizes (mm) of the boxes a made-up sacrum is made of, the middle of its endplate at the origin."""
HIP = ((72.0, 10.0, -50.0), (30.0, 90.0, 150.0))
"""The left one; it reaches into the wing."""
SLOPE_DEG = 30.0
OPTIONS = CtOptions((64, 64, 64), (2.5, 2.5, 2.5), 0.0, "L5", "usual", "none", False, False, 0.0)


def surface(boxes: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...], per_mm2: float = 12.0) -> np.ndarray:
    """Points (n, 3) on boxes, the endplate leaning forward, far from the origin."""
    rng, found = np.random.default_rng(0), []
    for center, size in boxes:
        for axis in range(3):
            area = np.prod(size) / size[axis]
            points = rng.uniform(-0.5, 0.5, (int(2 * area * per_mm2), 3))
            points[:, axis] = rng.choice([-0.5, 0.5], len(points))
            found.append(points * size + center)
    turn = Rotation.from_euler("x", SLOPE_DEG, degrees=True).as_matrix()
    return np.concatenate(found) @ turn.T + [7.0, -300.0, 1000.0]


def volume_cm3() -> float:
    """Of the union of the boxes, counted on a grid."""
    grid = np.stack(np.meshgrid(np.arange(-60, 60), np.arange(-20, 50), np.arange(-90, 5), indexing="ij"), -1) + 0.5
    inside = [(np.abs(grid - center) < np.array(size) / 2).all(-1) for center, size in BOXES]
    return float(np.any(inside, axis=0).sum() / 1000)


@pytest.fixture(scope="module")
def made() -> tuple[Shape, Endplate]:
    return make_sacrum(surface(BOXES), "made up")


@pytest.fixture(scope="module")
def shapes_file(made: tuple[Shape, Endplate], tmp_path_factory: pytest.TempPathFactory) -> str:
    (left,) = make_hips(surface((HIP,)), HIPS[:1], made[1], "made up")
    mirrored = (((-HIP[0][0], *HIP[0][1:]), HIP[1]),)
    (right,) = make_hips(surface(mirrored), HIPS[1:], made[1], "made up")
    path = tmp_path_factory.mktemp("shapes") / "shapes.npz"
    save_shapes(path, [made[0], left, right])
    return str(path)


def shaped_case(path: str) -> SyntheticCT:
    cases = (make_case(seed, replace(OPTIONS, shapes=path)) for seed in range(9))
    return next(case for case in cases if "sacrum_shape" in case.truth)


def test_the_endplate_of_a_tilted_sacrum_is_found(made: tuple[Shape, Endplate]) -> None:
    shape, endplate = made
    lean = np.rad2deg(np.arctan2(-endplate.turn[2, 1], endplate.turn[1, 1]))
    assert lean == pytest.approx(SLOPE_DEG, abs=2)
    assert shape.size_mm == pytest.approx([50, 32, 0], abs=3)
    assert shape.volume_cm3 == pytest.approx(volume_cm3(), rel=0.08)

    def at(*place: float) -> float:
        return float(shape.distances[tuple(np.round((np.array(place) - shape.corner_mm) / shape.voxel_mm).astype(int))])

    assert at(0, 0, -6) < -3 and at(0, 0, 4) > 2
    assert at(0, 24, -30) > 3 and at(0, 36, -30) < -2
    assert abs(at(0, 0, 0)) < 1.5


def test_a_canal_is_cut_into_a_sacrum_without_one() -> None:
    block = (*BODIES, *WINGS, REAR, ((0.0, 24.0, -44.0), (46.0, 18.0, 60.0)))
    shape, _ = make_sacrum(surface(block), "made up")
    place = np.round((np.array([0.0, 24.0, -35.0]) - shape.corner_mm) / shape.voxel_mm).astype(int)
    column = shape.distances[place[0], :, place[2]]
    assert (np.diff((column <= 0).astype(int)) == 1).sum() == 2


def test_the_sacrum_lies_under_the_lowest_vertebra_and_beside_the_hips(shapes_file: str) -> None:
    case = shaped_case(shapes_file)
    assert case.truth["sacrum_shape"] == "made up"
    sacrum, disc, lowest = (case.labels == code for code in (SACRUM.code, BY_NAME["Disc"].code, BY_NAME["L5"].code))
    assert sacrum.sum() * 2.5**3 / 1000 == pytest.approx(volume_cm3(), rel=0.35)
    assert lowest.any()
    truth = next(each for each in case.truth["vertebrae"] if each["level"] == "L5")
    up = np.array(truth["up_ras"])
    below = np.array(truth["center_ras_mm"]) - up * truth["expected_heights_mm"]["middle"] / 2
    line = below - up * np.arange(0, 40)[:, None]
    inverse = np.linalg.inv(case.affine)
    indices = np.round(line @ inverse[:3, :3].T + inverse[:3, 3]).astype(int)
    codes = case.labels[tuple(indices.T)]
    first = int(np.argmax(codes == SACRUM.code))
    assert 3 <= first <= 20 and (codes[first : first + 15] == SACRUM.code).all()
    assert disc[tuple(indices.T)][2:first].mean() > 0.6


def test_persons_without_real_shapes_stay_as_they_are(shapes_file: str) -> None:
    taken = set()
    for seed in range(5):
        plain, given = make_case(seed, OPTIONS), make_case(seed, replace(OPTIONS, shapes=shapes_file))
        real = "sacrum_shape" in given.truth
        taken.add(real)
        assert real != np.array_equal(plain.voxels, given.voxels)
        assert real or (np.array_equal(plain.labels, given.labels) and plain.truth == given.truth)
        assert np.array_equal(plain.affine, given.affine)
    assert taken == {True, False}


def test_hips_on_the_wrong_side_and_parts_are_refused(made: tuple[Shape, Endplate]) -> None:
    with pytest.raises(UnclearShapeError, match="other side"):
        make_hips(surface((HIP,)), HIPS[1:], made[1], "made up")
    with pytest.raises(UnclearShapeError):
        make_sacrum(surface(BODIES[1:]), "made up")


def test_names_of_sacra_and_hips() -> None:
    names = {"S.stl": "Sacrum", "S1_whole.obj": "Sacrum", "sacrum.ply": "Sacrum", "left_hip_bone.stl": HIPS[0]}
    names |= {"hip_right.stl": HIPS[1], "Pelvis.obj": "Hips", "scapula.stl": None, "S2.stl": None, "shapes.stl": None}
    assert {name: level_of(Path(name)) for name in names} == names


def test_a_folder_with_a_sacrum_becomes_a_file(tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    parts = [trimesh.creation.box(size, trimesh.transformations.translation_matrix(at)) for at, size in BOXES]
    mesh = trimesh.util.concatenate(parts)
    mesh.apply_transform(trimesh.transformations.rotation_matrix(np.deg2rad(SLOPE_DEG), [1, 0, 0]))
    mesh.export(tmp_path / "S.stl")
    parts[0].export(tmp_path / "left_hip.stl")
    (shape,), warnings = make_shapes([tmp_path], tmp_path / "shapes.npz")
    assert shape.level == "Sacrum" and shape.volume_cm3 == pytest.approx(volume_cm3(), rel=0.08)
    assert len(warnings) == 1 and "left_hip" in warnings[0]


def painted_sacrum(seed: int) -> tuple[Canvas, np.ndarray]:
    """A sacrum without a real shape at 1.5 mm, and how far to the side each voxel lies, mm."""
    grid = Grid.around(np.array([0.0, 28.0, -50.0]), (96, 80, 96), (1.5, 1.5, 1.5), np.eye(3))
    canvas = Canvas(grid, np.zeros(grid.shape, np.float32))
    values, grain = {"cortical": 700.0, "trabecular": 160.0, "fat": -100.0}, Grain(np.random.default_rng(0), 1.0)
    marrow = sacral_marrow(canvas, values, grain, np.random.default_rng(seed))
    paint_solids(canvas, whole_sacrum(SLOPE, 1.0), values, grain, SACRUM.code, marrow)
    x, _, _ = grid.coordinates((slice(0, 96), slice(0, 80), slice(0, 96)))
    return canvas, np.broadcast_to(np.abs(x), grid.shape)


def test_a_sacrum_without_a_real_shape_is_one_bone_with_openings() -> None:
    canvas, _ = painted_sacrum(1)
    bone = canvas.labels == SACRUM.code
    pieces, _ = ndimage.label(bone)
    assert np.bincount(pieces[bone]).max() > 0.97 * bone.sum(), "all but the last body is joined"
    to_bone_mm = ndimage.distance_transform_edt(~bone, 1.5)
    bodies = sacrum(SLOPE, 1.0)[:5]
    openings = openings_between(bodies, 1.0)
    assert len(openings) == 8
    for opening in openings:
        line = opening.center + np.linspace(-20, 25, 46)[:, None] * opening.rotation[:, 2]
        away = ndimage.map_coordinates(to_bone_mm, canvas.grid.indices(line).T, order=1)
        assert away.min() > 2.0, "free from the front to the back"
        assert (away < 6.0).sum() > 10, "bone around it"


def test_the_wings_of_a_sacrum_may_be_fatty() -> None:
    middles, wings = [], []
    for seed in range(6):
        canvas, aside = painted_sacrum(seed)
        core = ndimage.binary_erosion(canvas.labels == SACRUM.code, iterations=3)
        middles.append(float(np.median(canvas.values[core & (aside < 10)])))
        wings.append(float(np.median(canvas.values[core & (aside > 32)])))
    assert all(90 < middle < 150 for middle in middles)
    assert min(wings) < 20 and max(wings) > 60, "by person"
