# SPDX-License-Identifier: Apache-2.0
"""Which device runs the network, and in which precision."""

import time
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import nn

from SpineLib.core.errors import InputError, ResourceError

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = {"auto": None, "fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

WORTH_IT = 1.3
"""How many times faster a short precision must be in the trial. Well above the noise, so that choices repeat. Ours."""


@dataclass(frozen=True)
class Device:
    """name: a torch device; dtype: what the network computes in; note: why these, in words for the log."""

    name: str
    dtype: torch.dtype
    note: str = ""

    @property
    def precision(self) -> str:
        """The precision by its short name, for the provenance of results."""
        return next(name for name, dtype in PRECISIONS.items() if dtype == self.dtype)


def select(device: str = "auto", precision: str = "auto") -> Device:
    """The device and precision to use; "auto" takes CUDA where it really computes, and the fastest safe precision.

    Raises InputError for an unknown value, ResourceError where what was asked for by name is not there.
    """
    _check("device", device, DEVICES)
    _check("precision", precision, PRECISIONS)
    fault = "" if device == "cpu" else cuda_fault()
    if device == "cuda" and fault:
        raise ResourceError(f"The device cuda cannot be used: {fault}.", "Use the device auto or cpu.")
    name = "cpu" if device == "cpu" or fault else "cuda"
    where = f"CPU (CUDA: {fault})" if fault else _title(name)
    if precision == "auto":
        return _fastest(name, where)
    dtype = PRECISIONS[precision]
    if not _computes(name, dtype):
        raise ResourceError(f"The {name} device cannot compute in {precision}.", "Use the precision auto or fp32.")
    return Device(name, dtype, f"{where}, {precision} as asked")


@lru_cache(maxsize=1)
def cuda_fault() -> str:
    """Why CUDA cannot be used; empty where a convolution ran on it, which drivers have been known to promise only."""
    if not torch.cuda.is_available():
        return "none found"
    try:
        _run_trial("cuda", torch.float32)
    except RuntimeError as error:
        return str(error).splitlines()[0].rstrip(".")
    return ""


def _fastest(name: str, where: str) -> Device:
    """The short precision of that device where the trial shows it pays, else fp32."""
    short = "fp16" if name == "cuda" else "bf16"
    gain = _gain(name, PRECISIONS[short])
    if gain >= WORTH_IT:
        return Device(name, PRECISIONS[short], f"{where}, {short} ({gain:.1f} times as fast as fp32 in a trial)")
    return Device(name, torch.float32, f"{where}, fp32 ({short} brings nothing here)")


@lru_cache(maxsize=8)
def _gain(name: str, dtype: torch.dtype) -> float:
    """How many times faster than fp32 a small stack of convolutions runs in `dtype`; 0 where it cannot."""
    if name == "cpu" and not _has_bf16_units():
        return 0.0
    threads = torch.get_num_threads()
    try:
        # One thread and its own clock: other programs' load must not decide about the precision.
        torch.set_num_threads(1)
        pairs = [(_run_trial(name, torch.float32), _run_trial(name, dtype)) for _ in range(3)]
    except RuntimeError:
        return 0.0
    finally:
        torch.set_num_threads(threads)
    usual, short = (min(times) for times in zip(*pairs, strict=True))
    return usual / max(short, 1e-6)


def _has_bf16_units() -> bool:
    """Whether the processor multiplies bf16 itself; where torch cannot tell, the trial decides alone."""
    if not hasattr(torch.cpu, "get_capabilities"):
        return True
    found = torch.cpu.get_capabilities()
    return any(found.get(unit, False) for unit in ("avx512_bf16", "amx_bf16", "bf16"))


def _computes(name: str, dtype: torch.dtype) -> bool:
    """Whether the device computes in that precision at all; fp16 is refused on CPUs, where it is slow and rare."""
    if dtype == torch.float32:
        return True
    if name == "cpu":
        return dtype == torch.bfloat16
    return dtype == torch.float16 or torch.cuda.is_bf16_supported(including_emulation=False)


@torch.inference_mode()
def _run_trial(name: str, dtype: torch.dtype) -> float:
    """Seconds that a few rounds of two 3x3 convolutions take, some 20 ms on a processor."""
    side, rounds, clock = (96, 4, time.thread_time) if name == "cpu" else (768, 4, time.perf_counter)
    layers = nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1))
    layers = layers.to(name, dtype, memory_format=torch.channels_last)
    image = torch.ones((1, 32, side, side), device=name, dtype=dtype).to(memory_format=torch.channels_last)
    start = clock()
    for _ in range(rounds):
        float(layers(image).sum())  # reading the number waits for the device
    return clock() - start


def _title(name: str) -> str:
    return f"CUDA ({torch.cuda.get_device_name()})" if name == "cuda" else "CPU"


def _check(what: str, value: str, allowed: object) -> None:
    if value not in allowed:
        raise InputError(f'"{value}" is no {what}.', f"Allowed: {', '.join(allowed)}.")
