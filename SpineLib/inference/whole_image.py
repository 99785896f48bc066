# SPDX-License-Identifier: Apache-2.0
"""Run a network on a whole image at once."""

import torch
from torch import nn

from SpineLib.core.progress import Progress, silent
from SpineLib.inference.attempts import Attempt, Change, Forward, probabilities, unheard
from SpineLib.inference.device import Device


def predict(
    network: nn.Module,
    tensor: torch.Tensor,
    device: Device,
    progress: Progress = silent,
    changed: Change = unheard,
) -> torch.Tensor:
    """Probabilities `(B, C, *spatial)`, float32 on the CPU, from images `(B, channels, *spatial)`.

    The network stays where it is. A GPU that fails or lacks the memory is replaced by the CPU, told to `progress`
    and `changed`.
    """

    def run(forward: Forward, attempt: Attempt) -> torch.Tensor:
        return forward(tensor)

    return probabilities(network, device, run, progress, changed, windows=False)
