# SPDX-License-Identifier: Apache-2.0
"""Synthetic films: geometry that can be checked by hand, answers that fit the picture, files that can be read."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from SpineLib.core.errors import InputError
from SpineLib.core.film import film_of
from SpineLib.datasets import film_folder
from SpineLib.io import read
from SpineLib.synthesis.curve import CurveOptions, build_poses
from SpineLib.synthesis.film import SyntheticFilm, ViewOptions, make_film
from SpineLib.synthesis.morphometry import LABELED
from SpineLib.synthesis.projection import Camera, Placed, add_points, add_solid, enlarge
from SpineLib.synthesis.run import write_films
from SpineLib.synthesis.solids import Shell
from SpineLib.synthesis.training_films import phantom_cases

SMALL = ViewOptions(rows=384, collimated=False, implants=False)
CAMERA = Camera((101, 81), 1.0, (0.0, 0.0), -1000.0, 100.0)


@pytest.fixture(scope="module")
def film() -> SyntheticFilm:
    return make_film(3, SMALL)


def test_a_ball_casts_a_round_and_magnified_shadow_of_the_right_depth() -> None:
    image = np.zeros(CAMERA.shape, np.float32)
    add_solid(image, CAMERA, Placed(Shell((20.0, 20.0, 20.0), 0.0, core=0.01), np.eye(3), np.zeros(3)))
    assert image[50, 40] == pytest.approx(0.4, rel=0.02)
    assert np.allclose(image, image[::-1], atol=1e-5) and np.allclose(image, image[:, ::-1], atol=1e-5)
    across = (image[50] > 0.02).sum()
    assert across == pytest.approx(2 * 20 * 1100 / 1000, abs=2)


def test_the_patients_left_is_on_the_right_and_the_head_on_top() -> None:
    x, y = CAMERA.project(np.array([[10.0, 0.0, 20.0]]))[0]
    assert x == pytest.approx(40 + 11) and y == pytest.approx(50 - 22)


def test_points_keep_their_mass_on_the_film() -> None:
    image = np.zeros(CAMERA.shape, np.float32)
    points = np.random.default_rng(0).uniform(-10, 10, (500, 3))
    add_points(image, CAMERA, points, np.full(500, 2.0))
    area = (CAMERA.shrink(points[:, 1]) * CAMERA.spacing_mm) ** 2
    assert image.sum() == pytest.approx((2.0 / area).sum(), rel=1e-4)


def test_a_coarser_view_brought_back_does_not_shift() -> None:
    coarse = CAMERA.coarser(3.0)
    image = np.zeros(coarse.shape, np.float32)
    add_solid(image, coarse, Placed(Shell((20.0, 20.0, 20.0), 0.0, core=0.01), np.eye(3), np.array([6.0, 0.0, 9.0])))
    back = enlarge(image, CAMERA.shape, 3.0)
    rows, columns = np.indices(back.shape)
    middle = np.array([(columns * back).sum(), (rows * back).sum()]) / back.sum()
    assert middle == pytest.approx(CAMERA.project(np.array([[6.0, 0.0, 9.0]]))[0], abs=0.2)


@pytest.mark.parametrize("pattern", ["straight", "thoracic", "double", "thoracolumbar"])
def test_the_spine_has_the_curve_that_was_asked_for(pattern: str) -> None:
    options = CurveOptions(-50.0, pattern, 35.0, 48.0, 1.0, 5.0)
    poses = build_poses(options, np.random.default_rng(1))
    tilts = np.array([np.rad2deg(np.arctan2(*pose.rotation[[0, 2], 2])) for pose in poses[:17]])
    assert abs(np.ptp(tilts) - 50) < 12
    steps = np.linalg.norm(np.diff([pose.center for pose in poses], axis=0), axis=1)
    heights = [(a.size.height + b.size.height) / 2 for a, b in pairwise(poses)]
    assert (steps > np.array(heights)).all()
    assert abs(next(pose for pose in poses if pose.level == "T1").center[0] - 5.0) < 8


def test_the_same_seed_gives_the_same_film_and_another_seed_another(film: SyntheticFilm) -> None:
    again = make_film(3, SMALL)
    assert np.array_equal(film.pixels, again.pixels) and np.array_equal(film.mask, again.mask)
    other = make_film(4, SMALL)
    assert other.pixels.shape != film.pixels.shape or not np.array_equal(other.pixels, film.pixels)


def test_corners_are_in_order_and_within_the_mask(film: SyntheticFilm) -> None:
    assert set(film.corners) == set(LABELED)
    for corners in film.corners.values():
        top_left, top_right, bottom_left, bottom_right = corners
        assert top_left[0] < top_right[0] and bottom_left[0] < bottom_right[0]
        assert top_left[1] < bottom_left[1] and top_right[1] < bottom_right[1]
        x, y = np.round(corners.mean(axis=0)).astype(int)
        assert film.mask[y, x]
    heights = [film.corners[level].mean(axis=0)[1] for level in LABELED]
    assert (np.diff(heights) > 0).all()


def test_disc_spaces_belong_to_the_mask(film: SyntheticFilm) -> None:
    for upper, lower in pairwise(LABELED):
        between = (film.corners[upper][2:].mean(axis=0) + film.corners[lower][:2].mean(axis=0)) / 2
        x, y = np.round(between).astype(int)
        assert film.mask[y, x]


def test_bone_is_brighter_than_the_lungs_beside_it(film: SyntheticFilm) -> None:
    contrast = []
    for level in ("T6", "T7", "T8", "T9"):
        left, right = film.corners[level][[0, 2]].mean(axis=0), film.corners[level][[1, 3]].mean(axis=0)
        row, width = int((left + right)[1] / 2), right[0] - left[0]
        inside = film.pixels[row, int(left[0]) : int(right[0])].mean()
        beside = film.pixels[row, max(int(left[0] - 1.5 * width), 0) : int(left[0] - 0.5 * width)].mean()
        contrast.append(inside - beside)
    assert np.mean(contrast) > 0.05 * 65535


def test_a_full_length_film_shows_the_spine_small() -> None:
    wide = make_film(5, ViewOptions(rows=384, field="full", collimated=False))
    rows = np.flatnonzero(wide.mask.any(axis=1))
    assert np.ptp(rows) < 0.7 * 384
    assert 0.005 < wide.mask.mean() < 0.09


def test_asked_size_and_shutters_are_there() -> None:
    film = make_film(6, ViewOptions(rows=256, columns=128, collimated=True, implants=True))
    assert film.pixels.shape == film.mask.shape == (256, 128)
    assert film.pixels.dtype == np.uint16


@pytest.mark.parametrize("options", [ViewOptions(rows=3), ViewOptions(columns=10**5), ViewOptions(field="tail")])
def test_impossible_views_are_refused(options: ViewOptions) -> None:
    with pytest.raises(InputError):
        make_film(0, options)


def test_written_films_can_be_trained_on(tmp_path: Path) -> None:
    paths = write_films(2, 11, tmp_path, options=ViewOptions(rows=192))
    assert [path.name for path in paths] == ["film_0001.png", "film_0002.png"]
    cases = film_folder.load(tmp_path)
    assert [case.name for case in cases] == ["film_0001", "film_0002"]
    table = json.loads((tmp_path / "landmarks.json").read_text(encoding="utf-8"))
    assert set(table["films"]["film_0001.png"]["corners"]) == set(LABELED)
    assert cases[0].pixels().shape == cases[0].mask().shape == (192, cases[0].mask().shape[1])


def test_dicom_keeps_the_pixel_spacing(tmp_path: Path) -> None:
    (path,) = write_films(1, 11, tmp_path, "dicom", options=ViewOptions(rows=192))
    volume = read(path)
    spacing = json.loads((tmp_path / "landmarks.json").read_text(encoding="utf-8"))["films"][path.name]["spacing_mm"]
    assert volume.spacing_known and volume.view == "ap"
    assert volume.spacing_mm[0] == pytest.approx(spacing, rel=1e-3)
    assert film_of(volume).pixels.shape[0] == 192


@pytest.mark.parametrize(("count", "format"), [(0, "png"), (1, "bmp")])
def test_impossible_orders_are_refused_before_anything_is_written(tmp_path: Path, count: int, format: str) -> None:
    with pytest.raises(InputError):
        write_films(count, 1, tmp_path / "films", format)
    assert not (tmp_path / "films").exists()


def test_phantoms_for_training_are_labeled_cases() -> None:
    told = []
    cases = phantom_cases(2, 2, lambda fraction, message: told.append(fraction), rows=128)
    assert len({case.patient_group for case in cases}) == 2 and len(told) == 2
    for case in cases:
        assert case.pixels().shape == case.mask().shape and case.mask().any()
