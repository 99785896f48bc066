# SPDX-License-Identifier: Apache-2.0
"""CT -> named vertebrae, each with its own mask, the sacrum and the discs.

A coarse network finds the spine on the whole scan and roughly knows which level is where; a fine one runs near the
spine only and tells each vertebra from the next; the row of vertebrae is then named as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from SpineLib.core.box import corners
from SpineLib.core.progress import Progress, part_of, silent
from SpineLib.core.result import Measurement, SpineResult, Structure, Vertebra
from SpineLib.core.volume import Volume
from SpineLib.tasks.options import SegmentOptions
from SpineLib.tasks.provenance import provenance
from SpineLib.tasks.scan_image import ScanImage, scan_image
from SpineLib.tasks.scan_masks import borders_of, shapes_of, structures_on, vertebrae_on
from SpineLib.tasks.scan_measuring import measured
from SpineLib.tasks.scan_model import ScanModel
from SpineLib.tasks.scan_vertebrae import localize
from SpineLib.tasks.scan_vertebrae import segment as segment_near
from SpineLib.tasks.stopwatch import Stopwatch

if TYPE_CHECKING:
    from SpineLib.measurement.scan_measurements import FineShapes

NAME = "ct"
LOCALIZER = "ct_localizer"
WAYS = ("RL", "AP", "SI")
"""Of RAS mm, with the letter of the opposite way."""
NOTHING_FOUND = "No spine was found in this scan, so the result is empty."
LOW_MM = 100.0
"""A scan lower than this may hold a single whole vertebra, which no neighbor tells apart from other bone."""


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
    found = find(volume, options.model, options, watch)
    with watch.step("measure", 0.92, "Measuring"):
        vertebrae, measurements, told = measured(found.vertebrae, found.structures, volume, found.scan, found.fine)
    found = replace(found, vertebrae=vertebrae, warnings=(*found.warnings, *told))
    return result_of(NAME, volume, found, measurements, options, watch)


def find(volume: Volume, model_id: str | None, options: SegmentOptions, watch: Stopwatch) -> FoundVertebrae:
    """The steps of this recipe that the fracture recipe begins with, too. model_id: None takes the task's own."""
    with watch.step("check", 0.0, "Checking the scan"):
        scan = scan_image(volume)
    with watch.step("load", 0.02, "Loading the models"):
        model = ScanModel.for_task(NAME, model_id, options)
        localizer = ScanModel.for_task(LOCALIZER, model.bundle.metadata.get("localizer"), options)
        decide = borders_of(scan, model)
    with watch.step("localize", 0.1, "Looking for the spine"):
        coarse = localize(scan, localizer, part_of(watch.progress, 0.1, 0.4))
    if not coarse.is_credible:
        return FoundVertebrae(scan, model, (), (), (*scan.warnings, *localizer.warnings, NOTHING_FOUND), (localizer,))
    with watch.step("segment", 0.4, "Segmenting the vertebrae"):
        fine = segment_near(scan, coarse, model, part_of(watch.progress, 0.4, 0.8))
    with watch.step("masks", 0.8, "Bringing the vertebrae to the scan's resolution"):
        vertebrae = vertebrae_on(scan, fine, decide)
        structures = structures_on(scan, fine, vertebrae) if vertebrae else ()
        is_coarse = max(volume.spacing_mm) > fine.grid.spacing_mm
        shapes = shapes_of(fine) if vertebrae and is_coarse else None
    warnings = (*scan.warnings, *localizer.warnings, *model.warnings, *told_of(vertebrae, fine.left_out))
    return FoundVertebrae(scan, model, vertebrae, structures, warnings, (localizer,), shapes)


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
    low = () if found.vertebrae else told_of_height(volume)
    return SpineResult(
        task=task,
        shape=(shape[0], shape[1], shape[2]),
        affine=volume.affine,
        structures=found.structures,
        vertebrae=found.vertebrae,
        measurements=measurements,
        # Every model tells by itself that the GPU failed.
        warnings=(*dict.fromkeys(found.warnings), *low),
        provenance=provenance(found.model, options, volume, watch.seconds, found.helpers),
    )


def told_of_height(volume: Volume) -> tuple[str, ...]:
    """A hint where an empty result may come from a scan that shows too little."""
    ends = corners(np.zeros(3), np.array(volume.voxels.shape) - 1.0)
    height = float(np.ptp(ends @ volume.affine[2, :3]))
    if height >= LOW_MM:
        return ()
    return (f"The scan is only {height:.0f} mm high; a vertebra is known by its neighbors, so give a scan of several.",)


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
