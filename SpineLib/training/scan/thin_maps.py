# SPDX-License-Identifier: Apache-2.0
"""A way around a fault of oneDNN, which computes torch's convolutions on CPUs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

FAULTY_DEPTH = 2


class ThinMapsExact(TorchFunctionMode):
    """Maps `(B, C, 2, J, K)` go through 3D convolutions in float32, whatever autocast says.

    Of such maps, the deepest of most networks here, the gradient of the weights in bfloat16 is whatever lay in memory
    (torch 2.13, oneDNN's `jit_bf16:avx512_core_bf16`): those layers learn nothing, or all become no numbers.
    """

    def __torch_function__(
        self, func: Callable, types: Sequence[type], args: tuple = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if func is torch.conv3d and args[0].shape[2] == FAULTY_DEPTH and not args[0].is_cuda:
            with torch.autocast("cpu", enabled=False):
                return func(args[0].float(), *args[1:], **given)
        return func(*args, **given)
