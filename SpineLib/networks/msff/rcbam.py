# SPDX-License-Identifier: Apache-2.0
"""RCBAM, the residual convolutional block attention module: channels first, then places (after Woo et al. 2018).

S4: y = concat(CA(x), Res(x)), z = concat(SA(y), Res(y)). Ours: the 1x1 projection that brings each concatenation back
to the width, the hidden units of the channel attention (as in SEM) and the 7x7 kernel of the spatial one (as in CBAM).
"""

import torch
from monai.networks.layers.factories import Conv
from torch import nn

from SpineLib.networks.msff.blocks import ResidualBlock, hidden_width, projection


class RCBAM(nn.Module):
    """`(B, channels, *grid)` -> the same shape."""

    def __init__(self, spatial_dims: int, channels: int) -> None:
        super().__init__()
        self.by_channel = AttendedResidual(spatial_dims, channels, ChannelAttention(channels))
        self.by_place = AttendedResidual(spatial_dims, channels, SpatialAttention(spatial_dims))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.by_place(self.by_channel(x))


class AttendedResidual(nn.Module):
    """`concat(attention(x), Res(x))`, projected back to the width of `x`."""

    def __init__(self, spatial_dims: int, channels: int, attention: nn.Module) -> None:
        super().__init__()
        self.attention = attention
        self.residual = ResidualBlock(spatial_dims, channels)
        self.project = projection(spatial_dims, 2 * channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.project(torch.cat([self.attention(x), self.residual(x)], dim=1))


class ChannelAttention(nn.Module):
    """`x` times a gate for each channel, from its mean and its maximum by the same two layers."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = hidden_width(channels)
        self.layers = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        cells = x.flatten(2)
        gate = (self.layers(cells.mean(dim=2)) + self.layers(cells.amax(dim=2))).sigmoid()
        return x * gate[(..., *[None] * (x.ndim - 2))]


class SpatialAttention(nn.Module):
    """`x` times a gate for each place, from the mean and the maximum over the channels."""

    def __init__(self, spatial_dims: int) -> None:
        super().__init__()
        self.convolution = Conv[Conv.CONV, spatial_dims](2, 1, kernel_size=7, padding=3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = torch.cat([x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)], dim=1)
        return x * self.convolution(seen).sigmoid()
