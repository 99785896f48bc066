# SPDX-License-Identifier: Apache-2.0
"""Windows over a part of a scan or around vertebrae, finished slab by slab: bounded memory, cost by the spine's length.

Answers are summed in a buffer as high as one window. What no later window touches is handed on at once and forgotten.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise, product

import numpy as np
import torch

from SpineLib.core.box import box_at
from SpineLib.core.progress import Progress
from SpineLib.inference.attempts import Attempt, Forward, NotFinite

Slab = Callable[[torch.Tensor, torch.Tensor, tuple[int, int, int]], None]
"""Takes finished logits `(C, i, j, k)`, where any window lay, bool `(i, j, k)`, and the index of their first voxel."""
Size = tuple[int, int, int]
Box = tuple[slice, ...]
EDGE = 5
"""Voxels at a window's edge, of which it sees too little around."""
SIGMA, LEAST_WEIGHT = 0.125, 1e-3
"""Of the Gaussian, as a share of a window's length, and its least value."""
AT_ONCE = 2
"""Windows a forward pass. Of a single small image torch computes some 3D convolutions on a path that is ten times
slower on CPUs, so that two are faster than one."""


@dataclass(frozen=True)
class Plan:
    """Windows of one `size`, by the index along k at which they begin: lowest first."""

    size: Size
    layers: tuple[tuple[int, tuple[tuple[int, int], ...]], ...]

    @property
    def count(self) -> int:
        return sum(len(places) for _, places in self.layers)


def plan(wanted: np.ndarray, window: Size, overlap: float) -> Plan:
    """Windows that cover the voxels of `wanted`, bool `(I, J, K)`.

    Each has its place in a lattice over the whole scan, as MONAI's `SlidingWindowInferer` lays it, so that answers
    are the same as if the whole scan were looked at. Left out are those whose cell, what lies nearest to their middle,
    holds nothing wanted or only what others show off their edges.
    """
    size = tuple(min(length, extent) for length, extent in zip(window, wanted.shape, strict=True))
    axes = [_cells(extent, length, overlap) for extent, length in zip(wanted.shape, size, strict=True)]
    cells = {place: tuple(axis[start] for axis, start in zip(axes, place, strict=True)) for place in product(*axes)}
    counts = {place: number for place, cell in cells.items() if (number := np.count_nonzero(wanted[cell]))}
    shown = np.zeros(wanted.shape, np.uint8)
    inner = {place: tuple(slice(a + EDGE, a + b - EDGE) for a, b in zip(place, size, strict=True)) for place in counts}
    for box in inner.values():
        shown[box] += 1
    kept = sorted(counts, key=lambda place: place[2])
    # Those that show least are given up first.
    for place in sorted(counts, key=lambda place: counts[place]):
        cell = cells[place]
        if (shown[cell][wanted[cell]] > 1).all():
            shown[inner[place]] -= 1
            kept.remove(place)
    return _planned(size, kept)


def plan_around(boxes: Sequence[Box], wanted: np.ndarray, window: Size) -> Plan:
    """A window with each box in its middle, and around a box that is too large for it as few more as show the rest off
    their edges; but for those without a voxel of `wanted`, bool `(I, J, K)`."""
    size = tuple(min(length, extent) for length, extent in zip(window, wanted.shape, strict=True))
    places: set[tuple[int, ...]] = set()
    for box in boxes:
        places.add(tuple(map(_start_amid, box, size, wanted.shape)))
        places.update(product(*map(_starts_around, box, size, wanted.shape)))
    kept = sorted((place for place in places if wanted[box_at(place, size)].any()), key=lambda place: place[::-1])
    return _planned(size, kept)


def _planned(size: tuple[int, ...], places: Sequence[tuple[int, ...]]) -> Plan:
    """Windows at these places, which are in the order of k."""
    layers = [(k, tuple((i, j) for i, j, _ in group)) for k, group in groupby(places, key=lambda place: place[2])]
    return Plan((size[0], size[1], size[2]), tuple(layers))


def run(
    image: np.ndarray, windows: Plan, channels: int, forward: Forward, attempt: Attempt, done: Slab, progress: Progress
) -> None:
    """Network answers of the planned windows, averaged where they overlap, given to `done` from the lowest k upward.

    image: `(I, J, K)`, what `forward` takes. `progress` hears of every window and may raise Cancelled. Raises
    ModelError where the answer is not finite.
    """
    weight = _weight(windows.size).to(attempt.stitch)
    (left, front), shape = _extent(windows)
    total = torch.zeros((channels, *shape), device=attempt.stitch)
    weights = torch.zeros(shape, device=attempt.stitch)
    answers = _answers(image, windows, forward, attempt, progress)
    for number, (start, places) in enumerate(windows.layers):
        for i, j in places:
            box = box_at((i - left, j - front, 0), windows.size)
            total[(slice(None), *box)] += next(answers) * weight
            weights[box] += weight
        later = windows.layers[number + 1][0] if number + 1 < len(windows.layers) else start + windows.size[2]
        finished = min(later - start, windows.size[2])
        _hand_on(total, weights, finished, (left, front, start), done)
        _move_down(total, finished)
        _move_down(weights, finished)


def _answers(
    image: np.ndarray, windows: Plan, forward: Forward, attempt: Attempt, progress: Progress
) -> Iterator[torch.Tensor]:
    """The answer `(C, i, j, k)` to each window in turn. The last of a layer goes together with the first of the next:
    where vertebrae have a window each, every layer is one."""
    places = [(i, j, k) for k, layer in windows.layers for i, j in layer]
    for first in range(0, len(places), AT_ONCE):
        progress(first / windows.count, f"Window {first + 1} of {windows.count}")
        parts = [image[box_at(place, windows.size)] for place in places[first : first + AT_ONCE]]
        answers = forward(torch.from_numpy(np.stack(_pair(parts))[:, None])).to(attempt.stitch)
        if not answers.sum(dtype=torch.float32).isfinite():
            raise NotFinite()
        yield from answers[: len(parts)]


def _extent(windows: Plan) -> tuple[tuple[int, int], Size]:
    """The least i and j of any window, and the shape of a buffer from there that holds every window of one layer."""
    places = np.array([place for _, layer in windows.layers for place in layer] or [(0, 0)])
    low, extent = places.min(axis=0), np.ptp(places, axis=0) + windows.size[:2]
    return (int(low[0]), int(low[1])), (int(extent[0]), int(extent[1]), windows.size[2])


def _pair(parts: list[np.ndarray]) -> list[np.ndarray]:
    """As many as always go together: a lone one twice."""
    return parts + parts[-1:] * (AT_ONCE - len(parts))


def _hand_on(total: torch.Tensor, weights: torch.Tensor, finished: int, origin: Size, done: Slab) -> None:
    """The box of the first `finished` slices in which any window lay; `origin`: the buffer's first voxel."""
    covered = weights[:, :, :finished] > 0
    if not covered.any():
        return
    rows, columns = covered.any(2).any(1).nonzero()[:, 0], covered.any(2).any(0).nonzero()[:, 0]
    box = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1), slice(0, finished))
    mean = total[(slice(None), *box)] / weights[box].clamp_min(1e-6)
    done(mean, weights[box] > 0, (origin[0] + box[0].start, origin[1] + box[1].start, origin[2]))


def _move_down(buffer: torch.Tensor, by: int) -> None:
    kept = buffer[..., by:].clone()
    buffer.zero_()
    buffer[..., : kept.shape[-1]] = kept


def _cells(extent: int, length: int, overlap: float) -> dict[int, slice]:
    """Where windows of `length` begin along an axis, and which of its places are nearest to the middle of each."""
    step = max(1, int(length * (1 - overlap)))
    starts = [min(number * step, extent - length) for number in range(-(-(extent - length) // step) + 1)]
    borders = [0, *(-(-(low + high + length) // 2) for low, high in pairwise(starts)), extent]
    return {start: slice(*ends) for start, ends in zip(starts, pairwise(borders), strict=True)}


def _start_amid(part: slice, length: int, extent: int) -> int:
    """Where a window begins along an axis that has the part in its middle, or near it where the scan ends."""
    return min(max((part.start + part.stop - length) // 2, 0), extent - length)


def _starts_around(part: slice, length: int, extent: int) -> list[int]:
    """Where windows begin along an axis that together show the part off their edges, as far as the scan goes."""
    count = -(-(part.stop - part.start) // max(length - 2 * EDGE, 1))
    if count <= 1:
        return [_start_amid(part, length, extent)]
    starts = np.linspace(part.start - EDGE, part.stop + EDGE - length, count).round().astype(int)
    return [min(max(int(start), 0), extent - length) for start in starts]


def _weight(size: Size) -> torch.Tensor:
    """Windows count most in their middle: a Gaussian along each axis, as MONAI's."""
    bells = []
    for length in size:
        place = (torch.arange(length) - (length - 1) / 2) / (SIGMA * length)
        bells.append((-0.5 * place**2).exp())
    return (bells[0][:, None, None] * bells[1][:, None] * bells[2]).clamp_min(LEAST_WEIGHT)
