# SPDX-License-Identifier: Apache-2.0
"""How films are prepared for a network and brought back."""

import numpy as np
import pytest
import torch

from SpineLib.inference.film_input import FilmInput, content_box, normalize, prepare


def film_with_column(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    pixels = np.random.default_rng(0).integers(0, 900, (rows, columns)).astype(np.uint16)
    inside = np.zeros((rows, columns), dtype=bool)
    inside[rows // 8 : -rows // 8, columns // 3 : columns // 2] = True
    pixels[inside] += 2500
    return pixels, inside


@pytest.mark.parametrize("shape", [(1536, 563), (501, 997), (64, 3000), (6000, 2400)])
def test_a_map_comes_back_where_it_was(shape):
    pixels, inside = film_with_column(*shape)
    tensor, placement = prepare(pixels, FilmInput())
    assert max(tensor.shape) == 512
    back = placement.restore(tensor[0, 0]) > 0.6
    assert back.shape == shape
    overlap = (back & inside).sum() / (back | inside).sum()
    assert overlap > 0.9


def test_a_window_of_the_film_comes_back_into_its_place():
    pixels, inside = film_with_column(900, 600)
    box = (100, 150, 850, 400)
    tensor, placement = prepare(pixels, FilmInput(), box)
    back = placement.restore(tensor[0, 0])
    assert not back[:100].any() and not back[:, :150].any() and not back[850:].any() and not back[:, 400:].any()
    window = (slice(100, 850), slice(150, 400))
    assert ((back[window] > 0.6) == inside[window]).mean() > 0.97


def test_stretching_ignores_the_films_shape():
    tensor, _ = prepare(
        np.arange(300 * 70, dtype=np.uint16).reshape(300, 70), FilmInput(fit="stretch", size=(256, 128))
    )
    assert tensor.shape == (1, 1, 256, 128)


def test_gray_values_do_not_depend_on_bit_depth():
    pixels, _ = film_with_column(400, 200)
    twelve, _ = prepare(pixels, FilmInput())
    scaled, _ = prepare((pixels * 16.0 + 1000), FilmInput())
    assert torch.allclose(twelve, scaled, atol=1e-3)
    assert twelve.min() == 0 and twelve.max() == 1


def test_a_constant_picture_stays_finite():
    assert torch.isfinite(normalize(torch.full((8, 8), 7.0))).all()


@pytest.mark.parametrize("shade", [0, 4095])
def test_blank_borders_are_trimmed(shade):
    pixels, _ = film_with_column(600, 300)
    framed = np.pad(pixels, ((90, 60), (200, 30)), constant_values=shade)
    top, left, bottom, right = content_box(framed)
    assert (top, left, bottom, right) == pytest.approx((90, 200, 690, 500), abs=3)


def test_a_blank_picture_keeps_its_whole_area():
    assert content_box(np.zeros((50, 40))) == (0, 0, 50, 40)
