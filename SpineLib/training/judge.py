# SPDX-License-Identifier: Apache-2.0
"""How well a network agrees with labels, at the network's own resolution: for curves and for doubting labels."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from SpineLib.evaluation.overlap import dice
from SpineLib.inference.film_input import FilmInput, prepare


class Judge:
    """Holds films `(picture, mask)`, each `(rows, columns)`, prepared once as the network wants them."""

    def __init__(self, films: list[tuple[np.ndarray, np.ndarray]], film_input: FilmInput, device: torch.device) -> None:
        self.device = device
        self.films = []
        for picture, mask in films:
            prepared = prepare(picture, film_input)[0]
            small = functional.interpolate(torch.from_numpy(mask).float()[None, None], prepared.shape[2:], mode="area")
            self.films.append((prepared, small[0, 0].numpy() > 0.5))

    @torch.inference_mode()
    def scores(self, network: nn.Module) -> tuple[np.ndarray, np.ndarray]:
        """(Dice, pixel accuracy) of every film."""
        dices, accuracies = [], []
        for picture, mask in self.films:
            with torch.autocast(self.device.type, dtype=torch.bfloat16):
                logits = network(picture.to(self.device, memory_format=torch.channels_last))
            found = (logits[0, 0].float() > 0).cpu().numpy()
            dices.append(dice(found, mask))
            accuracies.append(float((found == mask).mean()))
        return np.array(dices), np.array(accuracies)
