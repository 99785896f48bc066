# SPDX-License-Identifier: Apache-2.0
"""SEM, the squeeze-and-excitation module: after the fusion, each map weighs its channels.

S4 has one on each fused map; the reduction (16, but 8 hidden units at least) is ours.
"""

from collections.abc import Sequence

import torch
from monai.networks.blocks import ChannelSELayer
from torch import nn

from SpineLib.networks.msff.blocks import hidden_width


class SEM(nn.Module):
    """Maps `(B, widths[i], *grid_i)`, one a level -> the same, each channel times its gate between 0 and 1."""

    def __init__(self, spatial_dims: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.gates = nn.ModuleList(
            ChannelSELayer(spatial_dims, width, r=width // hidden_width(width)) for width in widths
        )

    def forward(self, maps: list[torch.Tensor]) -> list[torch.Tensor]:
        return [gate(x) for gate, x in zip(self.gates, maps, strict=True)]
