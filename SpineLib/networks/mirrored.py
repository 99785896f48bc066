# SPDX-License-Identifier: Apache-2.0
"""Let a network look at the mirror image, too: twice the time for somewhat better answers."""

import torch
from torch import nn

LEFT_TO_RIGHT = 2
"""The first axis behind batch and channels."""


class InMirror(nn.Module):
    """A network's logits for the mirror image of an image, turned back. A channel that is a way to the side keeps the
    mirror image's sign."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.network(image.flip(LEFT_TO_RIGHT)).flip(LEFT_TO_RIGHT)


class Mirrored(InMirror):
    """The mean of a network's logits for an image and for its mirror image."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return (self.network(image) + super().forward(image)) / 2
