# SPDX-License-Identifier: Apache-2.0
"""The encoder of MSFF: that of a U-Net, as in S4. Its five widths are ours."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from monai.networks.layers.factories import Pool
from torch import nn

from SpineLib.networks.msff.blocks import double_cbr


class Encoder(nn.Module):
    """`(B, in_channels, *size)` -> one map a level, `(B, widths[i], *(size / 2**i))`: 2 x CBR, max pooling between."""

    def __init__(self, spatial_dims: int, in_channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            double_cbr(spatial_dims, shallow, deep) for shallow, deep in pairwise((in_channels, *widths))
        )
        self.pool = Pool[Pool.MAX, spatial_dims](kernel_size=2)

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        maps = [self.levels[0](image)]
        for level in self.levels[1:]:
            maps.append(level(self.pool(maps[-1])))
        return maps
