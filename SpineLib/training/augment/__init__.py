# SPDX-License-Identifier: Apache-2.0
"""Ways to make training pictures from labeled films: one file and one table line each.

Each takes a `TrainingFilm`, the canvas size (rows, columns) and a random generator, and returns the picture and its
target, both `(rows, columns)` float32; the picture is in 0..1 as `inference.film_input.normalize` leaves it.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from SpineLib.training.augment import mostly_plain, s1_fourteenfold, wide_views
from SpineLib.training.augment.training_film import TrainingFilm

Picture = tuple[torch.Tensor, torch.Tensor]

AUGMENTATIONS: dict[str, Callable[[TrainingFilm, tuple[int, int], np.random.Generator], Picture]] = {
    "s1_fourteenfold": s1_fourteenfold.draw,
    "wide_views": wide_views.draw,
    "close_views": partial(wide_views.draw, scales=wide_views.MANY_CLOSE),
    "mostly_plain": mostly_plain.draw,
}
