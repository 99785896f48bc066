# SPDX-License-Identifier: Apache-2.0
"""ASPP, atrous spatial pyramid pooling: the same map seen at several scales at once (Chen et al. 2017, used by S4).

The rates are ours: the usual 6, 12 and 18 would see little but padding on a grid of 24 cells a side.
"""

import torch
from monai.networks.blocks import Convolution
from torch import nn

from SpineLib.networks.msff.blocks import cbr, projection

RATES = (2, 4, 6)


class ASPP(nn.Module):
    """`(B, in_channels, *grid)` -> `(B, out_channels, *grid)` by a 1x1, a 3x3 for each rate and the global mean."""

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [
                projection(spatial_dims, in_channels, out_channels),
                *(cbr(spatial_dims, in_channels, out_channels, dilation=rate) for rate in RATES),
            ]
        )
        # No normalization over the single cell of the mean: one image a batch has no spread there.
        self.mean = Convolution(
            spatial_dims, in_channels, out_channels, kernel_size=1, adn_ordering="A", act="relu", norm=None
        )
        self.join = projection(spatial_dims, out_channels * (len(RATES) + 2), out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = [branch(x) for branch in self.branches]
        axes = tuple(range(2, x.ndim))
        mean = self.mean(x.mean(dim=axes, keepdim=True)).expand_as(seen[0])
        return self.join(torch.cat([*seen, mean], dim=1))
