# SPDX-License-Identifier: Apache-2.0
"""How far the rear wall of a body stands into the canal, behind the line from the wall above to the wall below.

The line joins the walls where they are nearest, as is done by eye on the midsagittal slice. On a spine that bends, a
healthy wall leaves that line, too, by a millimeter or so. The slab and the heights on the walls are our choice.
"""

import numpy as np

from SpineLib.measurement.body_frame import BodyFrame
from SpineLib.measurement.columns import columns
from SpineLib.measurement.heights import slab_half_width_mm
from SpineLib.measurement.soft_mask import SoftMask

STEP_MM = 1.0
RIM = 0.15
"""Share of the wall next to either endplate that is left out: spurs grow there."""
NEAR = 0.4
"""The share of a neighbor's wall, beyond its rim, that the line is fixed to."""


def rear_wall(body: SoftMask, frame: BodyFrame) -> np.ndarray | None:
    """The midsagittal rear wall: (n, 3) RAS mm from low to high without its rims; None where there is none."""
    lying = frame.axes[:, [0, 2, 1]]
    found = columns(body, frame.center, lying, STEP_MM, slab_half_width_mm(frame))
    rows, heights = found.lower, found.front
    whole = np.isfinite(rows).all(axis=0)
    if not whole.any():
        return None
    low, high = heights[whole][[0, -1]]
    part = whole & (heights >= low + RIM * (high - low)) & (heights <= high - RIM * (high - low))
    if not part.any():
        return None
    rear = rows[:, part].mean(axis=0)
    return np.array([found.ras(0.0, up, place) for up, place in zip(heights[part], rear, strict=True)])


def retropulsion_mm(wall: np.ndarray, above: np.ndarray, below: np.ndarray, front: np.ndarray) -> float:
    """How far `wall` (n, 3) stands behind the line between the walls `above` and `below`; 0 where it does not.

    front: (3,) the body's own. All in RAS mm.
    """
    high = above[: max(1, round(NEAR * len(above)))].mean(axis=0)
    low = below[-max(1, round(NEAR * len(below))) :].mean(axis=0)
    line = (high - low) / np.linalg.norm(high - low)
    back = -(front - line * (front @ line))
    behind = (wall - low) @ (back / np.linalg.norm(back))
    return max(0.0, float(behind.max()))
