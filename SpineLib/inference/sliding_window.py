# SPDX-License-Identifier: Apache-2.0
"""Run a network on an image window by window: details at full resolution in bounded memory."""

from collections.abc import Sequence

import torch
from monai.data.utils import compute_importance_map, dense_patch_slices
from monai.inferers.utils import sliding_window_inference
from torch import nn

from SpineLib.core.errors import InputError
from SpineLib.core.progress import Progress, silent
from SpineLib.inference.attempts import Attempt, Change, Forward, probabilities, unheard
from SpineLib.inference.device import Device


def predict(
    network: nn.Module,
    tensor: torch.Tensor,
    window: Sequence[int],
    overlap: float,
    device: Device,
    progress: Progress = silent,
    changed: Change = unheard,
) -> torch.Tensor:
    """Probabilities `(1, C, *spatial)`, float32 on the CPU, from an image `(1, channels, *spatial)`.

    window: its size in pixels per axis. overlap: the share of it that neighbors have in common, 0 to below 1; there
    the logits are averaged, weighted to the windows' centers. `progress` hears of every window and may raise Cancelled.
    The network stays where it is. A GPU that lacks the memory first leaves the stitching to the host and then all to
    the CPU, told to `progress` and `changed`.
    """
    if len(window) != tensor.ndim - 2 or min(window) < 1 or not 0 <= overlap < 1:
        raise InputError(
            f"The sliding window {tuple(window)} with overlap {overlap} does not suit the image.",
            f"Give {tensor.ndim - 2} sizes above 0 and an overlap from 0 to below 1.",
        )
    total = _count(tensor.shape[2:], window, overlap)
    weights = compute_importance_map(tuple(window), mode="gaussian", dtype=torch.float32)

    def run(forward: Forward, attempt: Attempt) -> torch.Tensor:
        done = 0

        def counted(part: torch.Tensor) -> torch.Tensor:
            nonlocal done
            progress(done / total, f"Window {done + 1} of {total}")
            done += 1
            return forward(part)

        return sliding_window_inference(
            tensor,
            roi_size=tuple(window),
            sw_batch_size=1,
            predictor=counted,
            overlap=overlap,
            roi_weight_map=weights,
            padding_mode="replicate",
            sw_device=attempt.device.name,
            device=attempt.stitch,
        )

    return probabilities(network, device, run, progress, changed, windows=True)


def _count(size: Sequence[int], window: Sequence[int], overlap: float) -> int:
    """How many windows cover the image."""
    padded = [max(length, part) for length, part in zip(size, window, strict=True)]
    steps = [
        part if part == length else max(1, int(part * (1 - overlap)))
        for length, part in zip(padded, window, strict=True)
    ]
    return len(dense_patch_slices(padded, window, steps))
