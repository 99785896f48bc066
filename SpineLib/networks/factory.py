# SPDX-License-Identifier: Apache-2.0
"""Build any network by its name. A new network is one file and one line of this table."""

from typing import Any

from torch import nn

from SpineLib.core.errors import ModelError
from SpineLib.networks.light_unet import light_unet
from SpineLib.networks.msff.network import msff
from SpineLib.networks.padded import Padded
from SpineLib.networks.residual_unet import residual_unet
from SpineLib.networks.subvoxel_unet import subvoxel_unet
from SpineLib.networks.unet import unet

NETWORKS = {
    # name: (builder, factor by which the deepest map is smaller than the input)
    "unet": (unet, 16),
    "light_unet": (light_unet, 32),
    "residual_unet": (residual_unet, 16),
    "msff": (msff, 16),
    "subvoxel_unet": (subvoxel_unet, 32),
}


def build_network(name: str, spatial_dims: int, in_channels: int, out_channels: int, **options: Any) -> nn.Module:
    """A network that maps `(B, in_channels, *spatial)` to logits `(B, out_channels, *spatial)` at any input size.

    options are those of the network's own file. Raises ModelError for an unknown name.
    """
    if name not in NETWORKS:
        raise ModelError(f'There is no network called "{name}".', f"Known networks: {', '.join(sorted(NETWORKS))}.")
    builder, factor = NETWORKS[name]
    return Padded(builder(spatial_dims, in_channels, out_channels, **options), factor)
