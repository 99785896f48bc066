# SPDX-License-Identifier: Apache-2.0
"""The measurements of a scan's vertebrae, and the landmarks they rest on."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from SpineLib.core.anatomy import SACRUM
from SpineLib.core.result import Measurement, Structure, Vertebra
from SpineLib.core.volume import Volume
from SpineLib.tasks.scan_image import ScanImage
from SpineLib.tasks.vertebrae_on_grid import near

if TYPE_CHECKING:
    from SpineLib.measurement.scan_measurements import FineShapes, LevelReading

CONTRAST = "The vessels hold contrast agent, which raises the bone density of L1 to L4."
FILLED = "metal, cement or very dense bone, so the bone density is left out."
CONTRAST_SPACING_MM = 3.0
BEFORE_BODIES_MM = ((-35.0, 5.0, -15.0), (35.0, 55.0, 15.0))
"""Where aorta and vena cava lie, from the bodies' centers: corners of a box, RAS."""
OFF_BONE_MM = 5.0


def measured(
    vertebrae: Sequence[Vertebra],
    structures: Sequence[Structure],
    volume: Volume,
    scan: ScanImage,
    fine: "FineShapes | None" = None,
) -> tuple[tuple[Vertebra, ...], tuple[Measurement, ...], tuple[str, ...]]:
    """The vertebrae with their landmarks, RAS mm, all measurements, and what the user should know of them.

    Densities only of Hounsfield units. fine: the same shapes on a finer grid, which heights and angles are taken from.
    """
    from SpineLib.measurement.scan_measurements import Densities, measure

    sacrum = next((part.mask for part in structures if part.name == SACRUM.name), None)
    with_contrast = scan.is_hu and _has_contrast(vertebrae, scan)
    densities = Densities(volume.voxels, scan.shift, with_contrast) if scan.is_hu else None
    found, readings = measure(vertebrae, volume.affine, densities, sacrum=sacrum, fine=fine, padding=scan.padding)
    named = tuple(_with_reading(each, readings[each.level]) for each in vertebrae)
    told = [CONTRAST] if with_contrast and any(each.name == "trabecular_density" for each in found) else []
    filled = [level for level, each in readings.items() if each.is_filled]
    if filled:
        told.append(f"{', '.join(filled)}: {FILLED}")
    return named, tuple(found), (*told, *_without_heights(readings))


def _with_reading(vertebra: Vertebra, reading: "LevelReading") -> Vertebra:
    return replace(vertebra, landmarks={**vertebra.landmarks, **reading.landmarks}, unmeasured=reading.reason)


def _without_heights(readings: "dict[str, LevelReading]") -> list[str]:
    """A warning that names the vertebrae without heights by their reasons. That C1 and C2 have none goes without
    saying, and that the scan cuts the first or the last one is seen on nearly every scan."""
    from SpineLib.measurement.scan_measurements import CUT, WITHOUT_ENDPLATES

    levels: dict[str, list[str]] = {}
    ends = [next(iter(readings), ""), next(reversed(readings), "")]
    for level, reading in readings.items():
        is_usual = level in WITHOUT_ENDPLATES or (level in ends and reading.reason == CUT)
        if reading.reason and not is_usual:
            levels.setdefault(reading.reason, []).append(level)
    told = [f"{', '.join(named)} ({why[0].lower()}{why[1:].rstrip('.')})" for why, named in levels.items()]
    return [f"No heights: {'; '.join(told)}."] if told else []


def _has_contrast(vertebrae: Sequence[Vertebra], scan: ScanImage) -> bool:
    """Whether the vessels in front of the bodies whose density is measured hold contrast agent."""
    from SpineLib.inference.scan_grid import grid_around
    from SpineLib.io.regrid import on_grid
    from SpineLib.measurement.contrast import holds_contrast
    from SpineLib.measurement.density import LEVELS

    bodies = [each.body for each in vertebrae if each.level in LEVELS and each.body is not None and each.body.count]
    if not bodies:
        return False
    centers = np.array([body.center_ras_mm(scan.affine) for body in bodies])
    ends = np.concatenate([centers + np.array(BEFORE_BODIES_MM[0]), centers + np.array(BEFORE_BODIES_MM[1])])
    grid = grid_around(ends, CONTRAST_SPACING_MM)
    masks = [on_grid(each.mask, scan.affine, grid.shape, grid.affine) for each in vertebrae]
    return holds_contrast(scan.on(grid), grid.spacing_mm, near(masks, grid.spacing_mm, OFF_BONE_MM))
