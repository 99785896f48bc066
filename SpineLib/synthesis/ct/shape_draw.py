# SPDX-License-Identifier: Apache-2.0
"""Which real shape each vertebra and the pelvis of a person take, and how it is varied."""

from dataclasses import replace

import numpy as np

from SpineLib.synthesis.ct.shaped import Looks
from SpineLib.synthesis.curve import Pose
from SpineLib.synthesis.shapes.store import HIPS, SACRUM, Shape

SHAPED_SHARE = 0.6
"""Share of persons of real shapes where a file of shapes is given."""
MOST_RIPPLE_MM = 0.9
WAVE_MM = (25.0, 70.0)
UNLIKE_OTHERS = ("C1", "C2")


def draw_looks(shapes: tuple[Shape, ...], poses: list[Pose], rng: np.random.Generator) -> dict[str, Looks]:
    """By level, with sacrum and hips where shapes have them; empty for a person without real shapes.

    Each region of the spine is of one source. A level that the source lacks is made of the nearest of its region; C1
    and C2 are like no other.
    """
    if rng.random() > SHAPED_SHARE:
        return {}
    mirrored = bool(rng.random() < 0.5)
    found: dict[str, Looks] = {}
    for region in "LTC":
        group = [shape for shape in shapes if shape.level[0] == region]
        sources = sorted({shape.source for shape in group})
        if not sources:
            continue
        source = sources[int(rng.integers(len(sources)))]
        own = [shape for shape in group if shape.source == source]
        for pose in poses:
            if pose.level[0] != region:
                continue
            shape = _nearest(pose.level, own) or _nearest(pose.level, group)
            if shape is not None:
                found[pose.level] = _vary(shape, mirrored, rng)
    found.update(_draw_pelvis(shapes, mirrored, rng))
    return found


def _draw_pelvis(shapes: tuple[Shape, ...], mirrored: bool, rng: np.random.Generator) -> dict[str, Looks]:
    """The sacrum and, if any source has both, the hips, of the same source if it can be; all varied alike."""
    bones = [shape for shape in shapes if shape.level == SACRUM]
    if not bones:
        return {}
    looks = _vary(bones[int(rng.integers(len(bones)))], mirrored, rng)
    found = {SACRUM: looks}
    for name in HIPS:
        known = [shape for shape in shapes if shape.level == name]
        hip = min(known, key=lambda shape: shape.source != looks.shape.source, default=None)
        if hip is not None:
            found[name] = replace(looks, shape=hip)
    return found


def _nearest(level: str, shapes: list[Shape]) -> Shape | None:
    if level in UNLIKE_OTHERS:
        return next((shape for shape in shapes if shape.level == level), None)
    usual = [shape for shape in shapes if shape.level not in UNLIKE_OTHERS]
    return min(usual, key=lambda shape: abs(int(shape.level[1:]) - int(level[1:])), default=None)


def _vary(shape: Shape, mirrored: bool, rng: np.random.Generator) -> Looks:
    amplitude = rng.uniform(0, MOST_RIPPLE_MM, 3)
    waves = 2 * np.pi / rng.uniform(*WAVE_MM, 3)
    phases = rng.uniform(0, 2 * np.pi, 3)
    return Looks(shape, mirrored, float(rng.uniform(0.93, 1.07)), np.stack([amplitude, waves, phases], axis=1))
