# SPDX-License-Identifier: Apache-2.0
"""The networks of the CT tasks looking at a scan: what each answer is boiled down to while it is still a slab."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from SpineLib.core.box import box_at
from SpineLib.core.progress import Progress
from SpineLib.inference.attempts import Attempt, Change, Forward, carry_out
from SpineLib.inference.device import Device
from SpineLib.inference.scan_input import network_values
from SpineLib.inference.windows import Box, Size, plan, plan_around, run
from SpineLib.networks.ct_channels import (
    FRACTURE_CLASSES,
    LEVELS,
    LOCALIZER_CHANNELS,
    OFFSET_UNIT_MM,
    PARTS,
    REGIONS,
    VERTEBRA_CHANNELS,
)

OVERLAP = 0.25
SACRUM, MAYBE_SACRUM = PARTS.index("sacrum"), len(PARTS)
LEAST_SACRUM, UNSURE = 0.005, 1.3
"""Where nothing is more probable than the sacrum, but the sacrum is so probable, it may be there. Synthetic sacra are
less varied than real ones: of those the network is less sure, and so many times as much is possible as is probable (on
synthetic scans a third as much to as much, around the edge)."""
NEVER = -20.0
"""Log odds of what was not looked at."""


@dataclass(frozen=True)
class CoarseLevels:
    """spine: bool `(I, J, K)`. numbers: int32 `(I, J, K)`, each spine voxel's row of `shares`; -1 where no spine is.
    shares: float16 `(n, levels)`, how well the voxel looks like each of `networks.ct_channels.LEVELS`; sum 1."""

    spine: np.ndarray
    numbers: np.ndarray
    shares: np.ndarray


@dataclass(frozen=True)
class VertebraVoxels:
    """parts: uint8 `(I, J, K)`, places in `PARTS`. solid: uint8 `(2, I, J, K)`, how surely (0 to 255) a voxel is of a
    vertebra and of a body. The others are of the n voxels of vertebrae: where, int32 indices `(n, 3)`; votes, float32
    `(n, 3)`, the indices of their vertebra's center; shares, float32 `(n,)`, how sure; regions, float16 `(n, 3)`, the
    probability of each of `REGIONS`."""

    parts: np.ndarray
    solid: np.ndarray
    where: np.ndarray
    votes: np.ndarray
    shares: np.ndarray
    regions: np.ndarray

    def joined(self, other: "VertebraVoxels", there: np.ndarray) -> "VertebraVoxels":
        """This one with the other's answer at the voxels of `there`, bool `(I, J, K)`, where this one has none."""
        new = there[tuple(other.where.T)]
        both = (
            np.concatenate([getattr(self, each), getattr(other, each)[new]])
            for each in ("where", "votes", "shares", "regions")
        )
        parts, solid = np.where(there, other.parts, self.parts), np.where(there, other.solid, self.solid)
        return VertebraVoxels(parts, solid, *both)


def no_levels(shape: Size) -> CoarseLevels:
    """The answer where nothing is known."""
    return CoarseLevels(np.zeros(shape, bool), np.full(shape, -1, np.int32), np.zeros((0, len(LEVELS)), np.float16))


def find_levels(
    network: nn.Module, voxels_hu: np.ndarray, window: Size, device: Device, progress: Progress, changed: Change
) -> CoarseLevels:
    """The localizer's answer for a whole scan `(I, J, K)` at its coarse spacing."""
    windows = plan(np.ones(voxels_hu.shape, bool), window, OVERLAP)

    def look(forward: Forward, attempt: Attempt) -> CoarseLevels:
        spine, numbers = np.zeros(voxels_hu.shape, bool), np.full(voxels_hu.shape, -1, np.int32)
        shares: list[np.ndarray] = [np.zeros((0, len(LEVELS)), np.float16)]

        def take(answer: torch.Tensor, seen: torch.Tensor, start: Size) -> None:
            box = box_at(start, answer.shape[1:])
            there = (answer[0] > 0) & seen
            new = answer[1:].movedim(0, -1)[there].softmax(1).half().cpu().numpy()
            spine[box] = there.cpu().numpy()
            first = sum(map(len, shares))
            numbers[box][spine[box]] = np.arange(first, first + len(new))
            shares.append(new)

        run(voxels_hu, windows, LOCALIZER_CHANNELS, _of_hu(forward), attempt, take, progress)
        return CoarseLevels(spine, numbers, np.concatenate(shares))

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
    vertebrae: Sequence[Box] = (),
) -> VertebraVoxels:
    """The vertebra network's answer `(I, J, K)` near the voxels of `wanted`, bool of the same shape. vertebrae: boxes
    of those that are known, around which windows are laid."""
    windows = plan_around(vertebrae, wanted, window) if vertebrae else plan(wanted, window, OVERLAP)

    def look(forward: Forward, attempt: Attempt) -> VertebraVoxels:
        parts, solid = np.zeros(voxels_hu.shape, np.uint8), np.zeros((2, *voxels_hu.shape), np.uint8)
        found: list[tuple[np.ndarray, ...]] = []

        def take(answer: torch.Tensor, seen: torch.Tensor, start: Size) -> None:
            box = box_at(start, answer.shape[1:])
            known = seen & torch.from_numpy(wanted[box]).to(seen.device)
            places = tuple(known.nonzero().cpu().numpy().T + np.array(start)[:, None])
            answer = answer[:, known]
            shares = answer[: len(PARTS)].softmax(0)
            bone = torch.stack([shares[1] + shares[2], shares[1]])
            best = shares.argmax(0)
            best[(best == 0) & (shares[SACRUM] > LEAST_SACRUM)] = MAYBE_SACRUM
            parts[places] = best.cpu().numpy()
            solid[(slice(None), *places)] = (bone * 255).to(torch.uint8).cpu().numpy()
            inside = (best == 1) | (best == 2)
            where = np.stack(places, 1)[inside.cpu().numpy()]
            _, ways, looks = answer[:, inside].split((len(PARTS), 3, len(REGIONS)))
            votes = where + ways.T.cpu().numpy() * (OFFSET_UNIT_MM / spacing_mm)
            sure = bone[0][inside].cpu().numpy()
            regions = looks.softmax(0).T.half().cpu().numpy()
            found.append((where.astype(np.int32), votes.astype(np.float32), sure, regions))

        run(voxels_hu, windows, VERTEBRA_CHANNELS, _of_hu(forward), attempt, take, progress)
        decide_sacrum(parts)
        nothing = np.zeros((0, 3), np.float32)
        empty = (nothing.astype(np.int32), nothing, np.zeros(0, np.float32), nothing.astype(np.float16))
        return VertebraVoxels(parts, solid, *(np.concatenate(each) for each in zip(empty, *found, strict=True)))

    return carry_out(network, device, look, progress, changed, windows=True)


def _of_hu(forward: Forward) -> Forward:
    """A network's forward that takes HU: windows are converted one by one, so that no copy of the scan is needed."""
    return lambda voxels_hu: forward(torch.from_numpy(network_values(voxels_hu.numpy())))


def decide_sacrum(parts: np.ndarray) -> None:
    """Where it may be, in place: it is there if that is far more than where it surely is; else nothing is there."""
    maybe = parts == MAYBE_SACRUM
    parts[maybe] = SACRUM if np.count_nonzero(maybe) > UNSURE * np.count_nonzero(parts == SACRUM) else 0


def find_fractures(
    network: nn.Module,
    voxels_hu: np.ndarray,
    wanted: np.ndarray,
    vertebrae: Sequence[Box],
    window: Size,
    device: Device,
    progress: Progress,
    changed: Change,
) -> np.ndarray:
    """Log odds of fractured bone, float16 `(I, J, K)`, at the voxels of `wanted`, bool of the same shape; else `NEVER`.

    vertebrae: their boxes, around which windows are laid. A network has learned on windows around fractures: on 117
    calibration scans twice as much of broken spinous processes was marked as with windows in a lattice.
    float16 holds log odds finely where probabilities near 1 are all the same to it.
    """
    windows = plan_around(vertebrae, wanted, window)

    def look(forward: Forward, attempt: Attempt) -> np.ndarray:
        found = np.full(voxels_hu.shape, NEVER, np.float16)

        def take(answer: torch.Tensor, seen: torch.Tensor, start: Size) -> None:
            box = box_at(start, answer.shape[1:])
            known = seen & torch.from_numpy(wanted[box]).to(seen.device)
            found[box] = torch.where(known, log_odds_of(answer).clamp_min(NEVER), NEVER).cpu().numpy()

        run(voxels_hu, windows, len(FRACTURE_CLASSES), _of_hu(forward), attempt, take, progress)
        return found

    return carry_out(network, device, look, progress, changed, windows=True)


def log_odds_of(answer: torch.Tensor) -> torch.Tensor:
    """Log odds of fractured bone, `(I, J, K)`, in a fracture network's answer `(classes, I, J, K)`."""
    broken = FRACTURE_CLASSES.index("fractured")
    others = [place for place in range(len(FRACTURE_CLASSES)) if place != broken]
    return answer[broken] - answer[others].logsumexp(0)
