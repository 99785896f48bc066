# SPDX-License-Identifier: Apache-2.0
"""A running average of a network's weights: steadier than the last step, and it forgets single wrong labels."""

import copy

import torch
from torch import nn


class WeightAverage:
    """Exponential moving average of weights and normalization statistics; `decay` 0 follows the network exactly."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take one step towards `network`; the first steps count more, so that the start is soon forgotten."""
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10))
        state = network.state_dict()
        for name, value in self.network.state_dict().items():
            if value.dtype.is_floating_point:
                value.lerp_(state[name].to(value.dtype), 1 - decay)
            else:
                value.copy_(state[name])
