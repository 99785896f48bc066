# SPDX-License-Identifier: Apache-2.0
"""Frontal (AP or PA) spine film -> mask of the vertebral column.

The film is looked at twice with the same network: as a whole, to find the column, and then the column alone, which
gives it more of the network's pixels. The second look is saved where the column fills the film anyway.
"""

import numpy as np

from SpineLib.core.anatomy import SPINE
from SpineLib.core.film import Film
from SpineLib.core.mask import Mask
from SpineLib.core.progress import Progress, part_of, silent
from SpineLib.core.result import Measurement, SpineResult, Structure
from SpineLib.core.volume import Volume
from SpineLib.tasks.column import Column, find_column
from SpineLib.tasks.film_check import usable_film
from SpineLib.tasks.looking import Box, Looker, closer_view, whole_view
from SpineLib.tasks.options import SegmentOptions
from SpineLib.tasks.provenance import provenance
from SpineLib.tasks.stopwatch import Stopwatch

NAME = "ap"
NOTHING_FOUND = "No spine was found in this image, so the result is empty."


def segment(volume: Volume, options: SegmentOptions, progress: Progress = silent) -> SpineResult:
    """Segment the column on a one-slice volume.

    Returns a result with one structure, `Spine`, at the film's own resolution; it is empty, with a warning, where no
    spine is found. Raises InputError for an unusable film, ModelError and ResourceError for model and machine.
    """
    watch = Stopwatch(progress)
    with watch.step("check", 0.0, "Checking the film"):
        film = usable_film(volume)
    with watch.step("load", 0.02, "Loading the model"):
        looker = Looker.for_task(NAME, options)
    with watch.step("localize", 0.2, "Looking for the spine"):
        seen = whole_view(film.pixels)
        probability = looker.look(film.pixels, seen, part_of(progress, 0.2, 0.5))
        column = find_column(probability, looker.threshold)
    with watch.step("segment", 0.5, "Segmenting the spine"):
        window = closer_view(column, seen, looker.sliding_window) if column and looker.looks_twice else None
        if window is not None:
            closer = looker.look_closer(film.pixels, window, part_of(progress, 0.5, 0.9))
            column = find_column(_put_into(probability, closer, window), looker.threshold)
    with watch.step("measure", 0.9, "Measuring"):
        column = column if column is not None and column.is_credible else None
        structure = _structure(column, film)
        measurements = _measurements(column, volume, film)
    return SpineResult(
        task=NAME,
        shape=structure.mask.shape,
        affine=volume.affine,
        structures=(structure,),
        measurements=measurements,
        warnings=(*looker.warnings, *_warnings(column)),
        provenance=provenance(looker, options, volume, watch.seconds),
    )


def _put_into(probability: np.ndarray, closer: np.ndarray, window: Box) -> np.ndarray:
    """The closer look inside its window, the first look around it."""
    where = np.s_[window[0] : window[2], window[1] : window[3]]
    combined = probability.copy()
    combined[where] = closer[where]
    return combined


def _structure(column: Column | None, film: Film) -> Structure:
    mask = column.mask if column else np.zeros(film.pixels.shape, dtype=bool)
    return Structure(SPINE.name, Mask.from_array(film.to_voxels(mask)), column.mean_probability if column else 0.0)


def _measurements(column: Column | None, volume: Volume, film: Film) -> tuple[Measurement, ...]:
    """Area and height of the column in pixels, and in millimeters where the film's spacing is known."""
    if column is None:
        return ()
    area, height = int(column.mask.sum()), column.box[2] - column.box[0]
    quality = column.mean_probability
    method = "pixels inside the mask"
    measured = [
        Measurement("spine_area", float(area), "px", method=method, quality=quality),
        Measurement("spine_height", float(height), "px", method="top to bottom of the mask", quality=quality),
    ]
    if volume.spacing_known:
        across, down = (volume.spacing_mm[axis] for axis in film.axes)
        measured += [
            Measurement("spine_area", area * across * down, "mm2", method=method, quality=quality),
            Measurement("spine_height", height * down, "mm", method="top to bottom of the mask", quality=quality),
        ]
    return tuple(measured)


def _warnings(column: Column | None) -> tuple[str, ...]:
    if column is None:
        return (NOTHING_FOUND,)
    found = []
    if column.gaps:
        places = "one place" if column.gaps == 1 else f"{column.gaps} places"
        found.append(f"The column is interrupted at {places}; check the mask there.")
    if column.sides:
        found.append(f"The column runs off the {' and the '.join(column.sides)} edge of the film and is cut off there.")
    return tuple(found)
