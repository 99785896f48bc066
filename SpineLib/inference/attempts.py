# SPDX-License-Identifier: Apache-2.0
"""Run a network where it was asked to run, and where that fails, where it can: GPU -> GPU with host memory -> CPU."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import nn

from SpineLib.core.errors import ModelError, ResourceError
from SpineLib.core.progress import Progress
from SpineLib.inference.device import Device, select

IMAGE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
MEMORY_WORDS = ("out of memory", "not enough memory", "can't allocate memory", "DefaultCPUAllocator")


@dataclass(frozen=True)
class Attempt:
    """stitch: the device that holds the whole answer; announcement: what is said when this attempt follows another."""

    device: Device
    stitch: str
    announcement: str = ""


Forward = Callable[[torch.Tensor], torch.Tensor]
Change = Callable[[Device, str], None]
"""Hears the device that takes over and why, in a sentence for the user."""
Found = TypeVar("Found")
Run = Callable[[Forward, Attempt], Found]
"""Compute an answer with a network's forward, which takes any float image and answers in float32. May raise NotFinite.
It is called again, from the start, where an attempt fails."""


class NotFinite(ModelError):
    """A short precision overflowed, or the weights are damaged."""

    def __init__(self) -> None:
        super().__init__("The network's answer is not a number.", "The model may be damaged: verify it.")


def unheard(device: Device, sentence: str) -> None:
    """Let changes of the device pass."""


def probabilities(
    network: nn.Module, device: Device, run: Run[torch.Tensor], progress: Progress, changed: Change, windows: bool
) -> torch.Tensor:
    """Sigmoid of the logits that `run` computes, float32 on the CPU; all else as in `carry_out`."""

    def checked(forward: Forward, attempt: Attempt) -> torch.Tensor:
        answer = run(forward, attempt)
        if not answer.isfinite().all():
            raise NotFinite()
        return answer.sigmoid().cpu().contiguous()

    return carry_out(network, device, checked, progress, changed, windows)


def carry_out(
    network: nn.Module, device: Device, run: Run[Found], progress: Progress, changed: Change, windows: bool
) -> Found:
    """What `run` finds, by the first attempt that succeeds.

    The network itself is neither moved nor changed. Each change of plan is told to `progress` and `changed`.
    Raises ResourceError where the memory does not suffice anywhere, ModelError where the answer is not finite.
    """
    attempts = list(_plan(device, windows))
    while attempts:
        attempt = attempts.pop(0)
        if attempt.announcement:
            progress(0.0, attempt.announcement)
            changed(attempt.device, attempt.announcement)
        try:
            return _once_or_twice(network, attempt, run, progress, changed)
        except MemoryError as error:
            raise _no_memory() from error
        # Builds without CUDA answer a move to it with an AssertionError.
        except (RuntimeError, AssertionError) as error:
            out_of_memory = any(word in str(error) for word in MEMORY_WORDS)
            if attempt.device.name == "cpu" and out_of_memory:
                raise _no_memory() from error
            if attempt.device.name == "cpu":
                raise
            if not out_of_memory and not isinstance(error, torch.OutOfMemoryError):
                attempts = attempts[-1:]
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()
    raise AssertionError("The attempt on the CPU always returns or raises.")


def _plan(device: Device, windows: bool) -> Iterator[Attempt]:
    yield Attempt(device, device.name)
    if device.name == "cpu":
        return
    if windows:
        yield Attempt(device, "cpu", "The GPU ran out of memory; its windows are now put together in main memory.")
    host = select("cpu", "fp32" if device.dtype == torch.float32 else "auto")
    yield Attempt(host, "cpu", "The GPU could not do it; the CPU takes over.")


def _once_or_twice(network: nn.Module, attempt: Attempt, run: Run[Found], progress: Progress, changed: Change) -> Found:
    """One attempt; once more in fp32 where a short precision overflowed."""
    with torch.inference_mode(), _repeatable():
        try:
            return run(_forward(network, attempt.device.name, attempt.device.dtype), attempt)
        except NotFinite:
            if attempt.device.dtype == torch.float32:
                raise
        announcement = f"{attempt.device.precision} overflowed; the network runs again in fp32."
        progress(0.0, announcement)
        changed(replace(attempt.device, dtype=torch.float32), announcement)
        return run(_forward(network, attempt.device.name, torch.float32), attempt)


def _forward(network: nn.Module, name: str, dtype: torch.dtype) -> Forward:
    """The network's forward on a copy that lies on the device, in the precision and memory layout that suit it."""
    placed = copy.deepcopy(network).eval().to(name, dtype)
    # Channels last nearly halves the time of batch-normalized 2D networks on CPUs and lengthens that of
    # instance-normalized ones.
    last = not any(isinstance(module, IMAGE_NORMS) for module in placed.modules())

    def laid_out(values: torch.Tensor) -> torch.Tensor:
        return values.contiguous(memory_format=torch.channels_last) if last and values.ndim == 4 else values

    for parameter in placed.parameters():
        parameter.data = laid_out(parameter.data)

    def forward(image: torch.Tensor) -> torch.Tensor:
        return placed(laid_out(image.to(name, dtype))).float()

    return forward


@contextmanager
def _repeatable() -> Iterator[None]:
    """The same image gives the same answer, and fp32 means fp32."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


def _no_memory() -> ResourceError:
    return ResourceError("The memory does not suffice for this image.", "Close other programs or use a smaller image.")
