# SPDX-License-Identifier: Apache-2.0
"""FFM, the feature fusion module: every level sees all the others.

S4 fuses the encoder's blocks 2 to 5. The projections, the resampling and the greatest width are ours: fused at full
width, the deepest levels alone would hold more than half of the network's parameters.
"""

from collections.abc import Sequence

import torch
from torch import nn

from SpineLib.networks.msff.blocks import cbr, projection, resample


class FFM(nn.Module):
    """Maps `(B, in_widths[i], *grid_i)`, one a level -> maps `(B, out_widths[i], *grid_i)`."""

    def __init__(self, spatial_dims: int, in_widths: Sequence[int], out_widths: Sequence[int]) -> None:
        super().__init__()
        self.levels = nn.ModuleList(Fusion(spatial_dims, in_widths, width) for width in out_widths)

    def forward(self, maps: list[torch.Tensor]) -> list[torch.Tensor]:
        return [level(maps, x.shape[2:]) for level, x in zip(self.levels, maps, strict=True)]


class Fusion(nn.Module):
    """All maps, each projected to `width` and resampled to one grid, joined: `(B, width, *grid)`."""

    def __init__(self, spatial_dims: int, in_widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.project = nn.ModuleList(projection(spatial_dims, channels, width) for channels in in_widths)
        self.join = cbr(spatial_dims, width * len(in_widths), width)

    def forward(self, maps: list[torch.Tensor], grid: Sequence[int]) -> torch.Tensor:
        same = [resample(project(x), grid) for project, x in zip(self.project, maps, strict=True)]
        return self.join(torch.cat(same, dim=1))
