# SPDX-License-Identifier: Apache-2.0
"""Everything that is measured on the vertebrae of a scan."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from SpineLib.core.level_order import positions
from SpineLib.core.mask import Mask
from SpineLib.core.result import Measurement, Vertebra
from SpineLib.measurement import angles
from SpineLib.measurement.body_frame import BodyFrame, fit_frame
from SpineLib.measurement.density import LEVELS as DENSITY_LEVELS
from SpineLib.measurement.density import trabecular_density
from SpineLib.measurement.genant import GenantReading, grade_heights
from SpineLib.measurement.heights import PLACES, HeightReading, read_heights
from SpineLib.measurement.padding import Padding
from SpineLib.measurement.retropulsion import rear_wall, retropulsion_mm
from SpineLib.measurement.sacral_endplate import sacral_endplate
from SpineLib.measurement.scan_end import is_cut
from SpineLib.measurement.soft_mask import SoftMask, soften

WITHOUT_ENDPLATES = ("C1", "C2")
CUT = "The vertebral body is cut by the border of the image."
SACRAL = ("S1", "Sacrum")
GRADED, COMPARED = "TL", ("C", "TL")
"""Genant's grades are made for thoracic and lumbar vertebrae. Heights are compared among these, and among those of the
neck, whose loss is told without a grade."""
CONTRAST_QUALITY = 0.5
"""How far a density is to be trusted where the blood holds contrast."""
SCOLIOSIS_DEGREES = 10.0
"""From this Cobb angle on a curve is a scoliosis, by its usual definition."""


@dataclass(frozen=True)
class LevelReading:
    """What was found at one level. `reason` says why there are no heights, "" where there are. is_filled: metal, cement
    or sclerosis stands where the density of trabecular bone is read."""

    level: str
    reason: str = ""
    frame: BodyFrame | None = None
    heights: HeightReading | None = None
    genant: GenantReading | None = None
    soft: SoftMask | None = field(default=None, repr=False)
    is_filled: bool = False

    @property
    def landmarks(self) -> dict[str, tuple[float, ...]]:
        """Center and ends of the heights on the endplates, name -> RAS mm; empty where nothing could be measured."""
        if self.frame is None or self.heights is None:
            return {}
        return {"center": tuple(float(value) for value in self.frame.center), **self.heights.landmarks}


@dataclass(frozen=True)
class FineShapes:
    """Masks on a grid finer than the scan's, on which thick slices do not cut the endplates into stairs: vertebrae by
    level, with their bodies, and the sacrum. affine: of that grid, 4x4, index -> RAS mm."""

    vertebrae: dict[str, Vertebra]
    sacrum: Mask | None
    affine: np.ndarray


@dataclass(frozen=True)
class Densities:
    """What densities are read from. voxels: (I, J, K) of the scan; a value plus `offset_hu` is in Hounsfield units.
    has_contrast: the blood holds contrast, which lowers the quality."""

    voxels: np.ndarray
    offset_hu: float = 0.0
    has_contrast: bool = False


def measure(
    vertebrae: Sequence[Vertebra],
    affine: np.ndarray,
    densities: Densities | None = None,
    *,
    sacrum: Mask | None = None,
    fine: FineShapes | None = None,
    padding: Padding | None = None,
) -> tuple[list[Measurement], dict[str, LevelReading]]:
    """All measurements of a scan, and per level, from the top, what they rest on.

    vertebrae: in any order; those without a body, cut by the image's border or too small get a reason and no numbers.
    A vertebra named S1 or Sacrum serves as the sacrum where none is given. affine: 4x4, index -> RAS mm. fine: the same
    vertebrae as masks of a finer grid, which heights and angles are then taken from. padding: what fills the scan where
    it ends before its array does.
    """
    bodies = _largest_of_each(vertebrae)
    sacrum = sacrum or next((each.mask for each in vertebrae if each.level in SACRAL), None)
    readings = _read_levels(bodies, affine, fine, padding)
    found = _measured_heights(readings)
    found += _measured_retropulsion(readings)
    if fine is not None and fine.sacrum is not None:
        found += _measured_angles(readings, soften(fine.sacrum, fine.affine))
    else:
        found += _measured_angles(readings, None if sacrum is None else soften(sacrum, affine))
    if densities is not None:
        found += _measured_density(readings, bodies, affine, densities)
    return found, readings


def _largest_of_each(vertebrae: Sequence[Vertebra]) -> dict[str, Vertebra]:
    """Level -> vertebra from the top; of two with one name the larger."""
    by_size = sorted(vertebrae, key=lambda vertebra: vertebra.mask.count)
    by_level = {vertebra.level: vertebra for vertebra in by_size}
    return {level: by_level[level] for level in positions(by_level)}


def _read_levels(
    bodies: dict[str, Vertebra], affine: np.ndarray, fine: FineShapes | None, padding: Padding | None
) -> dict[str, LevelReading]:
    shapes = {level: (each, affine) for level, each in bodies.items()}
    if fine is not None:
        shapes |= {level: (each, fine.affine) for level, each in fine.vertebrae.items() if level in bodies}
    soft = {level: soften(each.body, own) for level, (each, own) in shapes.items() if each.body is not None}
    centers = {level: body.center for level, body in soft.items() if body is not None}
    readings = {}
    for level, (shape, own) in shapes.items():
        reason = _why_not(bodies[level], soft.get(level), affine, padding)
        readings[level] = LevelReading(level, reason)
        body = soft.get(level)
        if body is not None and not reason:
            readings[level] = _read_level(shape, own, body, centers, affine)
    measured = {level: each.heights for level, each in readings.items() if each.heights is not None}
    for regions in COMPARED:
        known = {level: each for level, each in measured.items() if level[0] in regions}
        heights = {level: each.heights_mm for level, each in known.items()}
        for level, grade in grade_heights(heights, {level: each.voxel_mm for level, each in known.items()}).items():
            readings[level] = replace(readings[level], genant=grade)
    return readings


def _why_not(vertebra: Vertebra, body: SoftMask | None, affine: np.ndarray, padding: Padding | None) -> str:
    """Why nothing can be measured on a vertebra of the scan, "" where something can."""
    if vertebra.level in WITHOUT_ENDPLATES:
        return "C1 and C2 have no two endplates."
    if body is None or vertebra.body is None or vertebra.body.is_empty:
        return "The vertebral body is not told apart or not in the image."
    return CUT if is_cut(vertebra.body, affine, padding) else ""


def _read_level(
    shape: Vertebra, affine: np.ndarray, body: SoftMask, centers: dict[str, np.ndarray], scan: np.ndarray
) -> LevelReading:
    """shape: the vertebra on the grid of `affine`, from which `body` is. scan: the scan's own affine."""
    above, below = _beside(shape.level, centers)
    frame = fit_frame(body, affine, shape.mask, above, below)
    if frame is None:
        return LevelReading(shape.level, "Too little of the vertebral body is seen.")
    heights = read_heights(body, frame, scan)
    reason = "" if heights else "The vertebral body is too thin in its midsagittal plane."
    return LevelReading(shape.level, reason, frame, heights, soft=body)


def _beside(level: str, centers: dict[str, np.ndarray]) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Centers of the bodies next above and next below."""
    order = list(positions(centers))
    place = order.index(level)
    above = centers[order[place - 1]] if place else None
    below = centers[order[place + 1]] if place + 1 < len(order) else None
    return above, below


def _measured_heights(readings: dict[str, LevelReading]) -> list[Measurement]:
    found = []
    for level, each in readings.items():
        if each.heights is None:
            continue
        quality, at = each.heights.quality, (level,)
        method = "midsagittal slab, at 15, 50 and 85 % of the depth"
        for place, value in zip(PLACES, each.heights.heights_mm, strict=True):
            found.append(Measurement(f"height_{place}", value, "mm", at, method, quality))
        front, middle, back = each.heights.heights_mm
        ratios = [("wedge", front / back, "anterior by posterior"), ("biconcave", middle / back, "middle by posterior")]
        if each.genant is not None and each.genant.neighbors:
            ratios.append(("crush", back / each.genant.expected_mm[2], "posterior by that expected from the neighbors"))
        found += [Measurement(f"height_ratio_{name}", value, "", at, how, quality) for name, value, how in ratios]
        if each.genant is None:
            continue
        source = ", ".join(each.genant.neighbors)
        against = f"against the heights expected from {source}" if source else "against its own posterior height"
        found.append(Measurement("height_loss", each.genant.largest_loss, "", at, against, quality))
        if level[0] in GRADED:
            found.append(Measurement("genant_grade", float(each.genant.grade), "", at, each.genant.kind, quality))
    return found


def _measured_retropulsion(readings: dict[str, LevelReading]) -> list[Measurement]:
    """For levels with both neighbors, none missing between."""
    at = {place: readings[level] for level, place in positions(readings).items() if readings[level].frame is not None}
    walls = {place: rear_wall(each.soft, each.frame) for place, each in at.items() if each.soft and each.frame}
    found = []
    for place, each in at.items():
        wall, above, below = (walls.get(place + step) for step in (0, -1, 1))
        if wall is not None and above is not None and below is not None and each.frame is not None:
            value = retropulsion_mm(wall, above, below, each.frame.front)
            method = "behind the line between the rear walls above and below"
            found.append(Measurement("retropulsion", value, "mm", (each.level,), method))
    return found


def _measured_angles(readings: dict[str, LevelReading], sacrum: SoftMask | None) -> list[Measurement]:
    frames = {level: each.frame for level, each in readings.items() if each.frame is not None}
    lowest = next((frames[level] for level in reversed(frames) if level in ("L6", "L5", "L4")), None)
    sacral = sacral_endplate(sacrum, lowest) if sacrum is not None and lowest is not None else None
    cobb = angles.largest_cobb(frames)
    named = [
        ("lumbar_lordosis", angles.lumbar_lordosis(frames, sacral), "sagittal plane, endplate to endplate"),
        ("thoracic_kyphosis", angles.thoracic_kyphosis(frames), "sagittal plane, endplate to endplate"),
    ]
    if cobb is not None:
        side = "right" if cobb.degrees > 0 else "left"
        size = angles.Angle(abs(cobb.degrees), cobb.levels)
        named.append(("cobb_largest", size, f"coronal plane, largest over all pairs, convex to the {side}"))
        if size.degrees >= SCOLIOSIS_DEGREES:
            # A spine that is straight from the front fits best into the sagittal plane, and shows its kyphosis there.
            plane = angles.in_best_plane(frames, cobb.levels)
            named.append(("cobb_best_plane", plane, "plane of best fit to the centers"))
    return [Measurement(name, angle.degrees, "degree", angle.levels, how) for name, angle, how in named if angle]


def _measured_density(
    readings: dict[str, LevelReading],
    bodies: dict[str, Vertebra],
    affine: np.ndarray,
    densities: Densities,
) -> list[Measurement]:
    """Of each lumbar level, and their mean over those of Genant grade 0: packed bone is dense. Levels that turn out to
    be filled are told so in `readings`."""
    quality = CONTRAST_QUALITY if densities.has_contrast else None
    note = "; contrast in the blood raises it" if densities.has_contrast else ""
    values = {}
    for level in DENSITY_LEVELS:
        each, mask = readings.get(level), bodies[level].body if level in bodies else None
        if each is not None and each.frame is not None and each.soft is not None and mask is not None:
            voxels, offset = densities.voxels, densities.offset_hu
            values[level] = trabecular_density(voxels, offset, affine, mask, each.soft, each.frame)
    measured = {level: value for level, value in values.items() if value is not None}
    known = {level: value for level, value in measured.items() if np.isfinite(value)}
    for level in measured.keys() - known.keys():
        readings[level] = replace(readings[level], is_filled=True)
    name, method = "trabecular_density", f"mean in an ellipsoid within the body{note}"
    found = [Measurement(name, value, "HU", (level,), method, quality) for level, value in known.items()]
    sound = tuple(level for level in known if (grade := readings[level].genant) is not None and grade.grade == 0)
    if len(sound) > 1:
        mean = float(np.mean([known[level] for level in sound]))
        found.append(Measurement(name, mean, "HU", sound, f"mean of the levels of Genant grade 0{note}", quality))
    return found
