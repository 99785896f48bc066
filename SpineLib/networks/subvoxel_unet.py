# SPDX-License-Identifier: Apache-2.0
"""A U-Net that computes on half the resolution and answers on the whole: eight voxels travel as eight channels.

Convolutions on the finest grid take most of a U-Net's time on a scan and see least of it. Here 2 x 2 x 2 voxels (2 x 2
pixels) are folded into channels at the entry and unfolded at the exit, so nothing is averaged away. The folding is that
of Shi et al., "Real-time single image and video super-resolution" (CVPR 2016); its use here is ours.
"""

from collections.abc import Sequence

import torch
from monai.networks.nets import BasicUNet
from torch import nn


class SubvoxelUNet(nn.Module):
    """`(B, in, *spatial)` -> `(B, out, *spatial)`; every size must be divisible by 32."""

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int, features: Sequence[int]) -> None:
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

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return unfold(self.inner(fold(image)))


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
    spatial_dims: int, in_channels: int, out_channels: int, features: Sequence[int] = (24, 32, 64, 96, 160, 24)
) -> nn.Module:
    """`features`: widths of the five levels and of the last map; these make some 3 M parameters in 3D."""
    return SubvoxelUNet(spatial_dims, in_channels, out_channels, tuple(features))
