# SPDX-License-Identifier: Apache-2.0
"""RBRAB, the residual block with attention over the whole map.

S4: concat(x, SelfAttention(CBR(CBR(x)))). Ours: the 1x1 projection after it, keys and values pooled by 4 (every cell
looking at every other would need 764 MB a head on 24^3 cells) and the gain of the attention, which starts at zero so
that training begins with the convolutions alone (Zhang et al. 2019).
"""

import torch
from monai.networks.layers.factories import Pool
from torch import nn

from SpineLib.networks.msff.attention import Attention
from SpineLib.networks.msff.blocks import double_cbr, projection

POOLING = 4


class RBRAB(nn.Module):
    """`(B, channels, *grid)` -> the same shape; any grid of 4 cells a side at least."""

    def __init__(self, spatial_dims: int, channels: int) -> None:
        super().__init__()
        self.path = double_cbr(spatial_dims, channels, channels)
        self.pool = Pool[Pool.AVG, spatial_dims](POOLING, ceil_mode=True)
        self.attention = Attention(channels)
        self.gain = nn.Parameter(torch.zeros(()))
        self.project = projection(spatial_dims, 2 * channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        u = self.path(x)
        cells, regions = (maps.flatten(2).transpose(1, 2) for maps in (u, self.pool(u)))
        looked_at = self.attention(cells, regions).transpose(1, 2).reshape(u.shape)
        return self.project(torch.cat([x, u + self.gain * looked_at], dim=1))
