# SPDX-License-Identifier: Apache-2.0
"""The overlay shows the film in gray, the masks in their colors and the disclaimer."""

import numpy as np
import pytest
from io_fixtures import gray_film
from PIL import Image

from SpineLib.core.anatomy import BY_NAME
from SpineLib.core.errors import InputError
from SpineLib.core.film import film_of
from SpineLib.core.mask import Mask
from SpineLib.core.result import SpineResult, Structure, Vertebra
from SpineLib.core.volume import Volume
from SpineLib.reporting.overlay import to_gray, write_overlay

FLAT = np.diag([-1.0, -1.0, 1.0, 1.0])
FILM = gray_film(240, 160)


def _overlay(folder, result, film=FILM):
    write_overlay(film, result, folder / "film.png")
    return np.asarray(Image.open(folder / "film.png"))


def _result(*named_boxes, affine=FLAT):
    structures, vertebrae = [], []
    for name, (left, top, right, bottom) in named_boxes:
        array = np.zeros((160, 240, 1), dtype=bool)
        array[left:right, top:bottom] = True
        if name == "Spine":
            structures.append(Structure(name, Mask.from_array(array), 1.0))
        else:
            vertebrae.append(Vertebra(name, 1.0, Mask.from_array(array)))
    return SpineResult("ap_radiograph", (160, 240, 1), affine, tuple(structures), tuple(vertebrae))


def test_the_film_stays_gray_where_nothing_was_found(tmp_path):
    picture = _overlay(tmp_path, _result())
    assert picture.shape == (240, 160, 3)
    above_the_text = picture[:200]
    assert np.array_equal(above_the_text[..., 0], above_the_text[..., 2])
    assert np.array_equal(above_the_text[..., 0], to_gray(FILM)[:200])


def test_the_mask_has_a_contour_in_its_color_and_a_translucent_fill(tmp_path):
    picture = _overlay(tmp_path, _result(("Spine", (60, 50, 100, 180))))
    color = np.array(BY_NAME["Spine"].color) * 255
    assert np.allclose(picture[50, 60:100], color, atol=1)
    gray = to_gray(FILM)[60:170, 70:90, None]
    assert np.allclose(picture[60:170, 70:90], 0.7 * gray + 0.3 * color, atol=1.5)
    assert np.array_equal(picture[40, :, 0], picture[40, :, 2])


def test_each_vertebra_has_its_own_color_over_the_column(tmp_path):
    picture = _overlay(
        tmp_path, _result(("Spine", (60, 20, 100, 190)), ("L1", (65, 40, 95, 70)), ("L2", (65, 100, 95, 130)))
    )
    assert np.allclose(picture[40, 80], np.array(BY_NAME["L1"].color) * 255, atol=1)
    assert np.allclose(picture[100, 80], np.array(BY_NAME["L2"].color) * 255, atol=1)


def test_a_mask_at_the_border_of_the_film_is_drawn(tmp_path):
    picture = _overlay(tmp_path, _result(("Spine", (0, 0, 30, 60))))
    assert np.allclose(picture[0, 0], np.array(BY_NAME["Spine"].color) * 255, atol=1)


def test_the_disclaimer_is_in_the_lower_left(tmp_path):
    picture = _overlay(tmp_path, _result(), np.full((240, 160), 7, dtype=np.uint8))
    assert picture[225:].max() > 200
    assert picture[:220].max() == 0


def test_a_film_stored_upside_down_is_drawn_as_it_is_seen(tmp_path):
    upright = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    result = _result(("Spine", (10, 20, 30, 60)), affine=upright)
    film = film_of(Volume(np.ascontiguousarray(FILM.T[:, :, None]), upright)).pixels
    picture = _overlay(tmp_path, result, film)
    color = np.array(BY_NAME["Spine"].color) * 255
    assert np.allclose(picture[240 - 60, 160 - 30], color, atol=1)
    assert np.array_equal(picture[30, 20], [picture[30, 20, 0]] * 3)


def test_a_very_large_film_is_drawn_smaller(tmp_path):
    film = np.zeros((9000, 900), dtype=np.uint16)
    mask = np.zeros((900, 9000, 1), dtype=bool)
    mask[300:600, 3000:6000] = True
    result = SpineResult("ap_radiograph", mask.shape, FLAT, (Structure("Spine", Mask.from_array(mask), 1.0),))
    picture = _overlay(tmp_path, result, film)
    assert picture.shape == (3000, 300, 3)
    assert picture[1500, 150].max() > 0
    assert picture[500, 150].max() == 0


@pytest.mark.parametrize("film", [np.full((30, 20), np.nan), np.full((30, 20), 5), np.full((1, 1), 3), np.eye(30) > 0])
def test_odd_films_are_shown_without_an_error(film):
    assert to_gray(film).shape == film.shape


def test_a_result_of_another_film_is_refused(tmp_path):
    with pytest.raises(InputError, match="240, 160"):
        write_overlay(FILM[:100], _result(("Spine", (60, 50, 100, 180))), tmp_path / "film.png")
    assert list(tmp_path.iterdir()) == []
