# SPDX-License-Identifier: Apache-2.0
"""Most films nearly as they came, the others as practice has them: for a last stage of training. Ours.

Changed films alone leave a network unsure of ordinary ones: it never sees how their framing tells where the column
ends. A share of changed ones keeps what it has learned of them.
"""

import math

import numpy as np
import torch

from SpineLib.inference.film_input import normalize
from SpineLib.training.augment import exposure, wide_views
from SpineLib.training.augment.geometry import View, look
from SpineLib.training.augment.training_film import TrainingFilm

PLAIN_SHARE = 0.65
DEGREES = 4.0
SCALE = 0.04


def draw(film: TrainingFilm, canvas: tuple[int, int], rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """The whole film, hardly changed, or one of `wide_views`."""
    if rng.random() >= PLAIN_SHARE:
        return wide_views.draw(film, canvas, rng, wide_views.MANY_CLOSE)
    fitted = min(canvas[0] / film.shape[0], canvas[1] / film.shape[1]) * math.exp(rng.normal(0, SCALE))
    degrees = rng.normal(0, DEGREES) if rng.random() < 0.5 else 0.0
    view = View((fitted, fitted), float(degrees), mirrored=bool(rng.random() < 0.5))
    seen, inside = look(torch.stack(film.at_scale(fitted)), film.shape, canvas, view)
    picture = seen[0].clamp(0, 1) ** math.exp(rng.normal(0, 0.25))
    if rng.random() < 0.25:
        picture = exposure.change(picture, rng)
    return normalize(picture), seen[1] * inside
