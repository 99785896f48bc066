# SPDX-License-Identifier: Apache-2.0
"""Vertebrae that are given instead of found: their names and masks are taken as they are.

Where the given segmentation does not tell the vertebral bodies, the vertebra network looks at the given vertebrae and
tells them from the posterior elements: heights are measured on the bodies.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from SpineLib.core.anatomy import DISC, SACRUM, VERTEBRAL_BODIES
from SpineLib.core.errors import InputError
from SpineLib.core.mask import Mask
from SpineLib.core.progress import Progress, part_of
from SpineLib.core.result import Structure, Vertebra
from SpineLib.core.volume import Volume
from SpineLib.io.labeled_spine import LabeledSpine, read_labeled_spine
from SpineLib.io.regrid import on_grid
from SpineLib.tasks.ct_spine import NAME as VERTEBRA_TASK
from SpineLib.tasks.ct_spine import FoundVertebrae
from SpineLib.tasks.options import SegmentOptions
from SpineLib.tasks.scan_image import ScanImage, scan_image
from SpineLib.tasks.scan_model import ScanModel
from SpineLib.tasks.stopwatch import Stopwatch
from SpineLib.tasks.vertebrae_on_grid import near, vertebrae_on_grid

GIVEN = "The vertebrae and their names were given; this program did not check them."
GIVEN_BODIES = (
    "Heights are measured on the vertebral bodies that were given: where you changed a vertebra, change its body, too, "
    "or delete that segment to have the bodies found anew."
)
MARGIN_MM = 24.0
"""The network sees this much around the given vertebrae."""
NEAR_MM = 4.0
"""It is asked this far around them: bodies may be a little larger to it."""
LEAST_BODY_MM3 = 500.0
"""Less of a body than this, a quarter of one of a child's neck, is not believed."""


def take(
    volume: Volume, options: SegmentOptions, model: ScanModel, watch: Stopwatch, progress: Progress
) -> FoundVertebrae:
    """The given vertebrae on the scan's voxels, from the head downward, with `model` as the one that goes on with them.

    Raises InputError for an unusable scan, a segmentation that cannot be read or holds no vertebra that can be named,
    and one that does not lie in the scan; ModelError and ResourceError where a network is needed.
    """
    assert options.vertebrae is not None
    path = Path(options.vertebrae)
    with watch.step("check", 0.0, "Checking the scan"):
        scan = scan_image(volume)
    with watch.step("given", 0.02, "Reading the given vertebrae"):
        masks, outside = _on_scan(read_labeled_spine(path), volume, path.name)
        vertebrae = _vertebrae(masks, volume)
    structures = tuple(Structure(name, masks[name], 1.0) for name in (SACRUM.name, DISC.name) if name in masks)
    warnings = [*scan.warnings, GIVEN]
    if VERTEBRAL_BODIES.name in masks:
        warnings.append(GIVEN_BODIES)
    if outside:
        warnings.append(f"Given vertebrae that lie outside of the scan are left out: {', '.join(outside)}.")
    helpers: tuple[ScanModel, ...] = ()
    without = [each for each in vertebrae if each.body is None]
    if without:
        with watch.step("bodies", 0.1, "Telling bodies from posterior elements"):
            helper = ScanModel.for_task(VERTEBRA_TASK, None, options)
            bodies = find_bodies(scan, without, helper, part_of(progress, 0.1, 0.6))
            vertebrae = tuple(replace(each, body=bodies.get(each.level, each.body)) for each in vertebrae)
            warnings += helper.warnings
            helpers = (helper,)
    return FoundVertebrae(scan, model, vertebrae, structures, tuple(warnings), helpers)


def _on_scan(given: LabeledSpine, volume: Volume, name: str) -> tuple[dict[str, Mask], list[str]]:
    """Masks of the scan's voxels by name of the anatomy, from the head downward, and the levels that lie outside."""
    i, j, k = volume.voxels.shape
    order = [*given.levels, *(each for each in given.masks if each not in given.levels)]
    masks = {each: on_grid(given.masks[each], given.affine, (i, j, k), volume.affine) for each in order}
    outside = [level for level in given.levels if masks[level].is_empty]
    if len(outside) == len(given.levels):
        raise InputError(f"The vertebrae of {name} do not lie in the scan.", "Give a segmentation of this very scan.")
    return {each: mask for each, mask in masks.items() if not mask.is_empty}, outside


def _vertebrae(masks: dict[str, Mask], volume: Volume) -> tuple[Vertebra, ...]:
    """With the bodies that are given, too; None where there is none."""
    bodies = masks.get(VERTEBRAL_BODIES.name)
    others = (SACRUM.name, DISC.name, VERTEBRAL_BODIES.name)
    found = []
    for level, mask in masks.items():
        if level in others:
            continue
        body = None if bodies is None else mask.within(bodies)
        center = tuple(round(float(each), 2) for each in mask.center_ras_mm(volume.affine))
        known = None if body is None or body.is_empty else body
        found.append(Vertebra(level, 1.0, mask, landmarks={"center": center}, body=known))
    return tuple(found)


def find_bodies(
    scan: ScanImage, vertebrae: Sequence[Vertebra], model: ScanModel, progress: Progress
) -> dict[str, Mask]:
    """Bodies by level where the vertebra network sees one."""
    from SpineLib.inference.scan_grid import mask_on
    from SpineLib.inference.scan_networks import find_vertebrae

    grid, masks = vertebrae_on_grid(scan, vertebrae, model.spacing_mm, MARGIN_MM)
    wanted, boxes = near(masks, grid.spacing_mm, NEAR_MM), [each.window for each in masks if not each.is_empty]
    parts = find_vertebrae(
        model.network, scan.on(grid), wanted, grid.spacing_mm, model.window, model.device, progress, model.change, boxes
    ).parts
    bodies = {}
    for each, mask in zip(vertebrae, masks, strict=True):
        body = _body(parts, mask, grid.spacing_mm)
        if body is not None:
            bodies[each.level] = mask_on(scan, body, grid).within(each.mask)
    return bodies


def _body(parts: np.ndarray, own: Mask, spacing_mm: float) -> Mask | None:
    """Of a vertebra and a voxel around it what is nearer to its body than to its posterior elements: the given mask may
    be wider than what the network marks, and its surface is what is to be measured. None where it sees no body.

    parts: `(I, J, K)`, the network's answer. own: the vertebra, nowhere at the grid's border.
    """
    from scipy import ndimage

    from SpineLib.networks.ct_channels import PARTS

    seen, vertebra = own.around(parts), np.pad(own.box, 1)
    body, behind = (vertebra & (seen == PARTS.index(name)) for name in ("body", "posterior"))
    if body.sum() * spacing_mm**3 < LEAST_BODY_MM3:
        return None
    inside = np.ones(body.shape, bool)
    if behind.any():
        inside = ndimage.distance_transform_edt(~body) < ndimage.distance_transform_edt(~behind)
    i, j, k = (start - 1 for start in own.origin)
    return Mask(inside, (i, j, k), own.shape)
