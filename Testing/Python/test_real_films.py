# SPDX-License-Identifier: Apache-2.0
"""The shipped model on real films of patients it was not trained on, and on pictures without a spine."""

from pathlib import Path

import numpy as np
import pytest

from SpineLib import tasks
from SpineLib.core.film import film_of
from SpineLib.core.volume import Volume
from SpineLib.datasets import ap_radiographs
from SpineLib.datasets.film_case import FilmCase
from SpineLib.evaluation.film_study import FLAT_AFFINE
from SpineLib.evaluation.film_views import VIEWS
from SpineLib.evaluation.overlap import dice
from SpineLib.models import catalogue
from SpineLib.synthesis.film import ViewOptions, make_film
from SpineLib.training.config import read_config
from SpineLib.training.splits import split_by_patient

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ap_radiographs"
CONFIG = Path(ap_radiographs.__file__).parents[1] / "training" / "configs" / "ap_spine.json"
FILMS = 4
needs_films = pytest.mark.skipif(not DATA.is_dir(), reason="the real films are not at hand")


def unseen_films() -> list[FilmCase]:
    config = read_config(CONFIG)
    validation = split_by_patient(ap_radiographs.load(DATA), config.validation_share, config.seed)[1]
    trusted = [case for case in validation if not case.suspect]
    return trusted[:: len(trusted) // FILMS][:FILMS]


def spine_on(pixels: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Mask `(rows, columns)` and warnings that the product gives for a film."""
    result = tasks.run("ap", Volume(pixels.T[:, :, None], FLAT_AFFINE, view="ap", spacing_known=False))
    return film_of(Volume(result.structures[0].mask.to_array(), FLAT_AFFINE)).pixels, result.warnings


def test_a_model_for_frontal_films_is_shipped():
    assert [entry.id for entry in catalogue.entries("ap")] == ["ap_spine"]


@needs_films
@pytest.mark.parametrize("view", VIEWS)
def test_the_mask_holds_under_every_view(view):
    scores = []
    for case in unseen_films():
        pixels, truth = VIEWS[view](case.pixels(), case.mask())
        found, _ = spine_on(pixels)
        assert found.shape == truth.shape
        scores.append(dice(found, truth))
    assert np.mean(scores) > 0.80, scores
    assert min(scores) > 0.60, scores


@pytest.mark.parametrize("field", ["trunk", "full"])
def test_the_phantoms_spine_is_found(field):
    film = make_film(11, ViewOptions(rows=900, field=field, implants=False))
    found, _ = spine_on(film.pixels)
    assert dice(found, film.mask) > 0.75


def gray_hand() -> np.ndarray:
    """A palm and five fingers: bones, but no column."""
    down, right = np.mgrid[:700, :520]
    picture = np.full((700, 520), 30.0)
    for x, y, wide, tall in ((260, 520, 130, 150), (110, 300, 26, 130), (190, 200, 27, 170), (270, 180, 28, 180),
                             (350, 210, 26, 170), (440, 400, 26, 110)):  # fmt: skip
        picture += 90 * (((right - x) / wide) ** 2 + ((down - y) / tall) ** 2 < 1)
    return np.clip(picture + np.random.default_rng(0).normal(0, 6, picture.shape), 0, 255).astype(np.uint8)


SPINELESS = {
    "noise": lambda: np.random.default_rng(1).integers(0, 255, (800, 400)).astype(np.uint8),
    "a ramp": lambda: np.tile(np.arange(600, dtype=np.uint16), (900, 1)),
    "a checkerboard": lambda: (np.indices((640, 480)).sum(axis=0) // 40 % 2 * 200).astype(np.uint8),
    "a disk": lambda: ((np.hypot(*(np.indices((500, 500)) - 250)) < 170) * 180 + 20).astype(np.uint8),
    "a hand": gray_hand,
}


@pytest.mark.parametrize("picture", SPINELESS)
def test_nothing_is_invented_where_no_spine_is(picture):
    found, warnings = spine_on(SPINELESS[picture]())
    assert not found.any()
    assert any("No spine was found" in warning for warning in warnings)
