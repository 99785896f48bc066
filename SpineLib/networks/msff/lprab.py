# SPDX-License-Identifier: Apache-2.0
"""LPRAB, the residual attention block with a learned position; unlike in the modules before, its residual is added.

S4: the position is learned and the residual path added. Ours: attention within windows of 6 cells a side, which the
position tiles, and the residual block after it.
"""

import torch
from torch import nn

from SpineLib.networks.msff.attention import Attention
from SpineLib.networks.msff.blocks import ResidualBlock
from SpineLib.networks.msff.windows import cut, join

WINDOW = 6


class LPRAB(nn.Module):
    """`(B, channels, *grid)` -> the same shape; any grid, cells that only fill a window up are not looked at."""

    def __init__(self, spatial_dims: int, channels: int) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.empty(WINDOW**spatial_dims, channels))
        self.attention = Attention(channels)
        self.residual = ResidualBlock(spatial_dims, channels)
        nn.init.trunc_normal_(self.position, std=0.02)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens, real = cut(x, WINDOW)
        tokens = tokens + self.position
        return self.residual(x + join(self.attention(tokens, tokens, real), WINDOW, like=x))
