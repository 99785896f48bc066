# SPDX-License-Identifier: Apache-2.0
"""The recipe for frontal films, with a real network that has learned to find drawn bands."""

import json
import shutil

import numpy as np
import pytest
from tasks_fixtures import CENTER, COLUMNS, ROWS, band, draw_film, install_tiny_model

from SpineLib import tasks
from SpineLib.core.errors import Cancelled, InputError, ModelError, SpineError
from SpineLib.core.result import SpineResult
from SpineLib.core.volume import Volume
from SpineLib.models.bundle import METADATA
from SpineLib.models.catalogue import bundle_folder
from SpineLib.tasks.options import SegmentOptions

FLAT = np.diag([-1.0, -1.0, 1.0, 1.0])


@pytest.fixture
def tiny_model(user_models_folder) -> str:
    return install_tiny_model(user_models_folder)


def _volume(film: np.ndarray, **facts) -> Volume:
    return Volume(film.T[:, :, None], FLAT, **{"spacing_known": False, **facts})


def _run(volume: Volume, model: str, progress=lambda fraction, message: None, **options) -> SpineResult:
    return tasks.run("ap", volume, SegmentOptions(model=model, device="cpu", precision="fp32", **options), progress)


def _mask(result: SpineResult) -> np.ndarray:
    return result.structures[0].mask.to_array()[:, :, 0].T


def _dice(first: np.ndarray, second: np.ndarray) -> float:
    return 2 * (first & second).sum() / (first.sum() + second.sum())


def _measured(result: SpineResult) -> dict[str, float]:
    return {f"{each.name} {each.unit}": each.value for each in result.measurements}


def test_the_column_is_found_where_it_is(tiny_model):
    result = _run(_volume(draw_film(seed=99)), tiny_model)
    assert [structure.name for structure in result.structures] == ["Spine"]
    assert _dice(_mask(result), band()) > 0.9
    assert result.warnings == ()
    assert 0.7 < result.structures[0].confidence <= 1


def test_the_mask_lies_in_the_volumes_own_index_order(tiny_model):
    film = draw_film(course=lambda row: 70, seed=99)
    affine = np.array([[0.5, 0, 0, 0], [0, 0, 2, 0], [0, -0.5, 0, 0], [0, 0, 0, 1]])
    coronal = Volume(film.T[::-1, :, None], affine)
    result = _run(coronal, tiny_model)
    assert result.shape == coronal.voxels.shape
    assert np.array_equal(result.affine, affine)
    assert _dice(result.structures[0].mask.to_array()[::-1, :, 0].T, band(course=lambda row: 70)) > 0.9


def test_the_image_is_not_changed(tiny_model):
    volume = _volume(draw_film(seed=99))
    before = volume.voxels.copy()
    _run(volume, tiny_model)
    assert np.array_equal(volume.voxels, before)


def test_pixels_are_measured_always_and_millimeters_only_where_the_spacing_is_known(tiny_model):
    film = draw_film(seed=99)
    unknown = _measured(_run(_volume(film), tiny_model))
    assert set(unknown) == {"spine_area px", "spine_height px"}
    known = _measured(_run(Volume(film.T[:, :, None], np.diag([-0.2, -0.5, 1, 1])), tiny_model))
    assert known["spine_area mm2"] == pytest.approx(known["spine_area px"] * 0.1)
    assert known["spine_height mm"] == pytest.approx(known["spine_height px"] * 0.5)
    assert known["spine_height px"] == ROWS


def test_a_column_that_is_small_on_a_wide_film_is_looked_at_again_and_held(tiny_model):
    wide = np.random.default_rng(3).normal(60, 12, (3 * ROWS, 3 * ROWS)).clip(0, 255).astype(np.uint8)
    top, left = ROWS, 700
    wide[top : top + ROWS, left : left + COLUMNS] = draw_film(seed=99)
    expected = np.zeros(wide.shape, dtype=bool)
    expected[top : top + ROWS, left : left + COLUMNS] = band()
    messages = []
    result = _run(_volume(wide), tiny_model, lambda fraction, message: messages.append(message))
    assert _dice(_mask(result), expected) > 0.85
    assert "Segmenting the spine" in messages


def test_blank_borders_change_nothing(tiny_model):
    film = draw_film(seed=99)
    bordered = np.zeros((ROWS + 400, COLUMNS + 500), dtype=np.uint8)
    bordered[150 : 150 + ROWS, 200 : 200 + COLUMNS] = film
    whole = _mask(_run(_volume(bordered), tiny_model))
    assert _dice(whole[150 : 150 + ROWS, 200 : 200 + COLUMNS], _mask(_run(_volume(film), tiny_model))) > 0.97
    assert whole.sum() == whole[150 : 150 + ROWS, 200 : 200 + COLUMNS].sum()


@pytest.mark.parametrize(("kind", "factor"), [(np.uint8, 1), (np.uint16, 250), (np.int16, 16), (np.float32, 0.004)])
def test_the_pixels_type_and_range_do_not_matter(tiny_model, kind, factor):
    film = (draw_film(seed=99).astype(np.float64) * factor).astype(kind)
    assert _dice(_mask(_run(_volume(film), tiny_model)), band()) > 0.9


def test_sliding_windows_find_the_same_column(tiny_model):
    whole = _mask(_run(_volume(draw_film(seed=99)), tiny_model))
    finer = _mask(_run(_volume(draw_film(seed=99)), tiny_model, sliding_window=True))
    assert _dice(whole, finer) > 0.85


def test_a_device_that_fails_is_replaced_named_and_told(tiny_model, monkeypatch):
    import torch

    from SpineLib.inference import device

    # torch's shape-only device stands in for a GPU that promises to compute and then does not.
    broken = device.Device("meta", torch.float32, "a GPU")
    monkeypatch.setattr(device, "select", lambda *_: broken)
    result = _run(_volume(draw_film(seed=99)), tiny_model, sliding_window=True)
    assert _dice(_mask(result), band()) > 0.85
    assert result.provenance["device"] == "cpu"
    assert "GPU" not in result.provenance["device_note"]
    assert result.warnings == ("The GPU could not do it; the CPU takes over.",)


def test_without_a_spine_the_result_is_empty_and_says_so(tiny_model):
    result = _run(_volume(draw_film(course=lambda row: -1000, seed=99)), tiny_model)
    assert result.is_empty
    assert [structure.name for structure in result.structures] == ["Spine"]
    assert result.structures[0].confidence == 0
    assert result.measurements == ()
    assert len(result.warnings) == 1
    assert "No spine was found" in result.warnings[0]


def test_a_curve_cut_off_by_the_edge_is_told(tiny_model):
    film = draw_film(course=lambda row: 5, seed=99)
    result = _run(_volume(film), tiny_model)
    assert any("left edge" in warning for warning in result.warnings)


def test_the_provenance_names_model_machine_options_and_seconds(tiny_model):
    source = {"path": "film.png", "sha256": "00"}
    origin = _run(_volume(draw_film(seed=99), source=source), tiny_model).provenance
    assert origin["model"]["id"] == tiny_model
    assert origin["model"]["license"] == "Apache-2.0"
    assert len(origin["model"]["sha256"]) == 64
    assert (origin["device"], origin["precision"]) == ("cpu", "fp32")
    assert origin["options"]["model"] == tiny_model
    assert set(origin["seconds"]) == {"check", "load", "localize", "segment", "measure"}
    assert origin["input"]["sha256"] == "00"


def test_the_same_film_gives_the_same_mask(tiny_model):
    first, second = (_mask(_run(_volume(draw_film(seed=99)), tiny_model)) for _ in range(2))
    assert np.array_equal(first, second)


def test_progress_only_rises_and_cancel_works_at_every_step(tiny_model):
    volume = _volume(draw_film(seed=99))
    fractions: list[float] = []
    _run(volume, tiny_model, lambda fraction, message: fractions.append(fraction))
    assert fractions == sorted(fractions)
    for stop in range(len(fractions)):
        calls = iter(range(len(fractions)))

        def cancel_at(fraction, message, calls=calls, stop=stop):
            if next(calls) == stop:
                raise Cancelled()

        with pytest.raises(Cancelled):
            _run(volume, tiny_model, cancel_at)


@pytest.mark.parametrize(
    ("voxels", "word"),
    [
        (np.full((64, 64, 1), np.nan, dtype=np.float32), "NaN"),
        (np.where(np.eye(64) > 0, np.inf, 0.0)[:, :, None], "NaN"),
        (np.full((64, 64, 1), 7, dtype=np.uint8), "same value"),
        (np.zeros((1, 1, 1), dtype=np.uint8), "too small"),
        (np.arange(31 * 100, dtype=np.int32).reshape(31, 100, 1), "too small"),
        (np.zeros((20_000, 40, 1), dtype=np.uint8), "larger"),
        (np.zeros((40, 40, 40), dtype=np.uint8), "3D"),
    ],
)
def test_what_is_no_film_is_refused_in_words(voxels, word):
    with pytest.raises(InputError) as caught:
        tasks.run("ap", Volume(voxels, FLAT))
    assert word in caught.value.sentence
    assert caught.value.hint


def test_an_unknown_model_is_refused_with_the_known_ones(tiny_model):
    with pytest.raises(ModelError, match=tiny_model):
        _run(_volume(draw_film()), "no-such-model")


def test_a_bundle_may_be_given_by_its_folder(tiny_model, user_models_folder):
    folder = user_models_folder / "bundles" / tiny_model
    assert _dice(_mask(_run(_volume(draw_film(seed=99)), str(folder))), band()) > 0.9


def test_a_model_altered_while_it_is_loaded_is_refused(tiny_model, user_models_folder):
    _run(_volume(draw_film()), tiny_model)
    (user_models_folder / "bundles" / tiny_model / "LICENSE").write_text("All rights reserved")
    with pytest.raises(ModelError, match="LICENSE"):
        _run(_volume(draw_film()), tiny_model)


def test_auto_takes_films_of_unknown_and_of_frontal_view_for_frontal_ones():
    assert tasks.choose(_volume(draw_film())) == "ap"
    assert tasks.choose(_volume(draw_film(), view="ap")) == "ap"


@pytest.mark.parametrize(
    "volume",
    [
        _volume(draw_film(), view="lateral"),
        _volume(draw_film(), modality="mr"),
    ],
)
def test_auto_refuses_what_no_task_is_for(volume):
    with pytest.raises(InputError):
        tasks.choose(volume)


def test_a_task_that_is_asked_for_overrules_the_files_view():
    assert tasks.choose(_volume(draw_film(), view="lateral"), "ap") == "ap"


def test_an_unknown_task_is_refused_with_the_known_ones():
    with pytest.raises(SpineError, match="ap"):
        tasks.choose(_volume(draw_film()), "knee")


def test_the_center_of_the_drawn_film_is_inside_the_mask(tiny_model):
    assert _mask(_run(_volume(draw_film(seed=99)), tiny_model))[:, CENTER].all()


def test_a_mirroring_model_treats_left_and_right_alike(tiny_model, user_models_folder, tmp_path):
    folder = tmp_path / "mirroring"
    shutil.copytree(bundle_folder(user_models_folder, tiny_model), folder)
    metadata = json.loads((folder / METADATA).read_text())
    (folder / METADATA).write_text(json.dumps({**metadata, "two_pass": False, "mirrored": True}))
    film = draw_film(course=lambda row: 70, seed=99)
    seen, mirrored = (_mask(_run(_volume(picture), str(folder))) for picture in (film, film[:, ::-1].copy()))
    assert np.array_equal(seen, mirrored[:, ::-1])
    assert _dice(seen, band(course=lambda row: 70)) > 0.9
