# SPDX-License-Identifier: Apache-2.0
"""The discs: slabs between two endplates, painted before the bones, which cut them to their shape."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from SpineLib.core.anatomy import DISC
from SpineLib.synthesis.ct.grid import Canvas
from SpineLib.synthesis.ct.vertebra import Vertebra
from SpineLib.synthesis.projection import Placed
from SpineLib.synthesis.solids import Body

VACUUM_SHARE = 0.04
OVERLAP_MM = 4.0
"""How much a disc reaches into the bones, so that none is left out where endplates are hollow or tilted."""


def paint_discs(canvas: Canvas, vertebrae: list[Vertebra], values: dict[str, float], rng: np.random.Generator) -> None:
    """All discs from the sacrum to C2, some with gas in them (a vacuum phenomenon)."""
    lowest = vertebrae[0].pose
    floor = lowest.center - lowest.rotation[:, 2] * (lowest.size.height / 2 + lowest.size.disc_below)
    pairs = [(floor, 0.0, vertebrae[0])]
    pairs += [(_head(lower), _dent_mm(lower), upper) for lower, upper in pairwise(vertebrae) if upper.level != "C1"]
    has_vacuum = rng.random(len(pairs)) < VACUUM_SHARE
    for (low, dent, upper), vacuum in zip(pairs, has_vacuum, strict=True):
        pose, size = upper.pose, upper.pose.size
        high = pose.center - pose.rotation[:, 2] * size.height / 2
        tall = float(np.linalg.norm(high - low)) + OVERLAP_MM + 2 * max(dent, _dent_mm(upper))
        wide = (size.lower_width, size.lower_depth)
        slab = Placed(Body(wide, wide, tall, waist=-0.03, dip=0.0), pose.rotation, (low + high) / 2)
        _paint(canvas, slab, values["disc"], DISC.code)
        if vacuum:
            inside = (0.55 * wide[0], 0.5 * wide[1])
            _paint(canvas, replace(slab, solid=Body(inside, inside, 2.0, waist=0.0, dip=0.0)), values["gas"])


def _head(vertebra: Vertebra) -> np.ndarray:
    """The middle of the upper rim, world mm."""
    pose, shape = vertebra.pose, vertebra.shape
    lost = 0.0 if shape is None else shape.middle_rim * (0.5 if shape.both else 1.0)
    return pose.center + pose.rotation[:, 2] * pose.size.height * (0.5 - lost)


def _dent_mm(vertebra: Vertebra) -> float:
    return 0.0 if vertebra.shape is None else max(vertebra.shape.dent, 0.0) * vertebra.pose.size.height


def _paint(canvas: Canvas, placed: Placed, value: float, label: int = 0) -> None:
    window = canvas.grid.window(placed.corners, canvas.edge_mm)
    if window is None:
        return
    distance, _ = placed.solid.distances(*canvas.grid.coordinates(window, placed.rotation, placed.center))
    canvas.blend(window, canvas.share(distance), value)
    if label:
        here = canvas.labels[window]
        here[distance <= 0] = label
