# SPDX-License-Identifier: Apache-2.0
"""CT -> vertebrae with their fractures: where the bone is broken, how probable that is, how much height is lost.

The vertebrae are found as in `ct_spine`, or given. A network then marks fractured bone within them; what it marks and
the loss of height against the neighbors together make a vertebra's probability.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from SpineLib.core.mask import Mask
from SpineLib.core.progress import Progress, part_of, silent
from SpineLib.core.result import Fracture, Measurement, SpineResult, Vertebra
from SpineLib.core.volume import Volume
from SpineLib.tasks.ct_spine import find, result_of
from SpineLib.tasks.fracture_odds import FOCUS_MM3, FractureOdds, mark_of
from SpineLib.tasks.given_vertebrae import take
from SpineLib.tasks.options import SegmentOptions
from SpineLib.tasks.scan_image import ScanImage
from SpineLib.tasks.scan_measuring import measured
from SpineLib.tasks.scan_model import ScanModel
from SpineLib.tasks.stopwatch import Stopwatch
from SpineLib.tasks.vertebrae_on_grid import vertebrae_on_grid, without_padding

if TYPE_CHECKING:
    from SpineLib.inference.scan_grid import ScanGrid

NAME = "fracture"
MARGIN_MM = 24.0
"""The network sees this much around the vertebrae."""
FILLED_MM = 12.0
"""So far around a vertebra tissue stands for what was not scanned."""
LEAST_FRACTURE_MM3 = 60.0
"""Smaller marks are left out."""
NOT_CT = "The fracture network knows CT only: do not rely on its marks and probabilities here."
CUT_MARK = 7.0
"""Log odds: no more is believed of a body that the scan cuts, so that its mark alone stays a doubt. Bone that ends so
looks broken: on both real CTs at hand such pieces are marked."""
LEAST_PROBABILITY = 0.25
"""In a vertebra that is most probably whole nothing is marked."""


def segment(volume: Volume, options: SegmentOptions, progress: Progress = silent) -> SpineResult:
    """Segment and name the vertebrae of a scan and find, mark and grade their fractures.

    Returns what `ct_spine` returns, each vertebra with its `fracture`. Raises InputError for an unusable scan and for
    given vertebrae that are not of this scan, ModelError and ResourceError for model and machine.
    """
    watch = Stopwatch(progress)
    # First, so that an unknown or unusable model is told before the work.
    model = ScanModel.for_task(NAME, options.model, options)
    odds = FractureOdds.of(model)
    if options.vertebrae is None:
        found = find(volume, None, options, watch.within(0.0, 0.6))
        found = replace(found, model=model, helpers=(*found.helpers, found.model))
    else:
        found = take(volume, options, model, watch, progress)
    measurements: tuple[Measurement, ...] = ()
    vertebrae = found.vertebrae
    if vertebrae:
        with watch.step("measure", 0.6, "Measuring"):
            vertebrae, measurements, told = measured(vertebrae, found.structures, volume, found.scan, found.fine)
            found = replace(found, warnings=(*found.warnings, *told))
        with watch.step("fractures", 0.7, "Looking for fractures"):
            vertebrae, marks = mark_fractures(
                found.scan, vertebrae, measurements, model, odds, part_of(progress, 0.7, 0.95)
            )
            measurements = (*measurements, *marks)
        if not found.scan.is_hu:
            found = replace(found, warnings=(*found.warnings, NOT_CT))
    found = replace(found, vertebrae=vertebrae, warnings=(*found.warnings, *model.warnings))
    return result_of(NAME, volume, found, measurements, options, watch)


def mark_fractures(
    scan: ScanImage,
    vertebrae: tuple[Vertebra, ...],
    measurements: tuple[Measurement, ...],
    model: ScanModel,
    odds: FractureOdds,
    progress: Progress = silent,
) -> tuple[tuple[Vertebra, ...], tuple[Measurement, ...]]:
    """The vertebrae with their fractures, and how strongly the network marks each (`fracture_mark`, log odds)."""
    from SpineLib.inference.scan_networks import find_fractures

    # Bone that ends where the scan does would look broken beside what stands for what was not scanned.
    grid, masks = vertebrae_on_grid(scan, vertebrae, model.spacing_mm, MARGIN_MM, within_scan=True)
    values = without_padding(scan.on(grid), scan, grid, masks, FILLED_MM)
    wanted, boxes = Mask.union(masks).to_array(), [each.window for each in masks if not each.is_empty]
    found = find_fractures(model.network, values, wanted, boxes, model.window, model.device, progress, model.change)
    method = f"mean log odds of fractured bone, of the {FOCUS_MM3:.0f} mm3 with the highest"
    marked, marks = [], []
    for each, mask in zip(vertebrae, masks, strict=True):
        log_odds = found[mask.window]
        mark = mark_of(log_odds[mask.box], grid.spacing_mm**3)
        marks.append(Measurement("fracture_mark", mark, "", (each.level,), method))
        sure = Mask((log_odds >= odds.least) & mask.box, mask.origin, grid.shape)
        marked.append(replace(each, fracture=_fracture(scan, each, sure, mark, grid, measurements, odds)))
    return tuple(marked), tuple(marks)


def _fracture(
    scan: ScanImage,
    vertebra: Vertebra,
    sure: Mask,
    mark: float,
    grid: "ScanGrid",
    measurements: tuple[Measurement, ...],
    odds: FractureOdds,
) -> Fracture:
    """sure: where the network is sure of fractured bone, on the grid."""
    from SpineLib.inference.scan_grid import mask_on
    from SpineLib.measurement.scan_measurements import CUT

    grade, kind, loss = read_grade(vertebra.level, measurements)
    if vertebra.unmeasured == CUT:
        mark, loss = min(mark, CUT_MARK), 0.0
    probability = odds.probability(mark, loss)
    if probability < LEAST_PROBABILITY or sure.box.sum() * grid.spacing_mm**3 < LEAST_FRACTURE_MM3:
        sure = Mask.empty(grid.shape)
    mask = mask_on(scan, sure, grid).within(vertebra.mask)
    return Fracture(mask, round(probability, 4), grade, kind)


def read_grade(level: str, measurements: tuple[Measurement, ...]) -> tuple[int | None, str, float | None]:
    """Genant grade and kind, None where heights could not be measured, and the lost share of the height.

    The neck's loss is None: its low bodies lose and gain as much by where their endplates are seen. A vertebra that the
    scan cuts is no more suspicious than one that lost nothing.
    """
    at = {each.name: each for each in measurements if each.levels == (level,)}
    if "genant_grade" not in at:
        return None, "", None if level[0] == "C" else 0.0
    grade = int(at["genant_grade"].value)
    return grade, at["genant_grade"].method if grade else "", at["height_loss"].value
