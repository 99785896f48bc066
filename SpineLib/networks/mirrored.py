# SPDX-License-Identifier: Apache-2.0
"""Let a network look at the mirror image, too: twice the time for somewhat better answers."""

from collections.abc import Sequence

import torch
from torch import nn

LEFT_TO_RIGHT = 2
"""The first axis behind batch and channels."""


class Mirrored(nn.Module):
    """The mean of a network's logits for an image and, turned back, for its mirror image. sideways: channels that are a
    way along the mirrored axis; they change their sign with it."""

    def __init__(self, network: nn.Module, sideways: Sequence[int] = ()) -> None:
        super().__init__()
        self.network = network
        self.sideways = list(sideways)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        turned = self.network(image.flip(LEFT_TO_RIGHT)).flip(LEFT_TO_RIGHT)
        turned[:, self.sideways] *= -1
        return (self.network(image) + turned) / 2
