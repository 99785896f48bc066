# SPDX-License-Identifier: Apache-2.0
"""Let a network that halves its maps take images of any size."""

import torch
from torch import nn
from torch.nn import functional


class Padded(nn.Module):
    """Pad the image with its edge values to a multiple of `factor`, run the network, crop the logits back."""

    def __init__(self, network: nn.Module, factor: int) -> None:
        super().__init__()
        self.network = network
        self.factor = factor

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        size = image.shape[2:]
        # Two cells at least: a deepest map of one cell has no spread that a normalization could use.
        wanted = [max(2 * self.factor, -(-length // self.factor) * self.factor) for length in size]
        missing = [target - length for target, length in zip(wanted, size, strict=True)]
        if any(missing):
            pads = [pad for extra in reversed(missing) for pad in (0, extra)]
            image = functional.pad(image, pads, mode="replicate")
        logits = self.network(image)
        return logits[(..., *(slice(length) for length in size))]
