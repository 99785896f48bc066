# SPDX-License-Identifier: Apache-2.0
"""The networks of the CT tasks looking at a scan: what each answer is boiled down to while it is still a slab."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from SpineLib.core.progress import Progress
from SpineLib.inference.attempts import Attempt, Change, Forward, carry_out
from SpineLib.inference.device import Device
from SpineLib.inference.scan_input import network_values
from SpineLib.inference.windows import Size, plan, run
from SpineLib.networks.ct_channels import (
    COORDINATE_MIDDLE,
    COORDINATE_UNIT,
    LOCALIZER_CHANNELS,
    OFFSET_UNIT_MM,
    PARTS,
)

OVERLAP = 0.25


@dataclass(frozen=True)
class CoarseLevels:
    """spine: bool `(I, J, K)`. places, spreads: float32 `(I, J, K)`, each voxel's place along the spine in steps of
    vertebrae (`networks.ct_channels.COORDINATES`) and how uncertain that is; 0 where no spine is."""

    spine: np.ndarray
    places: np.ndarray
    spreads: np.ndarray


@dataclass(frozen=True)
class VertebraVoxels:
    """parts: uint8 `(I, J, K)`, places in `PARTS`. The others are of the n voxels of vertebrae: where, int32 indices
    `(n, 3)`; votes, float32 `(n, 3)`, the indices of their vertebra's center; shares, float32 `(n,)`, how sure."""

    parts: np.ndarray
    where: np.ndarray
    votes: np.ndarray
    shares: np.ndarray

    def joined(self, other: "VertebraVoxels", there: np.ndarray) -> "VertebraVoxels":
        """This one with the other's answer at the voxels of `there`, bool `(I, J, K)`, where this one has none."""
        new = there[tuple(other.where.T)]
        return VertebraVoxels(
            np.where(there, other.parts, self.parts),
            np.concatenate([self.where, other.where[new]]),
            np.concatenate([self.votes, other.votes[new]]),
            np.concatenate([self.shares, other.shares[new]]),
        )


def find_levels(
    network: nn.Module, voxels_hu: np.ndarray, window: Size, device: Device, progress: Progress, changed: Change
) -> CoarseLevels:
    """The localizer's answer for a whole scan `(I, J, K)` at its coarse spacing."""
    image = network_values(voxels_hu)
    windows = plan(np.ones(image.shape, bool), window, OVERLAP)

    def look(forward: Forward, attempt: Attempt) -> CoarseLevels:
        found = CoarseLevels(np.zeros(image.shape, bool), *np.zeros((2, *image.shape), np.float32))

        def take(answer: torch.Tensor, seen: torch.Tensor, start: Size) -> None:
            box = tuple(slice(low, low + size) for low, size in zip(start, answer.shape[1:], strict=True))
            spine = (answer[0] > 0) & seen
            found.spine[box] = spine.cpu().numpy()
            found.places[box] = ((answer[1] * COORDINATE_UNIT + COORDINATE_MIDDLE) * spine).cpu().numpy()
            found.spreads[box] = (answer[2].clamp(-3, 3).exp() * spine).cpu().numpy()

        run(image, windows, LOCALIZER_CHANNELS, forward, attempt, take, progress)
        return found

    return carry_out(network, device, look, progress, changed, windows=True)


def find_vertebrae(
    network: nn.Module,
    voxels_hu: np.ndarray,
    wanted: np.ndarray,
    spacing_mm: float,
    window: Size,
    device: Device,
    progress: Progress,
    changed: Change,
) -> VertebraVoxels:
    """The vertebra network's answer `(I, J, K)` near the voxels of `wanted`, bool of the same shape."""
    image = network_values(voxels_hu)
    windows = plan(wanted, window, OVERLAP)

    def look(forward: Forward, attempt: Attempt) -> VertebraVoxels:
        parts = np.zeros(image.shape, np.uint8)
        found: list[tuple[np.ndarray, ...]] = []

        def take(answer: torch.Tensor, seen: torch.Tensor, start: Size) -> None:
            shares = answer[: len(PARTS)].softmax(0)
            box = tuple(slice(low, low + size) for low, size in zip(start, shares.shape[1:], strict=True))
            inside_wanted = torch.from_numpy(wanted[box]).to(shares.device)
            best = shares.argmax(0).to(torch.uint8) * (seen & inside_wanted)
            parts[box] = best.cpu().numpy()
            inside = (best == 1) | (best == 2)
            where = inside.nonzero().cpu().numpy() + np.array(start)
            ways = answer[len(PARTS) :][:, inside].T.cpu().numpy() * (OFFSET_UNIT_MM / spacing_mm)
            sure = (shares[1] + shares[2])[inside].cpu().numpy()
            found.append((where.astype(np.int32), (where + ways).astype(np.float32), sure))

        run(image, windows, len(PARTS) + 3, forward, attempt, take, progress)
        empty = (np.zeros((0, 3), np.int32), np.zeros((0, 3), np.float32), np.zeros(0, np.float32))
        where, votes, shares = (np.concatenate(each) for each in zip(empty, *found, strict=True))
        return VertebraVoxels(parts, where, votes, shares)

    return carry_out(network, device, look, progress, changed, windows=True)


def find_fractures(
    network: nn.Module,
    voxels_hu: np.ndarray,
    wanted: np.ndarray,
    window: Size,
    device: Device,
    progress: Progress,
    changed: Change,
) -> np.ndarray:
    """Probability of fractured bone, float16 `(I, J, K)`, at the voxels of `wanted`, bool of the same shape; else 0."""
    image = network_values(voxels_hu)
    windows = plan(wanted, window, OVERLAP)

    def look(forward: Forward, attempt: Attempt) -> np.ndarray:
        found = np.zeros(image.shape, np.float16)

        def take(answer: torch.Tensor, seen: torch.Tensor, start: Size) -> None:
            box = tuple(slice(low, low + size) for low, size in zip(start, answer.shape[1:], strict=True))
            found[box] = (answer[0].sigmoid() * seen).cpu().numpy() * wanted[box]

        run(image, windows, 1, forward, attempt, take, progress)
        return found

    return carry_out(network, device, look, progress, changed, windows=True)
