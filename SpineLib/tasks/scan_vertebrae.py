# SPDX-License-Identifier: Apache-2.0
"""The steps that every CT task begins with: where the spine is, which vertebrae there are, what they are called."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from SpineLib.core.mask import Mask
from SpineLib.core.progress import Progress, part_of
from SpineLib.tasks.credible_vertebrae import (
    center_mm,
    coarse_places,
    credible_vertebrae,
    cut_by_end,
    is_doubtful_loner,
    is_on_sacrum,
    without_dwarfs,
)
from SpineLib.tasks.scan_image import ScanImage
from SpineLib.tasks.scan_model import ScanModel
from SpineLib.tasks.vertebrae_on_grid import near

if TYPE_CHECKING:
    from collections.abc import Callable

    from SpineLib.inference.scan_grid import Field, ScanGrid
    from SpineLib.inference.scan_networks import CoarseLevels, VertebraVoxels
    from SpineLib.labelling.instances import Instance
    from SpineLib.labelling.naming import Looks, Name

LEAST_SPINE_MM3 = 4000.0
"""Less of a spine than this, a third of a neck's vertebra, is not believed."""
NEAR_MM = 25.0
"""The vertebra network looks this far around what the localizer found: a spinous process may be missing there."""
SIDE_MM = 50.0
"""The fine grid reaches this much to each side of the coarse spine."""
STEP_MM, TUBE_MM, MOST_STEPS = 75.0, 40.0, 12
"""How far it looks on from an end of the row at a time, how far to each side, and how often: a spine that the
localizer saw in part only is followed to its end."""
CLOSER_MM = 7.0
"""The second look goes this far around the vertebrae of the first: farther than their borders may move, and a voxel."""
CLOSER = "Looking closer at the borders"
LARGEST_MM3 = 30e6
"""Images other than CT are looked at everywhere up to this size: a long spine's MRI has 24 liters."""
LEAST_PIECE_MM3 = 500.0
LINE_MM = 60.0
"""Pieces of spine farther than this from all others belong to no spine."""
FAR_LINE_MM, FAR_PIECE_MM3 = 90.0, 20e3
"""Pieces as large as half a lumbar vertebra may lie farther: two that metal hides leave some 85 mm between their
neighbors. Smaller ones may be of a heart full of contrast."""


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
    """Vertebrae on the fine grid, from the head downward, and the other parts found there. left_out: centers,
    RAS mm, of those that look like vertebrae but lie off their row. solid_between: `voxels.solid` of a second look, on
    the grid between the voxels of the first, where there was one."""

    grid: "ScanGrid"
    voxels: "VertebraVoxels"
    instances: "list[Instance]"
    names: "list[Name]"
    left_out: tuple[np.ndarray, ...] = ()
    solid_between: np.ndarray | None = None

    def fields(self, plane: int) -> "tuple[Field, ...]":
        """All that is known of where bone ends: of vertebrae (plane 0) or of their bodies (1)."""
        from SpineLib.inference.scan_grid import Field

        first = Field(self.grid, self.voxels.solid[plane])
        if self.solid_between is None:
            return (first,)
        return first, Field(self.grid.halfway(), self.solid_between[plane])


def localize(scan: ScanImage, model: ScanModel, progress: Progress) -> CoarseSpine:
    """The spine on the whole scan, on the localizer's coarse grid.

    Brightness tells the localizer more than form, so it is not asked about other images than CT: there the spine may be
    anywhere, and nothing is known of its levels.
    """
    from SpineLib.inference.scan_grid import grid_over
    from SpineLib.inference.scan_networks import find_levels, no_levels

    grid = grid_over(scan.shape, scan.affine, model.spacing_mm)
    if not scan.is_hu and np.prod(grid.shape) * grid.spacing_mm**3 <= LARGEST_MM3:
        return CoarseSpine(grid, no_levels(grid.shape), np.ones(grid.shape, bool))
    values = scan.on(grid)
    levels = find_levels(model.network, values, model.window, model.device, progress, model.change)
    return CoarseSpine(grid, levels, connected(levels.spine, grid.spacing_mm))


def segment(scan: ScanImage, coarse: CoarseSpine, model: ScanModel, progress: Progress) -> FineSpine:
    """Vertebrae near the coarse spine and on from its ends, each by itself and named."""
    from scipy import ndimage

    from SpineLib.inference.scan_networks import find_vertebrae

    grid = _fine_grid(coarse, model.spacing_mm)
    values = scan.on(grid)

    first, second = part_of(progress, 0.0, 0.7), part_of(progress, 0.7, 1.0)

    def look(wanted: np.ndarray) -> "VertebraVoxels":
        return find_vertebrae(
            model.network, values, wanted, grid.spacing_mm, model.window, model.device, first, model.change
        )

    close = ndimage.distance_transform_edt(~coarse.spine, coarse.grid.spacing_mm) <= NEAR_MM
    seen = coarse.grid.values_on(grid, close)
    voxels = look(seen)
    is_cut = cut_by_end(scan, grid, coarse.grid.spacing_mm)
    found, others = credible_vertebrae(voxels, grid, coarse, is_cut)
    for _ in range(MOST_STEPS):
        more = beyond_ends(found, grid) & ~seen
        if more.sum() * grid.spacing_mm**3 < LEAST_SPINE_MM3:
            break
        voxels = voxels.joined(look(more), more)
        seen |= more
        found, others = credible_vertebrae(voxels, grid, coarse, is_cut)
    names = _names(found, voxels, grid, coarse, is_cut)
    found, names = without_dwarfs(found, names, is_cut, grid.spacing_mm)
    if is_doubtful_loner(found, grid.spacing_mm):
        return FineSpine(grid, voxels, [], [])
    left_out = tuple(center_mm(each, grid) for each in others)
    between = _look_between(scan, grid, found, model, second) if found else None
    return FineSpine(grid, voxels, found, names, left_out, between)


def _look_between(
    scan: ScanImage, grid: "ScanGrid", instances: "list[Instance]", model: ScanModel, progress: Progress
) -> np.ndarray:
    """How surely there is bone, as `VertebraVoxels.solid`, between the voxels of `grid`.

    Where a border lies within a voxel is chance for a network: a look from between the voxels errs otherwise, and both
    together find borders closer than either. Beside the mirror image, its own would add little.
    """
    from SpineLib.inference.scan_networks import find_vertebrae

    progress(0.0, CLOSER)
    between = grid.halfway()
    masks = [Mask.from_indices(each.where, grid.shape) for each in instances]
    wanted = near(masks, grid.spacing_mm, CLOSER_MM)[tuple(slice(size) for size in between.shape)]
    network, values, boxes = model.bundle.network, scan.on(between), [each.window for each in masks]
    return find_vertebrae(
        network, values, wanted, grid.spacing_mm, model.window, model.device, progress, model.change, boxes
    ).solid


def beyond_ends(instances: "list[Instance]", grid: "ScanGrid") -> np.ndarray:
    """Where a spine would go on above its highest and below its lowest vertebra, bool on the grid."""
    from SpineLib.labelling.ends import ways_on

    beyond = np.zeros(grid.shape, bool)
    centers = np.array([instance.center for instance in instances]).reshape(-1, 3)
    for start, stop in ways_on(centers, STEP_MM / grid.spacing_mm):
        radius = TUBE_MM / grid.spacing_mm
        low = np.clip(np.floor(np.minimum(start, stop) - radius).astype(int), 0, grid.shape)
        high = np.clip(np.ceil(np.maximum(start, stop) + radius).astype(int) + 1, 0, grid.shape)
        beyond[tuple(slice(first, last) for first, last in zip(low, high, strict=True))] = True
    return beyond


def _fine_grid(coarse: CoarseSpine, spacing_mm: float) -> "ScanGrid":
    """As wide as the coarse spine with a margin, as high as the scan: the spine may go on."""
    from SpineLib.inference.scan_grid import grid_around

    points = coarse.grid.points(np.argwhere(coarse.spine))
    ends = coarse.grid.points(np.array([[0, 0, 0], np.array(coarse.grid.shape) - 1], float))
    low, high = points.min(axis=0) - SIDE_MM, points.max(axis=0) + SIDE_MM
    low[2], high[2] = ends[:, 2].min(), ends[:, 2].max()
    return grid_around(np.stack([low, high]), spacing_mm).within(coarse.grid)


def _names(
    instances: "list[Instance]",
    voxels: "VertebraVoxels",
    grid: "ScanGrid",
    coarse: CoarseSpine,
    is_cut: "Callable[[Instance], bool]",
) -> "list[Name]":
    from SpineLib.labelling.naming import name_vertebrae

    if not instances:
        return []
    looks = [_looks(each, voxels, grid, coarse, is_cut(each)) for each in instances]
    centers = grid.points(np.array([instance.center for instance in instances]))
    return name_vertebrae(looks, centers, is_on_sacrum(centers[-1], voxels, grid))


def _looks(
    instance: "Instance", voxels: "VertebraVoxels", grid: "ScanGrid", coarse: CoarseSpine, is_cut: bool
) -> "Looks":
    from SpineLib.labelling.naming import looks_of
    from SpineLib.networks.ct_channels import PARTS

    numbers = coarse.levels.numbers[coarse_places(instance, grid, coarse)]
    body = None if is_cut else float((voxels.parts[tuple(instance.where.T)] == PARTS.index("body")).mean())
    return looks_of(coarse.levels.shares[numbers[numbers >= 0]], voxels.regions[instance.numbers], body)


def connected(spine: np.ndarray, spacing_mm: float) -> np.ndarray:
    """The largest piece and those that continue it, near its own line."""
    from scipy import ndimage

    pieces, count = ndimage.label(spine, np.ones((3, 3, 3)))
    if count < 2:
        return spine
    sizes = np.bincount(pieces.ravel()) * spacing_mm**3
    sizes[0] = 0
    largest, *others = (
        piece for piece in np.argsort(-sizes) if sizes[piece] >= LEAST_PIECE_MM3 or piece == sizes.argmax()
    )
    kept = pieces == largest
    away = ndimage.distance_transform_edt(~kept, spacing_mm)
    for piece in others:
        here = pieces == piece
        if away[here].min() <= (FAR_LINE_MM if sizes[piece] >= FAR_PIECE_MM3 else LINE_MM):
            kept |= here
            away = ndimage.distance_transform_edt(~kept, spacing_mm)
    return kept
