# SPDX-License-Identifier: Apache-2.0
"""Fold batch normalization into the convolution before it: the same answer with fewer steps, for inference only."""

from collections.abc import Iterator
from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Place = tuple[nn.Module, str]
"""A module by its parent and its name there."""


def fold_norms(network: nn.Module) -> int:
    """Fold every convolution -> batch normalization pair that runs in sequence, in place; how many there were.

    The network must be in evaluation mode. Other normalizations depend on the image and stay.
    """
    folded = 0
    for sequence in [module for module in network.modules() if _is_sequence(module)]:
        for (parent, name), (next_parent, next_name) in pairwise(list(_leaves(sequence))):
            convolution, norm = parent.get_submodule(name), next_parent.get_submodule(next_name)
            if not isinstance(convolution, nn.Conv1d | nn.Conv2d | nn.Conv3d):
                continue
            if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d) and norm.track_running_stats:
                setattr(parent, name, fuse_conv_bn_eval(convolution, norm))
                setattr(next_parent, next_name, nn.Identity())
                folded += 1
    return folded


def _leaves(sequence: nn.Module) -> Iterator[Place]:
    """What a sequence runs, in order, sequences inside it opened."""
    for name, child in sequence.named_children():
        if _is_sequence(child):
            yield from _leaves(child)
        else:
            yield sequence, name


def _is_sequence(module: nn.Module) -> bool:
    return isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward
