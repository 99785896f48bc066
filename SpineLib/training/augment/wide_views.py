# SPDX-License-Identifier: Apache-2.0
"""Films as practice has them: narrow or full-length, turned, cropped, bordered, inverted, with metal. Ours.

Close views fill the canvas with the film or a part of it; wide views show the film small, amid surroundings that stand
for the rest of a large detector.
"""

import math

import numpy as np
import torch

from SpineLib.inference.film_input import normalize
from SpineLib.training.augment import exposure, objects
from SpineLib.training.augment.geometry import View, look
from SpineLib.training.augment.training_film import TrainingFilm

Scales = tuple[tuple[float, tuple[float, float]], ...]
"""Share of the pictures, size of the film in multiples of the canvas."""

MANY_WIDE: Scales = (
    (0.38, (0.28, 0.85)),  # wide: a full-length detector
    (0.40, (0.85, 1.30)),  # close: the whole film
    (0.22, (1.30, 2.80)),  # closer: a lumbar or thoracic part of it
)
MANY_CLOSE: Scales = ((0.20, (0.28, 0.85)), (0.62, (0.85, 1.20)), (0.18, (1.20, 2.80)))
SPINELESS_SHARE = 0.04


def draw(
    film: TrainingFilm, canvas: tuple[int, int], rng: np.random.Generator, scales: Scales = MANY_WIDE
) -> tuple[torch.Tensor, torch.Tensor]:
    """One random view of the film."""
    if rng.random() < SPINELESS_SHARE:
        return normalize(exposure.change(objects.surroundings(canvas, rng), rng)), torch.zeros(canvas)
    view = random_view(film.shape, canvas, rng, scales)
    seen, inside = look(torch.stack(film.at_scale(max(view.scale))), film.shape, canvas, view)
    picture = exposure.develop(seen[0], rng)
    picture = objects.lay_around(picture, inside, rng)
    picture = objects.add_metal(picture, seen[1] * inside, rng)
    picture = exposure.change(picture, rng)
    picture, visible = objects.collimate(picture, rng)
    picture = objects.add_markers(picture, rng)
    return normalize(picture), seen[1] * inside * visible


def random_view(shape: tuple[int, int], canvas: tuple[int, int], rng: np.random.Generator, scales: Scales) -> View:
    """Scale, aspect, turn, mirror and place of a film of `shape` (rows, columns) on the canvas."""
    fitted = min(canvas[0] / shape[0], canvas[1] / shape[1])
    smallest, largest = scales[int(rng.choice(len(scales), p=[share for share, _ in scales]))][1]
    scale = fitted * math.exp(rng.uniform(math.log(smallest), math.log(largest)))
    stretch = math.exp(rng.normal(0, 0.09))
    across, down = scale * stretch, scale / stretch
    spare = (abs(canvas[1] - shape[1] * across) / 2, abs(canvas[0] - shape[0] * down) / 2)
    degrees = rng.normal(0, 6) if rng.random() < 0.8 else rng.uniform(-25, 25)
    shift = (spare[0] * rng.uniform(-1, 1), spare[1] * rng.uniform(-1, 1))
    return View((across, down), float(degrees), shift, bool(rng.random() < 0.5))
