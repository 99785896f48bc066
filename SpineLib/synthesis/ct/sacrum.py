# SPDX-License-Identifier: Apache-2.0
"""The sacrum on CT: its solids where no real shape is known, and the bone within, much of it fatty in the wings."""

from collections.abc import Callable
from functools import reduce
from itertools import pairwise

import numpy as np

from SpineLib.synthesis.ct.grid import Canvas, Grain, Window
from SpineLib.synthesis.ct.shaped_pelvis import carve
from SpineLib.synthesis.pelvis import sacrum
from SpineLib.synthesis.projection import Placed
from SpineLib.synthesis.vertebra import SIDES, bar

Marrow = Callable[[Window], np.ndarray]
"""HU of what a bone holds, on a window."""
THINNER = np.float32(0.75)
"""Spongy bone beside that of lumbar bodies."""
BRIDGES_AT, BRIDGES_MM = (0.05, 0.4, 0.7, 0.95), (9.0, 7.0, 5.5, 4.5)
"""Where along a wing each is, and half its height."""
OPENINGS_MM = (3.5, 3.0, 2.5, 2.0)
"""Half the width of what runs through each; the bone keeps off it."""
WING_MM = (14.0, 30.0)
"""How far to the side fatty marrow begins and is as much as it becomes."""
FATTY = (0.0, 1.0)
"""Share of fat in the wings, by person: in the old they hold hardly any bone."""
MARROW = np.float32(0.7)
"""Of fatty marrow's HU, the share that is fat's."""


def whole_sacrum(slope: float, scale: float) -> list[Placed]:
    """Bodies, wings and a rear wall under an endplate that leans forward by `slope` degrees; between is a canal.

    Bridges join the wings to each body and to the rear wall; nerves leave to the front and the back between bodies.
    """
    *bodies, _ = sacrum(slope, scale)
    rear = np.array([[0, 37, -22], [0, 60, -84]]) * scale
    parts = [*bodies, _long(rear, (17, 3.2), (9, 3.0), scale)]
    for side in SIDES:
        wing = np.array([[side * 36, 14, -14], [side * 17, 46, -74]]) * scale
        parts.append(_long(wing, (17, 11), (8, 6), scale))
        for body, along, half in zip(bodies[:4], BRIDGES_AT, BRIDGES_MM, strict=True):
            flank = body.center + body.rotation @ [side * 0.6 * body.solid.half[0], 2.0 * scale, 0.0]
            in_wing, in_wall = (line[0] + along * (line[1] - line[0]) for line in (wing, rear))
            behind = in_wall + np.array([side * 9.0 * scale, 0.0, 0.0])
            parts.append(bar(flank, in_wing, (half * scale, half * scale), wall=1.0))
            parts.append(bar(in_wing, behind, (0.6 * half * scale, 4.0 * scale), wall=1.0, upright=(0.0, 1.0, 0.0)))
    nerves = openings_between(bodies, scale)
    return [reduce(carve, (each for each in nerves if _may_meet(part, each)), part) for part in parts]


def openings_between(bodies: list[Placed], scale: float) -> list[Placed]:
    """What runs through the openings of the nerves, four on each side."""
    found = []
    for (upper, lower), radius in zip(pairwise(bodies), OPENINGS_MM, strict=True):
        for side in SIDES:
            aside = side * 0.5 * (upper.solid.half[0] + lower.solid.half[0])
            middle = (upper.center + lower.center) / 2 + upper.rotation[:, 0] * aside
            way = upper.rotation[:, 1] * scale
            found.append(bar(middle - 25 * way, middle + 40 * way, (radius * scale, radius * scale)))
    return found


def _may_meet(one: Placed, other: Placed) -> bool:
    """Whether the boxes around two solids meet."""
    first, second = one.corners, other.corners
    return bool(np.all((first.min(0) <= second.max(0)) & (second.min(0) <= first.max(0))))


def _long(line: np.ndarray, high: tuple[float, float], low: tuple[float, float], scale: float) -> Placed:
    """A bar along the patient's back; half axes (across, to the back) for an adult."""
    thick, thin = ((each[0] * scale, each[1] * scale) for each in (high, low))
    return bar(line[0], line[1], thick, thin, 1.0, (0.0, 1.0, 0.0))


def evenly_spongy(values: dict[str, float], grain: Grain, window: Window) -> np.ndarray:
    """HU of the spongy bone of other bones than vertebrae, on a window."""
    return THINNER * np.float32(values["trabecular"]) * (1 + np.float32(0.25) * grain.on(window))


def sacral_marrow(canvas: Canvas, values: dict[str, float], grain: Grain, rng: np.random.Generator) -> Marrow:
    """Patchy, and fatty toward the sides."""
    patches, fat = Grain(rng, 4.0), np.float32(rng.uniform(*FATTY))
    fatty_hu = MARROW * np.float32(values["fat"])
    begin, end = (np.float32(each) for each in WING_MM)

    def on(window: Window) -> np.ndarray:
        x, _, _ = canvas.grid.coordinates(window, np.eye(3), np.zeros(3))
        patchy = patches.on(window)
        spongy = evenly_spongy(values, grain, window) * (1 + np.float32(0.25) * patchy)
        share = fat * np.clip((np.abs(x) - begin) / (end - begin), 0, 1)
        return spongy + np.clip(share * (np.float32(0.8) + np.float32(0.3) * patchy), 0, 1) * (fatty_hu - spongy)

    return on
