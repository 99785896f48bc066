# SPDX-License-Identifier: Apache-2.0
"""S1's augmentation (Sacharisa & Kartowisastro 2023): every film becomes fourteen.

{identity, rotate +5°, rotate +10°, darker 1, darker 2, brighter 1, brighter 2} x {as is, mirrored} is our reading; it
closes the paper's arithmetic (481 x 14 = 6,734). The brightness factors are ours. Geometry acts on film and mask,
brightness on the film alone.
"""

import numpy as np
import torch

from SpineLib.training.augment.geometry import View, look
from SpineLib.training.augment.training_film import TrainingFilm

CHANGES = ((0.0, 1.0), (5.0, 1.0), (10.0, 1.0), (0.0, 0.8), (0.0, 0.6), (0.0, 1.2), (0.0, 1.4))
VARIANTS = tuple((degrees, brightness, mirrored) for mirrored in (False, True) for degrees, brightness in CHANGES)


def variant(film: TrainingFilm, canvas: tuple[int, int], number: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Variant `number` (0..13) of the film, stretched to the canvas."""
    degrees, brightness, mirrored = VARIANTS[number]
    scale = (canvas[1] / film.shape[1], canvas[0] / film.shape[0])
    both = torch.stack(film.at_scale(min(scale)))
    seen, inside = look(both, film.shape, canvas, View(scale, degrees, mirrored=mirrored))
    return (seen[0] * brightness).clamp(0, 1) * inside, (seen[1] * inside > 0.5).float()


def draw(film: TrainingFilm, canvas: tuple[int, int], rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """One of the fourteen variants at random."""
    return variant(film, canvas, int(rng.integers(len(VARIANTS))))
