# SPDX-License-Identifier: Apache-2.0
"""What was found on the vertebra network's grid as masks of the scan's own voxels, and its shapes for measuring."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from SpineLib.core.anatomy import DISC, SACRUM, Anatomy
from SpineLib.core.mask import Mask
from SpineLib.core.result import Structure, Vertebra
from SpineLib.tasks.credible_vertebrae import LEAST_SACRUM_MM3
from SpineLib.tasks.scan_borders import Borders
from SpineLib.tasks.scan_image import ScanImage
from SpineLib.tasks.scan_model import ScanModel
from SpineLib.tasks.scan_vertebrae import FineSpine

if TYPE_CHECKING:
    import SimpleITK as sitk

    from SpineLib.inference.scan_grid import Decide, Field, Lattice, ScanGrid
    from SpineLib.labelling.instances import Instance
    from SpineLib.measurement.scan_measurements import FineShapes

LEAST_DISC_VOXELS = 30
LEAST_MM3 = 200.0
"""Where an oblique scan ends the networks' grid goes on; of a vertebra beyond it hardly a voxel may be the scan's."""
REACH = 2
"""Voxels beyond a vertebra up to which what looks like bone may be its own."""
MISSED_MM = 1.5
"""Both looks agree but for the border. Where the first sees bone so far to each side and the second none, that one says
nothing: it is an end that broke off, or a whole vertebra."""


def vertebrae_on(scan: "Lattice", fine: FineSpine, decide: "Decide | None" = None) -> tuple[Vertebra, ...]:
    """The vertebrae with masks of the scan's own voxels, none of which are in two. decide: see `mask_on`."""
    found: list[Vertebra] = []
    bone, body = fine.fields(0), fine.fields(1)
    owners = _owners(fine)
    voxel_mm3 = abs(np.linalg.det(scan.affine[:3, :3]))
    for number, (instance, name) in enumerate(zip(fine.instances, fine.names, strict=True), 1):
        own = _territory(instance, number, owners)
        mask = _seen(scan, own, fine.grid, bone, decide)
        for each in found:
            # A voxel halfway between two is as near to both.
            mask = mask.without(each.mask)
        if mask.count * voxel_mm3 < LEAST_MM3:
            continue
        center = fine.grid.points(instance.center[None])[0]
        found.append(
            Vertebra(
                level=name.level,
                confidence=round(name.confidence * instance.confidence, 4),
                mask=mask,
                second_level=name.second,
                second_confidence=round(name.second_confidence * instance.confidence, 4) if name.second else None,
                landmarks={"center": tuple(round(float(each), 2) for each in center)},
                body=_seen(scan, own, fine.grid, body).within(mask),
            )
        )
    return tuple(found)


def borders_of(scan: ScanImage, model: ScanModel) -> "Decide | None":
    """What decides on the borders of bone where the model tells how; brightness means bone in Hounsfield units only."""
    borders = Borders.of(model) if scan.is_hu else None
    if borders is None:
        return None

    def decide(bone: np.ndarray, voxels: "sitk.Image") -> np.ndarray:
        return borders.inside(bone, scan.at(voxels), np.array(voxels.GetSpacing()))

    return decide


def _seen(
    scan: "Lattice", own: Mask, grid: "ScanGrid", fields: "tuple[Field, ...]", decide: "Decide | None" = None
) -> Mask:
    """What all looks together tell, and the thick pieces of what only the first one saw."""
    from SpineLib.inference.scan_grid import mask_on

    together = mask_on(scan, own, grid, fields, decide)
    if len(fields) == 1:
        return together
    missed = mask_on(scan, own, grid, fields[:1], decide).without(together)
    return Mask.union([together, _thick(missed, np.linalg.norm(scan.affine[:3, :3], axis=0))])


def _thick(mask: Mask, spacing_mm: np.ndarray) -> Mask:
    """The pieces that reach more than `MISSED_MM` to each side of some voxel."""
    from scipy import ndimage

    inside = np.pad(mask.box, 1)
    pieces, _ = ndimage.label(inside, np.ones((3, 3, 3)))
    middles = ndimage.distance_transform_edt(inside, spacing_mm) > MISSED_MM
    kept = np.isin(pieces, np.unique(pieces[middles])) & inside
    return Mask(kept[1:-1, 1:-1, 1:-1], mask.origin, mask.shape) if kept.any() else Mask.empty(mask.shape)


def _owners(fine: FineSpine) -> np.ndarray:
    """uint8 of the fine grid: the number of its vertebra for each voxel of bone, from 1, and 255 for bone of none."""
    from SpineLib.networks.ct_channels import PARTS

    is_bone = np.isin(fine.voxels.parts, [PARTS.index("body"), PARTS.index("posterior")])
    owners = np.where(is_bone, np.uint8(255), np.uint8(0))
    for number, instance in enumerate(fine.instances, 1):
        owners[tuple(instance.where.T)] = number
    return owners


def _territory(instance: "Instance", number: int, owners: np.ndarray) -> Mask:
    """The voxels of a vertebra and those around, as far as its border may lie, that are nearest to it."""
    from scipy import ndimage

    # So far that what is nearest to a voxel in reach lies within, too.
    margin = 2 * REACH
    low = np.maximum(instance.where.min(axis=0) - margin, 0)
    box = owners[tuple(slice(a, b) for a, b in zip(low, instance.where.max(axis=0) + margin + 1, strict=True))]
    distance, nearest = ndimage.distance_transform_edt(box == 0, return_indices=True)
    inside = (box[tuple(nearest)] == number) & (distance <= REACH)
    i, j, k = (int(start) for start in low)
    return Mask(inside, (i, j, k), (owners.shape[0], owners.shape[1], owners.shape[2]))


def shapes_of(fine: FineSpine) -> "FineShapes":
    """The vertebrae and the sacrum on the fine grid."""
    from SpineLib.measurement.scan_measurements import FineShapes

    vertebrae = {each.level: each for each in vertebrae_on(fine.grid, fine)}
    sacrum = _structure(fine, SACRUM)
    return FineShapes(vertebrae, None if sacrum.is_empty else sacrum, fine.grid.affine)


def structures_on(scan: "Lattice", fine: FineSpine, vertebrae: Sequence[Vertebra]) -> tuple[Structure, ...]:
    """The sacrum and the discs, where there are any, without what is in a vertebra or in each other."""
    from SpineLib.inference.scan_grid import mask_on

    found, taken = [], [each.mask for each in vertebrae]
    for anatomy in (SACRUM, DISC):
        mask = mask_on(scan, _structure(fine, anatomy), fine.grid)
        for other in taken:
            mask = mask.without(other)
        taken.append(mask)
        if not mask.is_empty:
            found.append(Structure(anatomy.name, mask, 1.0))
    return tuple(found)


def _structure(fine: FineSpine, anatomy: Anatomy) -> Mask:
    """On the fine grid: the largest piece of the sacrum, if it is large enough; all discs but crumbs."""
    from scipy import ndimage

    from SpineLib.networks.ct_channels import PARTS

    inside = fine.voxels.parts == PARTS.index(anatomy.name.lower())
    pieces, _ = ndimage.label(inside)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    least = LEAST_DISC_VOXELS
    if anatomy is SACRUM:
        least = max(sizes.max(), LEAST_SACRUM_MM3 / fine.grid.spacing_mm**3)
    return Mask.from_array((sizes >= least)[pieces] & inside)
