# SPDX-License-Identifier: Apache-2.0
"""Splits, augmentation, losses, and a whole training on a handful of drawn films."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from SpineLib.core.errors import InputError
from SpineLib.datasets import ap_radiographs, film_folder, load_dataset
from SpineLib.datasets.film_case import FilmCase
from SpineLib.models.loader import load
from SpineLib.training.augment import AUGMENTATIONS, s1_fourteenfold
from SpineLib.training.augment.geometry import View, look
from SpineLib.training.augment.training_film import load_film
from SpineLib.training.average import WeightAverage
from SpineLib.training.config import read_config
from SpineLib.training.losses import LOSSES
from SpineLib.training.run import train
from SpineLib.training.scan.config import is_scan_config
from SpineLib.training.splits import split_by_patient

CONFIGS = Path(ap_radiographs.__file__).parents[1] / "training" / "configs"
REAL_FILMS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ap_radiographs"
EPOCHS = 24
"""Until a tiny network is sure enough of drawn films to be believed."""


def drawn_film(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A gray film with a bright, slightly curved band for a spine."""
    rng = np.random.default_rng(seed)
    rows, columns = 192, 96
    middle = columns / 2 + 10 * np.sin(np.linspace(0, 3, rows) + rng.uniform(0, 3))
    inside = np.abs(np.arange(columns) - middle[:, None]) < 8
    inside[:10] = inside[-10:] = False
    pixels = rng.normal(80, 12, (rows, columns)) + 90 * inside
    return np.clip(pixels, 0, 255).astype(np.uint8), inside


def drawn_case(seed: int, group: str = "") -> FilmCase:
    pixels, mask = drawn_film(seed)
    return FilmCase(f"film{seed}", group or str(seed), lambda: pixels, lambda: mask)


@pytest.fixture
def film_set(tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    with (folder / "groups.csv").open("w", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(["image", "patient_group"])
        for seed in range(10):
            pixels, mask = drawn_film(seed)
            sitk.WriteImage(sitk.GetImageFromArray(pixels), str(folder / f"f{seed}.png"))
            sitk.WriteImage(sitk.GetImageFromArray(mask.astype(np.uint8) * 255), str(folder / f"f{seed}_mask.png"))
            table.writerow([f"f{seed}.png", f"patient{seed // 2}"])
    return folder


def config(tmp_path, **changes) -> Path:
    content = {
        "id": "drawn",
        "dataset": "film_folder",
        "network": {"name": "light_unet", "options": {"features": [8, 16, 16, 16, 16]}},
        "input": {"fit": "letterbox", "long_side": 128},
        "augmentation": "s1_fourteenfold",
        "loss": "dice_bce",
        "stages": [{"canvas": [128, 64], "epochs": EPOCHS, "batch_size": 2, "learning_rate": 0.01}],
        "seed": 1,
        "average_decay": 0.8,
        "metadata": {"title": "Drawn films"},
        **changes,
    }
    path = tmp_path / "config.json"
    path.write_text(json.dumps(content))
    return path


def test_no_patient_is_in_both_parts():
    cases = [drawn_case(index, f"patient{index // 3}") for index in range(60)]
    training, validation = split_by_patient(cases, 0.2, seed=5)
    assert not {case.patient_group for case in training} & {case.patient_group for case in validation}
    assert len(training) + len(validation) == 60
    assert 12 <= len(validation) <= 14
    again = split_by_patient(cases, 0.2, seed=5)[1]
    assert [case.name for case in again] == [case.name for case in validation]


def test_s1_makes_fourteen_different_films():
    film = load_film(drawn_case(0))
    pictures = [s1_fourteenfold.variant(film, (256, 128), number)[0].numpy() for number in range(14)]
    assert len(s1_fourteenfold.VARIANTS) == 14
    assert len({picture.tobytes() for picture in pictures}) == 14
    np.testing.assert_allclose(pictures[0], pictures[7][:, ::-1], atol=1e-3)


def test_brightness_leaves_the_mask_alone_and_a_turn_moves_it():
    film = load_film(drawn_case(0))
    masks = [s1_fourteenfold.variant(film, (256, 128), number)[1] for number in range(7)]
    assert all(torch.equal(masks[0], mask) for mask in masks[3:])
    assert not torch.equal(masks[0], masks[1]) and not torch.equal(masks[1], masks[2])


def test_a_view_moves_a_point_where_it_says():
    film = torch.zeros(1, 101, 51)
    film[0, 70, 25] = 1
    seen, inside = look(film, (101, 51), (202, 102), View((2.0, 2.0), 0.0, (10.0, -6.0)))
    row, column = np.unravel_index(int(seen[0].argmax()), (202, 102))
    assert (row, column) == (pytest.approx(2 * 70.5 - 0.5 - 6, abs=1), pytest.approx(2 * 25.5 - 0.5 + 10, abs=1))
    assert inside[0, 0] == 0 or inside.min() == 0


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_pictures_are_valid_repeatable_and_varied(name):
    film = load_film(drawn_case(3))
    draw = AUGMENTATIONS[name]
    pictures = [draw(film, (128, 64), np.random.default_rng(seed)) for seed in range(40)]
    for picture, target in pictures:
        assert picture.shape == target.shape == (128, 64)
        assert torch.isfinite(picture).all() and picture.min() >= 0 and picture.max() <= 1
        assert target.min() >= 0 and target.max() <= 1
    again = draw(film, (128, 64), np.random.default_rng(7))
    assert torch.equal(again[0], pictures[7][0])
    assert len({picture.numpy().tobytes() for picture, _ in pictures}) >= 12


def test_wide_views_show_the_spine_both_small_and_large():
    film, draw = load_film(drawn_case(3)), AUGMENTATIONS["wide_views"]
    areas = [float(draw(film, (128, 64), np.random.default_rng(seed))[1].mean()) for seed in range(80)]
    assert min(area for area in areas if area > 0) < 0.03
    assert max(areas) > 0.12
    assert any(area == 0 for area in areas)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_fall_as_the_answer_improves(name):
    target = torch.zeros(2, 1, 16, 16)
    target[..., 4:9] = 1
    right, unsure, wrong = 8 * (2 * target - 1), torch.zeros_like(target), 8 * (1 - 2 * target)
    good, fair, bad = (LOSSES[name](logits, target) for logits in (right, unsure, wrong))
    assert good.shape == (2,)
    assert (good < fair).all() and (fair < bad).all() and (good < 0.01).all()


def test_a_film_without_spine_is_not_judged_by_dice():
    logits, empty = torch.full((1, 1, 8, 8), -9.0), torch.zeros(1, 1, 8, 8)
    assert LOSSES["dice_bce"](logits, empty).item() < 1e-3


def test_the_weight_average_lags_and_follows():
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(network.weight)
    average = WeightAverage(network, decay=0.5)
    torch.nn.init.ones_(network.weight)
    values = []
    for _ in range(6):
        average.update(network)
        values.append(average.network.weight.item())
    assert 0 < values[0] < 1.0
    assert values == sorted(values) and values[-1] > 0.95


def test_training_learns_resumes_and_writes_a_loadable_bundle(film_set, tmp_path):
    folder = train(config(tmp_path), film_set, tmp_path / "run")
    metadata = load(folder).metadata
    assert metadata["validation"]["metrics"]["dice"]["mean"] > 0.8
    assert metadata["validation"]["metrics"]["dice"]["n"] == 2
    assert {path.name for path in (folder / "training").iterdir()} >= {
        "config.json",
        "curves.jsonl",
        "curves.png",
        "split.csv",
    }
    curves = [json.loads(line) for line in (folder / "training" / "curves.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in curves] == list(range(1, EPOCHS + 1))
    assert curves[-1]["loss"] < curves[0]["loss"]
    weights = (folder / "models" / "model.safetensors").read_bytes()
    again = train(config(tmp_path), film_set, tmp_path / "run")
    assert (again / "models" / "model.safetensors").read_bytes() == weights, "a finished run is not trained again"


def test_the_same_seed_gives_the_same_weights(film_set, tmp_path):
    short = config(tmp_path, stages=[{"canvas": [64, 32], "epochs": 1, "batch_size": 4, "learning_rate": 0.01}])
    runs = [train(short, film_set, tmp_path / name) / "models" / "model.safetensors" for name in ("one", "two")]
    assert runs[0].read_bytes() == runs[1].read_bytes()


def test_doubted_films_weigh_less_in_the_second_stage(film_set, tmp_path):
    stage = {"canvas": [64, 32], "epochs": 1, "batch_size": 4, "learning_rate": 0.01}
    stages = [stage, {**stage, "doubt": {"below_dice": 1.1, "weight": 0.5}}]
    folder = train(config(tmp_path, stages=stages), film_set, tmp_path / "run")
    notes = [json.loads(line) for line in (folder / "training" / "curves.jsonl").read_text().splitlines()]
    assert next(note for note in notes if "doubted" in note)["doubted"] == 8


@pytest.mark.parametrize(
    "path", [path for path in sorted(CONFIGS.glob("*.json")) if not is_scan_config(path)], ids=lambda path: path.stem
)
def test_shipped_configurations_are_usable(path):
    content = read_config(path)
    assert content.augmentation in AUGMENTATIONS and content.loss in LOSSES
    assert (CONFIGS / content.license_file).is_file()


def test_a_broken_configuration_is_told(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"id": "x", "stages": [{"canvas": [1, 1], "nonsense": 1}]}')
    with pytest.raises(InputError, match="not usable"):
        read_config(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_config(tmp_path / "absent.json")


def test_unknown_or_empty_data_are_told(tmp_path):
    with pytest.raises(InputError, match="Known data sets"):
        load_dataset("nonsense", tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        load_dataset("film_folder", tmp_path / "absent")
    with pytest.raises(InputError, match="no film with a mask"):
        film_folder.load(tmp_path)
    with pytest.raises(InputError, match=r"landmarks\.csv"):
        ap_radiographs.load(tmp_path)


def test_the_column_is_bodies_and_the_spaces_between_them():
    bodies = [[(10, top), (30, top), (10, top + 8), (30, top + 8)] for top in (5, 16, 27)]
    mask = ap_radiographs.column_mask(np.array(bodies, dtype=float), (40, 40))
    assert mask[5:36, 11:30].all()
    assert not mask[:4].any() and not mask[37:].any() and not mask[:, 32:].any()


@pytest.mark.skipif(not REAL_FILMS.is_dir(), reason="the real films are not at hand")
def test_the_real_films_split_by_patient():
    cases = ap_radiographs.load(REAL_FILMS)
    training, validation = split_by_patient(cases, 0.2, read_config(CONFIGS / "ap_spine.json").seed)
    assert len(cases) == 466 and 90 <= len(validation) <= 105
    assert not {case.patient_group for case in training} & {case.patient_group for case in validation}
    pixels, mask = validation[0].pixels(), validation[0].mask()
    assert pixels.shape == mask.shape
    assert 0.05 < mask.mean() < 0.4
