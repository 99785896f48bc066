# SPDX-License-Identifier: Apache-2.0
"""The decoder of MSFF: a small network of its own, from a quarter of the image's size back to all of it.

S4: an initial block, 3 separable bottleneck encoders, 2 x [up-sampling, 1x1 convolution], a transposed convolution, a
1x1 convolution. Ours: widths, the one stride, and the optional skips, which S4 does not have: its finest detail comes
from half the image's size.
"""

from collections.abc import Sequence

import torch
from monai.networks.blocks import Convolution
from monai.networks.layers.factories import Conv
from torch import nn

from SpineLib.networks.msff.blocks import cbr, double_cbr, projection, resample


class Decoder(nn.Module):
    """A map `(B, channels, *(size / 4))` and the encoder's maps -> logits `(B, out_channels, *size)`.

    skips: the widths of the encoder's maps at full and at half size that are used; empty for none, as in S4.
    """

    def __init__(self, spatial_dims: int, channels: int, out_channels: int, skips: Sequence[int] = ()) -> None:
        super().__init__()
        half, full = channels // 2, channels // 4
        self.initial = double_cbr(spatial_dims, channels, channels)
        self.bottleneck = nn.Sequential(
            separable(spatial_dims, channels, channels, stride=2),
            separable(spatial_dims, channels, 2 * channels),
            separable(spatial_dims, 2 * channels, 2 * channels),
        )
        self.to_quarter = projection(spatial_dims, 2 * channels, channels)
        self.to_half = projection(spatial_dims, channels, half)
        self.to_full = doubled(spatial_dims, half, full)
        self.joins = nn.ModuleList()
        if skips:
            self.joins.append(projection(spatial_dims, full + skips[0], full))
            self.joins.append(cbr(spatial_dims, half + skips[1], half))
        self.logits = Conv[Conv.CONV, spatial_dims](full, out_channels, kernel_size=1)

    def forward(self, x: torch.Tensor, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        quarter, half = x.shape[2:], maps[1].shape[2:]
        x = self.bottleneck(self.initial(x))
        x = self.to_quarter(resample(x, quarter))
        x = self._joined(self.to_half(resample(x, half)), maps, level=1)
        x = self._joined(self.to_full(x), maps, level=0)
        return self.logits(x)

    def _joined(self, x: torch.Tensor, maps: Sequence[torch.Tensor], level: int) -> torch.Tensor:
        return self.joins[level](torch.cat([x, maps[level]], dim=1)) if self.joins else x


def separable(spatial_dims: int, in_channels: int, out_channels: int, stride: int = 1) -> nn.Module:
    """A convolution of each channel by itself, then a 1x1 CBR across them."""
    each = Convolution(
        spatial_dims, in_channels, in_channels, strides=stride, groups=in_channels, bias=False, conv_only=True
    )
    return nn.Sequential(each, projection(spatial_dims, in_channels, out_channels))


def doubled(spatial_dims: int, in_channels: int, out_channels: int) -> nn.Module:
    """A transposed convolution to twice the size, batch normalization, ReLU."""
    return Convolution(
        spatial_dims,
        in_channels,
        out_channels,
        strides=2,
        kernel_size=2,
        adn_ordering="NA",
        act="relu",
        norm="batch",
        bias=False,
        is_transposed=True,
        padding=0,
        output_padding=0,
    )
