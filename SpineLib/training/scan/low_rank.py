# SPDX-License-Identifier: Apache-2.0
"""Changes of low rank: a network learns something new, and what it learned takes a few kilobytes.

After Hu et al., "LoRA: low-rank adaptation of large language models" (ICLR 2022). Ours is that what is added to a 3D
convolution is a sum of products of an output's, an input's and a place's weight (canonical polyadic decomposition),
and that the weakest of these terms are left out in the end.
"""

import torch
from torch import nn
from torch.nn.utils import parametrize

from SpineLib.core.errors import InputError
from SpineLib.models.weights import Terms

KEPT_SHARE = 0.6
"""Of the terms that are stored. Of the one model that was looked at, the validation loss was the same as with all."""


class LowRankChange(nn.Module):
    """Adds `rank` terms, at first zero, to the weights `(out, in, i, j, k)` of a layer."""

    def __init__(self, weights: torch.Tensor, rank: int) -> None:
        super().__init__()
        outputs, inputs, places = len(weights), weights.shape[1], weights[0, 0].numel()
        self.outputs = nn.Parameter(torch.zeros(rank, outputs))
        self.inputs = nn.Parameter(torch.randn(rank, inputs) / inputs**0.5)
        self.places = nn.Parameter(torch.randn(rank, places) / places**0.5)

    def forward(self, weights: torch.Tensor) -> torch.Tensor:
        return weights + torch.einsum("ro,ri,rp->oip", self.outputs, self.inputs, self.places).view_as(weights)

    @torch.no_grad()
    def terms(self) -> list[torch.Tensor]:
        """The factors `(rank, ...)`, the three of a term of one length."""
        factors = [self.outputs, self.inputs, self.places]
        lengths = [factor.norm(dim=1, keepdim=True).clamp_min(1e-12) for factor in factors]
        each = (lengths[0] * lengths[1] * lengths[2]) ** (1 / 3)
        return [factor / length * each for factor, length in zip(factors, lengths, strict=True)]


def add_changes(network: nn.Module, ranks: dict[str, int]) -> None:
    """To all 3D convolutions that have a key of `ranks` in their names; the first that fits tells the rank.

    Raises InputError for a key that is in no layer's name or only in those of layers that are trained whole.
    """
    layers = {name: layer for name, layer in network.named_modules() if isinstance(layer, nn.Conv3d)}
    for part in ranks:
        if not any(part in name and not layer.weight.requires_grad for name, layer in layers.items()):
            raise InputError(f'No layer that stays has the "{part}" of "low_rank" in its name.', "Name other layers.")
    for name, layer in layers.items():
        rank = next((rank for part, rank in ranks.items() if part in name), 0)
        if rank and not layer.weight.requires_grad:
            parametrize.register_parametrization(layer, "weight", LowRankChange(layer.weight, rank))


def merge_changes(network: nn.Module) -> Terms:
    """Make the changed weights ordinary ones again, with all terms; returns those that are to be stored, the strongest
    for the room that they take, and no terms for a layer that has none of these."""
    changed = {name: layer for name, layer in network.named_modules() if parametrize.is_parametrized(layer)}
    terms: Terms = {}
    ranking: list[tuple[float, str, int]] = []
    for name, layer in changed.items():
        factors = layer.parametrizations.weight[0].terms()
        room = sum(factor.shape[1] for factor in factors)
        sizes = factors[0].norm(dim=1) ** 3 / layer.parametrizations.weight.original.norm() / room**0.5
        terms[f"{name}.weight"] = factors
        ranking += [(float(size), f"{name}.weight", number) for number, size in enumerate(sizes)]
        parametrize.remove_parametrizations(layer, "weight")
    kept: dict[str, list[int]] = {name: [] for name in terms}
    for _, name, number in sorted(ranking, reverse=True)[: round(KEPT_SHARE * len(ranking))]:
        kept[name].append(number)
    return {name: [factor[sorted(numbers)] for factor in terms[name]] for name, numbers in kept.items()}
