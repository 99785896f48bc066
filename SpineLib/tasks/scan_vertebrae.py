# SPDX-License-Identifier: Apache-2.0
"""The steps that every CT task begins with: where the spine is, which vertebrae there are, what they are called."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from SpineLib.core.progress import Progress
from SpineLib.tasks.scan_image import ScanImage
from SpineLib.tasks.scan_model import ScanModel

if TYPE_CHECKING:
    from SpineLib.inference.scan_grid import ScanGrid
    from SpineLib.inference.scan_networks import CoarseLevels, VertebraVoxels
    from SpineLib.labelling.instances import Instance
    from SpineLib.labelling.naming import Name

LEAST_SPINE_MM3 = 4000.0
"""Less of a spine than this, a third of a neck's vertebra, is not believed."""
NEAR_MM = 15.0
"""The vertebra network looks this far around what the localizer found: a spinous process may be missing there."""
LINE_MM = 60.0
"""Pieces of spine farther than this from all others belong to no spine."""
LEAST_CONFIDENCE = 0.6
UNSEEN_WEIGHT = 0.15
"""Of a vertebra that only the fine network sees, beside 1 and more for those the localizer sees as well."""
FRAGMENT_SHARE = 0.35
"""An atlas has half the bone of an axis; a vertebra far smaller than its neighbors is a piece of one of them."""
SACRUM_NEAR_MM = 55.0
"""From the center of the lowest vertebra to the nearest point of the sacrum, at most, where the two touch."""


@dataclass(frozen=True)
class CoarseSpine:
    """What the localizer found: its grid and answer, with pieces that belong to no spine taken out of `spine`."""

    grid: "ScanGrid"
    levels: "CoarseLevels"
    spine: np.ndarray

    @property
    def is_credible(self) -> bool:
        return float(self.spine.sum()) * self.grid.spacing_mm**3 >= LEAST_SPINE_MM3


@dataclass(frozen=True)
class FineSpine:
    """Vertebrae on the fine grid, from the head downward, and the other parts found there."""

    grid: "ScanGrid"
    voxels: "VertebraVoxels"
    instances: "list[Instance]"
    names: "list[Name]"


def localize(scan: ScanImage, model: ScanModel, progress: Progress) -> CoarseSpine:
    """The spine on the whole scan, on the localizer's coarse grid."""
    from SpineLib.inference.scan_grid import grid_over
    from SpineLib.inference.scan_networks import find_levels
    from SpineLib.io.itk import affine_of

    grid = grid_over(scan.image.GetSize(), affine_of(scan.image), model.spacing_mm)
    values = scan.on(grid)
    levels = find_levels(model.bundle.network, values, model.window, model.device, progress, model.change)
    return CoarseSpine(grid, levels, _connected(levels.spine, grid.spacing_mm))


def segment(scan: ScanImage, coarse: CoarseSpine, model: ScanModel, progress: Progress) -> FineSpine:
    """Vertebrae near the coarse spine, each by itself and named."""
    from scipy import ndimage

    from SpineLib.inference.scan_grid import grid_around
    from SpineLib.inference.scan_networks import find_vertebrae
    from SpineLib.labelling.instances import find_instances

    points = coarse.grid.points(np.argwhere(coarse.spine))
    grid = _within(grid_around(points, model.spacing_mm, NEAR_MM + coarse.grid.spacing_mm), coarse.grid)
    near = ndimage.distance_transform_edt(~coarse.spine, coarse.grid.spacing_mm) <= NEAR_MM
    wanted = _on_grid(near, coarse.grid, grid)
    values = scan.on(grid)
    voxels = find_vertebrae(
        model.bundle.network, values, wanted, grid.spacing_mm, model.window, model.device, progress, model.change
    )
    found = find_instances(voxels.where, voxels.votes, voxels.shares, grid.spacing_mm, grid.shape)
    sure = [instance for instance in found if instance.confidence >= LEAST_CONFIDENCE]
    whole = without_fragments(sure, coarse_border(grid, coarse.grid))
    credible = most_credible(_in_one_row(whole, grid, coarse))
    return FineSpine(grid, voxels, credible, _names(credible, voxels, grid, coarse))


def _in_one_row(instances: "list[Instance]", grid: "ScanGrid", coarse: CoarseSpine) -> "list[Instance]":
    """Those that make up one spine; what the localizer saw, too, weighs more."""
    from SpineLib.labelling.chain import weightiest_row

    if not instances:
        return []
    centers = grid.points(np.array([instance.center for instance in instances]))
    # A large vertebra speaks for itself no more than a middling one: the row is about their number.
    most = float(np.median([len(instance.where) for instance in instances]))
    weights = [
        min(len(instance.where), most) * instance.confidence * (UNSEEN_WEIGHT + _seen_share(instance, grid, coarse))
        for instance in instances
    ]
    return [instances[number] for number in weightiest_row(centers, weights)]


def _seen_share(instance: "Instance", grid: "ScanGrid", coarse: CoarseSpine) -> float:
    """Share of a vertebra's voxels that the localizer takes for spine."""
    return float(coarse.spine[_coarse_places(instance, grid, coarse)].mean())


def _coarse_places(instance: "Instance", grid: "ScanGrid", coarse: CoarseSpine) -> tuple[np.ndarray, ...]:
    """Indices of the coarse grid for a sample of a vertebra's voxels."""
    places = np.rint(coarse.grid.indices(grid.points(instance.where[::4]))).astype(int)
    return tuple(np.clip(places, 0, np.array(coarse.grid.shape) - 1).T)


def without_fragments(instances: "list[Instance]", border: np.ndarray) -> "list[Instance]":
    """Without those much smaller than their neighbors that the scan's border does not cut.

    border: bool `(I, J, K)`, where the scan ends.
    """
    sizes = np.array([len(instance.where) for instance in instances], float)
    kept = []
    for number, instance in enumerate(instances):
        near = np.delete(sizes, number)[max(0, number - 2) : number + 2]
        is_cut = border[tuple(instance.where.T)].any()
        if is_cut or not len(near) or sizes[number] >= FRAGMENT_SHARE * np.median(near):
            kept.append(instance)
    return kept


def coarse_border(grid: "ScanGrid", whole: "ScanGrid") -> np.ndarray:
    """Voxels of a grid within a coarse voxel of where the other, which covers the scan, ends."""
    first = whole.indices(grid.points(np.zeros((1, 3))))[0]
    step = grid.spacing_mm / whole.spacing_mm
    near = []
    for start, size, length in zip(first, grid.shape, whole.shape, strict=True):
        place = start + step * np.arange(size)
        near.append((place < 1) | (place > length - 2))
    return near[0][:, None, None] | near[1][:, None] | near[2]


def most_credible(instances: "list[Instance]") -> "list[Instance]":
    """No more than a spine has, in the same order: the surest ones."""
    from SpineLib.labelling.naming import MOST_VERTEBRAE

    surest = sorted(instances, key=lambda instance: -instance.confidence)[:MOST_VERTEBRAE]
    return [instance for instance in instances if any(instance is each for each in surest)]


def _names(
    instances: "list[Instance]", voxels: "VertebraVoxels", grid: "ScanGrid", coarse: CoarseSpine
) -> "list[Name]":
    from SpineLib.labelling.naming import name_vertebrae

    if not instances:
        return []
    looks = np.stack([_looks(instance, grid, coarse) for instance in instances])
    centers = grid.points(np.array([instance.center for instance in instances]))
    return name_vertebrae(looks, centers, _is_on_sacrum(centers[-1], voxels, grid))


def _looks(instance: "Instance", grid: "ScanGrid", coarse: CoarseSpine) -> np.ndarray:
    """How well a vertebra's voxels look like each level to the localizer."""
    from SpineLib.labelling.naming import looks_of

    where = _coarse_places(instance, grid, coarse)
    seen = coarse.levels.spreads[where] > 0
    return looks_of(coarse.levels.places[where][seen], coarse.levels.spreads[where][seen])


def _is_on_sacrum(lowest_mm: np.ndarray, voxels: "VertebraVoxels", grid: "ScanGrid") -> bool:
    """Whether the sacrum begins where the next vertebra would."""
    from SpineLib.networks.ct_channels import PARTS

    sacrum = np.argwhere(voxels.parts == PARTS.index("sacrum"))
    if len(sacrum) * grid.spacing_mm**3 < LEAST_SPINE_MM3:
        return False
    points = grid.points(sacrum[:: max(1, len(sacrum) // 5000)])
    return bool(
        np.linalg.norm(points - lowest_mm, axis=1).min() <= SACRUM_NEAR_MM and lowest_mm[2] > points[:, 2].min()
    )


def _connected(spine: np.ndarray, spacing_mm: float) -> np.ndarray:
    """The largest piece and those that continue it, near its own line."""
    from scipy import ndimage

    pieces, count = ndimage.label(spine, np.ones((3, 3, 3)))
    if count < 2:
        return spine
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    kept = pieces == sizes.argmax()
    for piece in np.argsort(-sizes)[1:count]:
        away = ndimage.distance_transform_edt(~kept, spacing_mm)
        here = pieces == piece
        if away[here].min() <= LINE_MM and sizes[piece] * spacing_mm**3 >= 500:
            kept = kept | here
    return kept


def _within(grid: "ScanGrid", whole: "ScanGrid") -> "ScanGrid":
    """The part of a grid that lies within another's voxels."""
    from SpineLib.inference.scan_grid import AXES, ScanGrid

    low, high = grid.origin_ras_mm @ AXES, grid.points(np.array(grid.shape, float)[None] - 1)[0] @ AXES
    least, most = whole.origin_ras_mm @ AXES, whole.points(np.array(whole.shape, float)[None] - 1)[0] @ AXES
    low, high = np.maximum(low, least), np.minimum(high, most)
    size = np.maximum(np.floor((high - low) / grid.spacing_mm + 1e-6).astype(int) + 1, 1)
    return ScanGrid((int(size[0]), int(size[1]), int(size[2])), grid.spacing_mm, low @ AXES)


def _on_grid(mask: np.ndarray, source: "ScanGrid", target: "ScanGrid") -> np.ndarray:
    """A mask of one grid on another, nearest voxels; both lie along the same axes."""
    first = source.indices(target.points(np.zeros((1, 3))))[0]
    step = target.spacing_mm / source.spacing_mm
    places = [
        np.clip(np.rint(start + step * np.arange(size)).astype(int), 0, length - 1)
        for start, size, length in zip(first, target.shape, source.shape, strict=True)
    ]
    return mask[np.ix_(*places)]
