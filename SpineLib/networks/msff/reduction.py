# SPDX-License-Identifier: Apache-2.0
"""The step of S4 between the levels and the single map: 1x1 convolutions bring all levels to one size."""

from collections.abc import Sequence

import torch
from torch import nn

from SpineLib.networks.msff.blocks import projection, resample

GRID_OF = 1
"""The level whose grid all take: the second given, a quarter of the image. Ours: the finest that attention can pay."""


class Reduction(nn.Module):
    """Maps `(B, in_widths[i], *grid_i)`, one a level -> one map `(B, width * levels, *grid)`."""

    def __init__(self, spatial_dims: int, in_widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.project = nn.ModuleList(projection(spatial_dims, channels, width) for channels in in_widths)

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        grid = maps[GRID_OF].shape[2:]
        return torch.cat([resample(project(x), grid) for project, x in zip(self.project, maps, strict=True)], dim=1)
