# SPDX-License-Identifier: Apache-2.0
"""The U-Net of S1 (Sacharisa & Kartowisastro 2023) and its light form.

Two 3x3 convolutions with ReLU a level, 2x2 max pooling, 2x2 up-convolution, 1x1 output, dropout 0.1. Padded
convolutions are our reading: without padding the paper's input size is impossible. Batch normalization is ours.
"""

from monai.networks.nets import BasicUNet
from torch import nn

WIDTHS = {
    "paper": (64, 128, 256, 512, 1024),  # 31.1 M parameters in 2D
    "light": (16, 32, 64, 128, 256),  # 1.9 M parameters in 2D, the choice for CPUs
}


def unet(
    spatial_dims: int, in_channels: int, out_channels: int, width: str = "paper", dropout: float = 0.1
) -> nn.Module:
    """S1's U-Net; `width` is "paper" (64..1024 features) or "light" (16..256)."""
    features = WIDTHS[width]
    return BasicUNet(
        spatial_dims=spatial_dims,
        in_channels=in_channels,
        out_channels=out_channels,
        features=(*features, features[0]),
        norm="batch",
        act=("relu", {"inplace": True}),
        dropout=dropout,
    )
