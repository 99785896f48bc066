# SPDX-License-Identifier: Apache-2.0
"""The U-Net with residual units (Horng 2019, named in S3), as MONAI builds it: the comparator of MSFF on scans.

Two convolutions a residual unit are Horng's; the widths, batch normalization and ReLU are ours.
"""

from collections.abc import Sequence

from monai.networks.nets import UNet
from torch import nn


def residual_unet(
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    features: Sequence[int] = (16, 32, 64, 128, 256),
    dropout: float = 0.0,
) -> nn.Module:
    """Residual U-Net for films and scans. `features` are its widths by level; these make 4.8 M parameters in 3D."""
    return UNet(
        spatial_dims=spatial_dims,
        in_channels=in_channels,
        out_channels=out_channels,
        channels=features,
        strides=(2,) * (len(features) - 1),
        num_res_units=2,
        norm="batch",
        act=("relu", {"inplace": True}),
        dropout=dropout,
    )
