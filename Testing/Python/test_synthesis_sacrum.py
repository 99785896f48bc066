# SPDX-License-Identifier: Apache-2.0
"""Real sacra in synthetic CT: meshes find their endplate, lie under the lowest vertebra and leave the rest alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from SpineLib.core.anatomy import BY_NAME, SACRUM
from SpineLib.synthesis.ct.case import SyntheticCT, make_case
from SpineLib.synthesis.ct.options import CtOptions
from SpineLib.synthesis.shapes.pelvic import make_hips, make_sacrum
from SpineLib.synthesis.shapes.prepare import make_shapes
from SpineLib.synthesis.shapes.reading import level_of
from SpineLib.synthesis.shapes.sacral import Endplate
from SpineLib.synthesis.shapes.store import HIPS, Shape, save_shapes
from SpineLib.synthesis.shapes.upright import UnclearShapeError

BODIES = (((0.0, 0.0, -18.0), (50.0, 32.0, 36.0)), ((0.0, 8.0, -58.0), (30.0, 16.0, 50.0)))
WINGS = tuple(((side * 38.0, 16.0, -32.0), (30.0, 48.0, 44.0)) for side in (-1, 1))
REAR = ((0.0, 36.0, -44.0), (60.0, 8.0, 64.0))
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
