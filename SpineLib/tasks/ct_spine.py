# SPDX-License-Identifier: Apache-2.0
"""CT -> named vertebrae, each with its own mask, the sacrum and the discs.

A coarse network finds the spine on the whole scan and roughly knows which level is where; a fine one runs near the
spine only and tells each vertebra from the next; the row of vertebrae is then named as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from SpineLib.core.anatomy import DISC, SACRUM
from SpineLib.core.mask import Mask
from SpineLib.core.progress import Progress, part_of, silent
from SpineLib.core.result import Measurement, SpineResult, Structure, Vertebra
from SpineLib.core.volume import Volume
from SpineLib.tasks.options import SegmentOptions
from SpineLib.tasks.provenance import provenance
from SpineLib.tasks.scan_image import ScanImage, scan_image
from SpineLib.tasks.scan_measuring import measured
from SpineLib.tasks.scan_model import ScanModel
from SpineLib.tasks.scan_vertebrae import FineSpine, localize
from SpineLib.tasks.scan_vertebrae import segment as segment_near
from SpineLib.tasks.stopwatch import Stopwatch

if TYPE_CHECKING:
    import SimpleITK as sitk

    from SpineLib.labelling.instances import Instance
    from SpineLib.measurement.scan_measurements import FineShapes

NAME = "ct"
LOCALIZER = "ct_localizer"
WAYS = ("RL", "AP", "SI")
"""Of RAS mm, with the letter of the opposite way."""
NOTHING_FOUND = "No spine was found in this scan, so the result is empty."


@dataclass(frozen=True)
class FoundVertebrae:
    """What the scan holds: vertebrae from the head downward and other structures, with masks of its own voxels.

    model: the task's own; helpers: the others that were asked. fine: the shapes on the network's grid, where that is
    finer than the scan's.
    """

    scan: ScanImage
    model: ScanModel
    vertebrae: tuple[Vertebra, ...]
    structures: tuple[Structure, ...]
    warnings: tuple[str, ...]
    helpers: tuple[ScanModel, ...] = ()
    fine: "FineShapes | None" = None


def segment(volume: Volume, options: SegmentOptions, progress: Progress = silent) -> SpineResult:
    """Segment and name the vertebrae of a scan.

    Returns a result with the vertebrae from the head downward, `Sacrum` and `Disc`, at the scan's own resolution; it is
    empty, with a warning, where no spine is found. Raises InputError for an unusable scan, ModelError and ResourceError
    for model and machine.
    """
    watch = Stopwatch(progress)
    found = find(volume, options.model, options, watch, progress)
    with watch.step("measure", 0.92, "Measuring"):
        vertebrae, measurements, told = measured(found.vertebrae, found.structures, volume, found.scan, found.fine)
    found = replace(found, vertebrae=vertebrae, warnings=(*found.warnings, *told))
    return result_of(NAME, volume, found, measurements, options, watch)


def find(
    volume: Volume, model_id: str | None, options: SegmentOptions, watch: Stopwatch, progress: Progress
) -> FoundVertebrae:
    """The steps of this recipe that the fracture recipe begins with, too. model_id: None takes the task's own."""
    with watch.step("check", 0.0, "Checking the scan"):
        scan = scan_image(volume)
    with watch.step("load", 0.02, "Loading the models"):
        model = ScanModel.for_task(NAME, model_id, options)
        localizer = ScanModel.for_task(LOCALIZER, model.bundle.metadata.get("localizer"), options)
    with watch.step("localize", 0.1, "Looking for the spine"):
        coarse = localize(scan, localizer, part_of(progress, 0.1, 0.4))
    if not coarse.is_credible:
        return FoundVertebrae(scan, model, (), (), (*scan.warnings, *localizer.warnings, NOTHING_FOUND), (localizer,))
    with watch.step("segment", 0.4, "Segmenting the vertebrae"):
        fine = segment_near(scan, coarse, model, part_of(progress, 0.4, 0.8))
    with watch.step("masks", 0.8, "Bringing the vertebrae to the scan's resolution"):
        vertebrae = vertebrae_on(scan.image, fine)
        structures = structures_on(scan.image, fine) if vertebrae else ()
        is_coarse = max(scan.image.GetSpacing()) > fine.grid.spacing_mm
        shapes = shapes_of(fine) if vertebrae and is_coarse else None
    warnings = (*scan.warnings, *localizer.warnings, *model.warnings, *told_of(vertebrae, fine.left_out))
    return FoundVertebrae(scan, model, vertebrae, structures, warnings, (localizer,), shapes)


def vertebrae_on(image: "sitk.Image", fine: FineSpine) -> tuple[Vertebra, ...]:
    """The vertebrae with masks of the scan's own voxels."""
    from SpineLib.inference.scan_grid import mask_on
    from SpineLib.networks.ct_channels import PARTS

    found = []
    others = np.isin(fine.voxels.parts, [PARTS.index("body"), PARTS.index("posterior")])

    def on_scan(mask: Mask, surely: np.ndarray) -> Mask:
        return mask_on(image, mask, fine.grid, mask.around(surely) * ~mask.around(others))

    for instance, name in zip(fine.instances, fine.names, strict=True):
        own = tuple(instance.where.T)
        whole, body = _whole_and_body(instance, fine)
        others[own] = False
        mask, body = on_scan(whole, fine.voxels.solid[0]), on_scan(body, fine.voxels.solid[1])
        others[own] = True
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
                body=body,
            )
        )
    return tuple(found)


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


def result_of(
    task: str,
    volume: Volume,
    found: FoundVertebrae,
    measurements: tuple[Measurement, ...],
    options: SegmentOptions,
    watch: Stopwatch,
) -> SpineResult:
    """The result of what was found and measured."""
    shape = volume.voxels.shape
    return SpineResult(
        task=task,
        shape=(shape[0], shape[1], shape[2]),
        affine=volume.affine,
        structures=found.structures,
        vertebrae=found.vertebrae,
        measurements=measurements,
        warnings=found.warnings,
        provenance=provenance(found.model, options, volume, watch.seconds, found.helpers),
    )


def told_of(vertebrae: tuple[Vertebra, ...], left_out: Sequence[np.ndarray] = ()) -> tuple[str, ...]:
    """Warnings about the vertebrae. left_out: centers, RAS mm, of those off their row."""
    if not vertebrae:
        return (NOTHING_FOUND,)
    warnings = []
    doubtful = [each for each in vertebrae if each.is_uncertain]
    if doubtful:
        first = doubtful[0]
        other = f" (it may be {first.second_level})" if first.second_level else ""
        warnings.append(
            f"{len(doubtful)} of {len(vertebrae)} names are uncertain, {first.level} first{other}; check them."
        )
    if len(left_out):
        place = ", ".join(f"{way[int(mm < 0)]} {abs(mm):.0f}" for way, mm in zip(WAYS, left_out[0], strict=True))
        warnings.append(
            f"{len(left_out)} more may be vertebrae but lie off the row, so they were left out; see {place} mm first."
        )
    return tuple(warnings)
