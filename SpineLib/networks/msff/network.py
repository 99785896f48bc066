# SPDX-License-Identifier: Apache-2.0
"""MSFF as a whole: the modules in the order of S4."""

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from SpineLib.core.errors import ModelError
from SpineLib.networks.msff.aspp import ASPP
from SpineLib.networks.msff.blocks import projection
from SpineLib.networks.msff.decoder import Decoder
from SpineLib.networks.msff.encoder import Encoder
from SpineLib.networks.msff.ffm import FFM
from SpineLib.networks.msff.lprab import LPRAB
from SpineLib.networks.msff.rbrab import RBRAB
from SpineLib.networks.msff.rcbam import RCBAM
from SpineLib.networks.msff.reduction import Reduction
from SpineLib.networks.msff.sem import SEM
from SpineLib.networks.msff.variants import VARIANTS, Variant


def msff(spatial_dims: int, in_channels: int, out_channels: int, variant: str = "default", **changes: Any) -> nn.Module:
    """MSFF by the name of its variant; `changes` are fields of `Variant`, such as `use_lprab=False`.

    Raises ModelError for an unknown variant.
    """
    if variant not in VARIANTS:
        raise ModelError(f'MSFF has no variant "{variant}".', f"Known variants: {', '.join(sorted(VARIANTS))}.")
    return MSFF(spatial_dims, in_channels, out_channels, replace(VARIANTS[variant], **changes))


class MSFF(nn.Module):
    """`(B, in_channels, *size)` -> logits `(B, out_channels, *size)`; every length a multiple of 16, 32 at least.

    A module that is switched off is replaced by the identity, ASPP by a 1x1 projection since it changes the width.
    """

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int, variant: Variant) -> None:
        super().__init__()
        deep, width = variant.widths[1:], variant.fusion_width
        fused = tuple(min(channels, variant.widest_fusion) for channels in deep) if variant.use_ffm else deep
        self.encoder = Encoder(spatial_dims, in_channels, variant.widths)
        self.ffm = FFM(spatial_dims, deep, fused) if variant.use_ffm else nn.Identity()
        self.sem = SEM(spatial_dims, fused) if variant.use_sem else nn.Identity()
        self.reduction = Reduction(spatial_dims, fused, width)
        self.aspp = (ASPP if variant.use_aspp else projection)(spatial_dims, width * len(deep), width)
        self.rcbam = RCBAM(spatial_dims, width) if variant.use_rcbam else nn.Identity()
        self.rbrab = RBRAB(spatial_dims, width) if variant.use_rbrab else nn.Identity()
        self.lprab = LPRAB(spatial_dims, width) if variant.use_lprab else nn.Identity()
        self.decoder = Decoder(spatial_dims, width, out_channels, variant.widths[:2] if variant.skips else ())

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        maps = self.encoder(image)
        x = self.reduction(self.sem(self.ffm(maps[1:])))
        x = self.lprab(self.rbrab(self.rcbam(self.aspp(x))))
        return self.decoder(x, maps)
