# SPDX-License-Identifier: Apache-2.0
"""A U-Net that computes on half the resolution and answers on the whole: eight voxels travel as eight channels.

Convolutions on the finest grid take most of a U-Net's time on a scan and see least of it. Here 2 x 2 x 2 voxels (2 x 2
pixels) are folded into channels at the entry and unfolded at the exit, so nothing is averaged away. The folding is that
of Shi et al., "Real-time single image and video super-resolution" (CVPR 2016); its use here is ours. Two small
convolutions on the finest grid may follow, which see image and answer together: thin bone has its edges there.
"""

from collections.abc import Sequence

import torch
from monai.networks.layers import Conv
from monai.networks.nets import BasicUNet
from torch import nn

REFINING_CHANNELS = 16


class SubvoxelUNet(nn.Module):
    """`(B, in, *spatial)` -> `(B, out, *spatial)`; every size must be divisible by 32. refined: how many of the first
    channels the convolutions on the finest grid correct; with 0 there are none."""

    def __init__(
        self, spatial_dims: int, in_channels: int, out_channels: int, features: Sequence[int], refined: int = 0
    ) -> None:
        super().__init__()
        parts = 2**spatial_dims
        self.inner = BasicUNet(
            spatial_dims,
            parts * in_channels,
            parts * out_channels,
            features=features,
            norm=("instance", {"affine": True}),
            act=("leakyrelu", {"negative_slope": 0.1, "inplace": True}),
        )

        self.refined = refined
        self.refinement = _refinement(spatial_dims, in_channels, refined) if refined else None

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        answer = unfold(self.inner(fold(image)))
        if self.refinement is None:
            return answer
        coarse, rest = answer[:, : self.refined], answer[:, self.refined :]
        seen = torch.cat([image, coarse], 1)
        if seen.ndim == 5:
            # Convolutions of so few channels take half the time in this order.
            seen = seen.contiguous(memory_format=torch.channels_last_3d)
        return torch.cat([coarse + self.refinement(seen), rest], 1)


def _refinement(spatial_dims: int, in_channels: int, refined: int) -> nn.Sequential:
    """The correction of `refined` channels; none at first, so that a network trained without it keeps its answer."""
    convolution = Conv[Conv.CONV, spatial_dims]
    last = convolution(REFINING_CHANNELS, refined, 3, padding=1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    first = convolution(in_channels + refined, REFINING_CHANNELS, 3, padding=1)
    return nn.Sequential(first, nn.LeakyReLU(0.1, inplace=True), last)


def fold(image: torch.Tensor) -> torch.Tensor:
    """`(B, C, *spatial)` -> `(B, C * 2**n, *spatial / 2)`."""
    batch, channels, *size = image.shape
    n = len(size)
    split = image.reshape(batch, channels, *(part for length in size for part in (length // 2, 2)))
    order = [0, 1, *range(3, 3 + 2 * n, 2), *range(2, 2 + 2 * n, 2)]
    return split.permute(order).reshape(batch, channels * 2**n, *(length // 2 for length in size))


def unfold(maps: torch.Tensor) -> torch.Tensor:
    """The inverse of `fold`."""
    batch, channels, *size = maps.shape
    n = len(size)
    split = maps.reshape(batch, channels // 2**n, *(2,) * n, *size)
    order = [0, 1, *(axis for each in range(n) for axis in (2 + n + each, 2 + each))]
    return split.permute(order).reshape(batch, channels // 2**n, *(2 * length for length in size))


def subvoxel_unet(
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    features: Sequence[int] = (24, 32, 64, 96, 160, 24),
    refined: int = 0,
) -> nn.Module:
    """`features`: widths of the five levels and of the last map; these make some 3 M parameters in 3D."""
    return SubvoxelUNet(spatial_dims, in_channels, out_channels, tuple(features), refined)
