# SPDX-License-Identifier: Apache-2.0
"""The blocks that several modules of MSFF share."""

from collections.abc import Sequence

import torch
from monai.networks.blocks import Convolution
from torch import nn
from torch.nn import functional

ADAPTIVE_MAX_POOL = {2: functional.adaptive_max_pool2d, 3: functional.adaptive_max_pool3d}
LINEAR = {2: "bilinear", 3: "trilinear"}


def cbr(
    spatial_dims: int, in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1, dilation: int = 1
) -> nn.Module:
    """Convolution, batch normalization, ReLU: `(B, in, *grid)` -> `(B, out, *(grid / stride))`.

    The ReLU is ours: S4 names the convolution and the normalization only.
    """
    return Convolution(
        spatial_dims,
        in_channels,
        out_channels,
        strides=stride,
        kernel_size=kernel_size,
        adn_ordering="NA",
        act="relu",
        norm="batch",
        dilation=dilation,
        bias=False,
    )


def projection(spatial_dims: int, in_channels: int, out_channels: int) -> nn.Module:
    """A 1x1 CBR, which brings maps to another width."""
    return cbr(spatial_dims, in_channels, out_channels, kernel_size=1)


def double_cbr(spatial_dims: int, in_channels: int, out_channels: int) -> nn.Sequential:
    """Two CBR with kernels of 3."""
    return nn.Sequential(cbr(spatial_dims, in_channels, out_channels), cbr(spatial_dims, out_channels, out_channels))


class ResidualBlock(nn.Module):
    """`x + CBR(CBR(x))`, same shape. The sum follows the last ReLU: our reading of S4's residual path."""

    def __init__(self, spatial_dims: int, channels: int) -> None:
        super().__init__()
        self.path = double_cbr(spatial_dims, channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.path(x)


def hidden_width(channels: int, reduction: int = 16, least: int = 8) -> int:
    """Width between the two layers of a gate. Ours; fewer than 8 units tend to die together behind their ReLU."""
    return min(channels, max(least, channels // reduction))


def resample(x: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Bring maps `(B, C, *grid)` to `(B, C, *size)`: the maximum on the way down, linear on the way up."""
    grid, size = tuple(x.shape[2:]), tuple(size)
    if grid == size:
        return x
    dims = len(size)
    if all(wanted <= length for wanted, length in zip(size, grid, strict=True)):
        return ADAPTIVE_MAX_POOL[dims](x, size)
    return functional.interpolate(x, size=size, mode=LINEAR[dims])
