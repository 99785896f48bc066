# SPDX-License-Identifier: Apache-2.0
"""What was found on the vertebra network's grid as masks of the scan's own voxels, and its shapes for measuring."""

from typing import TYPE_CHECKING

import numpy as np

from SpineLib.core.anatomy import DISC, SACRUM
from SpineLib.core.mask import Mask
from SpineLib.core.result import Structure, Vertebra
from SpineLib.tasks.scan_vertebrae import FineSpine

if TYPE_CHECKING:
    import SimpleITK as sitk

    from SpineLib.labelling.instances import Instance
    from SpineLib.measurement.scan_measurements import FineShapes

REACH = 2
"""Voxels beyond a vertebra up to which what looks like bone may be its own."""


def vertebrae_on(image: "sitk.Image", fine: FineSpine) -> tuple[Vertebra, ...]:
    """The vertebrae with masks of the scan's own voxels."""
    from SpineLib.inference.scan_grid import mask_on

    found = []
    bone, body = fine.fields(0), fine.fields(1)
    owners = _owners(fine)
    for number, (instance, name) in enumerate(zip(fine.instances, fine.names, strict=True), 1):
        own = _territory(instance, number, owners)
        mask = mask_on(image, own, fine.grid, bone)
        if mask.is_empty:
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
                body=mask_on(image, own, fine.grid, body),
            )
        )
    return tuple(found)


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

    low = np.maximum(instance.where.min(axis=0) - REACH, 0)
    box = owners[tuple(slice(a, b) for a, b in zip(low, instance.where.max(axis=0) + REACH + 1, strict=True))]
    distance, nearest = ndimage.distance_transform_edt(box == 0, return_indices=True)
    inside = (box[tuple(nearest)] == number) & (distance <= REACH)
    i, j, k = (int(start) for start in low)
    return Mask(inside, (i, j, k), (owners.shape[0], owners.shape[1], owners.shape[2]))


def _whole_and_body(instance: "Instance", fine: FineSpine) -> tuple[Mask, Mask]:
    """A vertebra and its body on the fine grid."""
    from SpineLib.networks.ct_channels import PARTS

    where = instance.where
    is_body = fine.voxels.parts[tuple(where.T)] == PARTS.index("body")
    return Mask.from_indices(where, fine.grid.shape), Mask.from_indices(where[is_body], fine.grid.shape)


def shapes_of(fine: FineSpine) -> "FineShapes":
    """The vertebrae and the sacrum on the fine grid."""
    from SpineLib.measurement.scan_measurements import FineShapes
    from SpineLib.networks.ct_channels import PARTS

    vertebrae = {}
    for instance, name in zip(fine.instances, fine.names, strict=True):
        whole, body = _whole_and_body(instance, fine)
        vertebrae[name.level] = Vertebra(name.level, instance.confidence, whole, body=body)
    sacrum = Mask.from_array(_largest(fine.voxels.parts == PARTS.index("sacrum"), only_one=True))
    return FineShapes(vertebrae, None if sacrum.is_empty else sacrum, fine.grid.affine)


def structures_on(image: "sitk.Image", fine: FineSpine) -> tuple[Structure, ...]:
    """The sacrum and the discs, where there are any."""
    from SpineLib.inference.scan_grid import mask_on
    from SpineLib.networks.ct_channels import PARTS

    found = []
    for anatomy, part in ((SACRUM, "sacrum"), (DISC, "disc")):
        inside = _largest(fine.voxels.parts == PARTS.index(part), anatomy is SACRUM)
        mask = mask_on(image, Mask.from_array(inside), fine.grid)
        if not mask.is_empty:
            found.append(Structure(anatomy.name, mask, 1.0))
    return tuple(found)


def _largest(inside: np.ndarray, only_one: bool) -> np.ndarray:
    """Its largest piece, or all but crumbs."""
    from scipy import ndimage

    pieces, count = ndimage.label(inside)
    if count < 2:
        return inside
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return (pieces == sizes.argmax()) if only_one else (sizes >= 30)[pieces]
