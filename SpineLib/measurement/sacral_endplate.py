# SPDX-License-Identifier: Apache-2.0
"""The upper endplate of S1, found on the mask of the whole sacrum by looking down from the lowest lumbar body."""

import numpy as np

from SpineLib.measurement.body_frame import BodyFrame, axes_of
from SpineLib.measurement.columns import columns
from SpineLib.measurement.endplates import Endplate, fit_endplate
from SpineLib.measurement.soft_mask import SoftMask

STEP_MM = 1.0
ROUNDS = 3
REACH_MM = 11.0
"""Half side of the square that is looked at: within the endplate, off the wings at its sides."""
DEEPEST_MM = 30.0
"""A disc is not thicker than this; what is deeper is the front of the sacrum or its canal."""
LEAST_COVER = 0.6
"""Share of the square that must be bone, else the sacrum is cut or lies elsewhere."""


def sacral_endplate(sacrum: SoftMask, lowest: BodyFrame) -> Endplate | None:
    """The plane of S1's endplate below the lowest lumbar body; None where the sacrum is not right below it."""
    point, normal = lowest.lower.point, lowest.lower.normal
    found = None
    for _ in range(ROUNDS):
        seen = columns(sacrum, point, axes_of(normal, lowest.front), STEP_MM)
        near = (np.abs(seen.right) <= REACH_MM)[:, None] & (np.abs(seen.front) <= REACH_MM)[None, :]
        near &= np.where(np.isfinite(seen.upper), np.abs(seen.upper), np.inf) <= DEEPEST_MM
        if near.sum() < LEAST_COVER * (2 * REACH_MM / STEP_MM) ** 2:
            return None
        found = fit_endplate(seen, seen.upper, near)
        if found is None:
            return None
        point, normal = found.point, found.normal
    return found
