# SPDX-License-Identifier: Apache-2.0
"""A patch of a training scan: where it is cut, and its mirror image."""

from dataclasses import dataclass

import numpy as np

from SpineLib.core.anatomy import VERTEBRAE
from SpineLib.core.box import box_at
from SpineLib.training.scan.cases import UNKNOWN_LABEL, TrainingScan

AIR_HU = -1000
LABELS, FRACTURED = 0, 2
"""The planes of a scan's truth that tell what is where and where fractures are."""
NEAR_THE_SPINE = 0.9
"""Share of patches whose middle lies near what is to be found; the others may lie anywhere. Our choice."""
STEP = 2
"""Every so many voxels are looked at when a place is chosen."""
OFF_MIDDLE = 4
"""Voxels that a vertebra may lie off the middle of a patch drawn amid it: at work its mask is found, not known."""


@dataclass(frozen=True)
class Patch:
    """A cut-out of a `TrainingScan`; arrays `(I, J, K)`, `centers` as indices of the patch, they may lie outside."""

    voxels: np.ndarray
    labels: np.ndarray
    parts: np.ndarray
    fractured: np.ndarray
    centers: dict[int, np.ndarray]
    is_hu: bool
    parts_known: bool
    unlabeled: tuple[int, ...] = ()


def draw_patch(
    scan: TrainingScan, size: tuple[int, ...], rng: np.random.Generator, wanted: int | None = None, amid: bool = False
) -> Patch:
    """A random patch, mirrored left to right in half of the cases. wanted: plane of `truth` whose voxels it shall show
    (0 labels, 2 fractures) where there are any. amid: a vertebra of that plane, or any where it has none, lies in its
    middle as far as the scan goes."""
    shape = np.array(scan.voxels.shape)
    middle = rng.uniform(0, shape)
    reach = 0.35 * np.array(size)
    if amid and wanted is not None:
        middle, reach = _middle_of_vertebra(scan, wanted, rng), np.full(3, OFF_MIDDLE)
    elif wanted is not None and rng.random() < NEAR_THE_SPINE:
        middle = _place_in(scan, wanted, rng)
    jitter = rng.uniform(-1, 1, 3) * reach
    start = np.rint(middle + jitter - np.array(size) / 2).astype(int)
    start = np.clip(start, 0, np.maximum(shape - np.array(size), 0))
    patch = cut(scan, start, size)
    return mirrored(patch) if rng.random() < 0.5 else patch


def central_patch(scan: TrainingScan, size: tuple[int, ...]) -> Patch:
    """The patch in the scan's middle."""
    start = np.maximum((np.array(scan.voxels.shape) - np.array(size)) // 2, 0)
    return cut(scan, start, size)


def cut(scan: TrainingScan, start: np.ndarray, size: tuple[int, ...]) -> Patch:
    """The patch from index `start` on; beyond the scan there is air."""
    where = box_at(start, size)
    missing = [length - part.shape[0] for length, part in _lengths(scan.voxels, where, size)]
    pads = [(0, int(extra)) for extra in missing]
    truth = np.pad(scan.truth[(slice(None), *where)], [(0, 0), *pads])
    voxels = np.pad(scan.voxels[where], pads, constant_values=AIR_HU)
    centers = {label: center - start for label, center in scan.centers.items()}
    return Patch(voxels, truth[0], truth[1], truth[2], centers, scan.is_hu, scan.parts_known, scan.unlabeled)


def mirrored(patch: Patch) -> Patch:
    """Left and right exchanged."""
    last = patch.voxels.shape[0] - 1
    centers = {label: np.array([last - each[0], each[1], each[2]]) for label, each in patch.centers.items()}
    flipped = (np.ascontiguousarray(each[::-1]) for each in (patch.voxels, patch.labels, patch.parts, patch.fractured))
    return Patch(*flipped, centers, patch.is_hu, patch.parts_known, patch.unlabeled)


def _lengths(voxels: np.ndarray, where: tuple[slice, ...], size: tuple[int, ...]):
    for axis, (part, length) in enumerate(zip(where, size, strict=True)):
        yield length, np.arange(voxels.shape[axis])[part]


def _place_in(scan: TrainingScan, plane: int, rng: np.random.Generator) -> np.ndarray:
    """A random voxel of a random structure of the plane, so that large and common ones are not shown more often; the
    middle of the scan where there is none."""
    seen = _structures(scan, plane)
    counts = np.bincount(seen.ravel(), minlength=UNKNOWN_LABEL + 1)
    counts[[0, UNKNOWN_LABEL]] = 0
    if not counts.any():
        return np.array(scan.voxels.shape) / 2
    found = np.flatnonzero(seen == rng.choice(np.flatnonzero(counts)))
    return np.array(np.unravel_index(rng.choice(found), seen.shape)) * STEP


def _middle_of_vertebra(scan: TrainingScan, plane: int, rng: np.random.Generator) -> np.ndarray:
    """The middle of the box around a random vertebra of the plane, of any where the plane has none, of the scan where
    there are none."""
    labels = np.unique(_structures(scan, plane))
    labels = labels[np.isin(labels, [vertebra.code for vertebra in VERTEBRAE])]
    if not len(labels):
        return np.array(scan.voxels.shape) / 2 if plane == LABELS else _middle_of_vertebra(scan, LABELS, rng)
    inside = np.nonzero(_structures(scan, LABELS) == rng.choice(labels))
    return np.array([(each.min() + each.max()) / 2 for each in inside]) * STEP


def _structures(scan: TrainingScan, plane: int) -> np.ndarray:
    """Labels of the plane at every `STEP`-th voxel: of fractures those of their vertebrae, so that a broken process is
    shown as often as a body that burst."""
    every = (slice(None, None, STEP),) * 3
    seen = np.array(scan.truth[plane][every])
    return seen * scan.truth[LABELS][every] if plane == FRACTURED else seen
