# SPDX-License-Identifier: Apache-2.0
"""Drawn films and a tiny model that has learned them, for tests of what happens around a network."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import numpy as np

ROWS, COLUMNS, WIDTH = 512, 256, 44
MODEL = "tiny"
CENTER = 128
STEPS, LEARNING_RATE = 60, 1.0


def draw_film(rows: int = ROWS, columns: int = COLUMNS, course=lambda row: CENTER, seed: int = 0) -> np.ndarray:
    """A film `(rows, columns)`, uint8: a bright band on a noisy gray ground."""
    film = np.random.default_rng(seed).normal(60, 12, (rows, columns))
    film[band(rows, columns, course)] += 120
    return film.clip(0, 255).astype(np.uint8)


def band(rows: int = ROWS, columns: int = COLUMNS, course=lambda row: CENTER) -> np.ndarray:
    """The mask of the band."""
    centers = np.array([course(row) for row in range(rows)])
    return np.abs(np.arange(columns)[None] - centers[:, None]) <= WIDTH / 2


def save_png(path: Path, film: np.ndarray) -> Path:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(film).save(path)
    return path


def _learned_network():
    """A light U-Net after some steps of plain gradient descent on bands at random places."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    from SpineLib.networks.factory import build_network

    torch.manual_seed(1)
    network = build_network("light_unet", 2, 1, 1, features=[8, 8, 16, 16, 16]).train()
    films, masks = _examples()
    for _ in range(STEPS):
        network.zero_grad()
        binary_cross_entropy_with_logits(network(films), masks).backward()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter -= LEARNING_RATE * parameter.grad
    return network.eval()


def _examples():
    """Sixteen drawn films, four of them without a band, as the network sees them, and their masks."""
    import torch

    from SpineLib.inference.film_input import FilmInput, prepare

    rng = np.random.default_rng(1)
    films, masks = [], []
    for number in range(16):
        center, slant = rng.uniform(50, 206), rng.uniform(-0.2, 0.2)
        course = functools.partial(lambda row, at, by: at + by * (row - ROWS / 2), at=center, by=slant)
        course = course if number % 4 else lambda row: -1000
        films.append(prepare(draw_film(course=course, seed=number), FilmInput(long_side=128))[0])
        masks.append(torch.from_numpy(band(course=course)[::4, ::4]).float()[None, None])
    return torch.cat(films), torch.cat(masks)


@functools.cache
def tiny_shelf() -> Path:
    """A folder of models, as SPINE_MODELS names one, that holds the tiny model; made once in a test run."""
    from SpineLib.models.bundle import write_bundle
    from SpineLib.models.catalogue import bundle_folder, refresh

    shelf = Path(tempfile.mkdtemp(prefix="spine-tiny-"))
    atexit.register(shutil.rmtree, shelf, ignore_errors=True)
    metadata = {
        "id": MODEL,
        "title": "A tiny model that knows drawn bands",
        "version": "1.0.0",
        "task": "ap",
        "modality": "radiograph",
        "view": "ap",
        "license": "Apache-2.0",
        "license_note": "Learned from drawn bands.",
        "network": {
            "name": "light_unet",
            "spatial_dims": 2,
            "in_channels": 1,
            "out_channels": 1,
            "options": {"features": [8, 8, 16, 16, 16]},
        },
        "input": {"fit": "letterbox", "long_side": 128},
        "threshold": 0.5,
        "two_pass": True,
    }
    write_bundle(bundle_folder(shelf, MODEL), metadata, _learned_network(), {"LICENSE": "Apache-2.0"})
    refresh(shelf)
    return shelf


def install_tiny_model(user_models_folder: Path) -> str:
    """Put the tiny model among the user's models; returns its id."""
    shutil.copytree(tiny_shelf(), user_models_folder, dirs_exist_ok=True)
    return MODEL
