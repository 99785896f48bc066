# SPDX-License-Identifier: Apache-2.0
"""A sacrum's solid turned until the upper endplate of S1 is level, and that endplate measured.

Points are in mm, x to the left, y to the back, z upward, roughly as the patient stands.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from SpineLib.synthesis.shapes.upright import UnclearShapeError, onto_z

USUAL_SLOPE_DEG = 38.0
"""How far the endplate leans forward at first guess."""
ROUNDS = 8
BIN_MM = 1.5
MIDDLE_MM = 9.0
"""Half the width of the strip in the middle in which the endplate is looked for; facets lie beside it."""
TOP_MM = 20.0
"""The promontory lies at most so far below the highest point; the coccyx, which may reach further forward, deeper."""
DEPTHS_MM, WIDTHS_MM = (18.0, 48.0), (28.0, 80.0)
DROP_MM = 2.5
"""Where the surface lies so far below the endplate's plane, the endplate has ended."""


@dataclass(frozen=True)
class Endplate:
    """`turn` (3, 3) makes the endplate level; then its middle is at `origin` (3,); `width` and `depth` in mm."""

    turn: np.ndarray
    origin: np.ndarray
    width: float
    depth: float


def find_endplate(points: np.ndarray) -> Endplate:
    """The upper endplate of S1 of a solid given by its `points` (n, 3). Raises UnclearShapeError."""
    turn = Rotation.from_euler("x", -USUAL_SLOPE_DEG, degrees=True).as_matrix()
    for _ in range(ROUNDS):
        heights = _Heights(points @ turn.T)
        front, back = heights.extent_y()
        turn = onto_z(np.array([0.0, -heights.slope(front, back), 1.0])) @ turn
    heights = _Heights(points @ turn.T)
    front, back = heights.extent_y()
    right, left = heights.extent_x((front + back) / 2)
    depth, width = back - front, left - right
    for size, (low, high), name in ((depth, DEPTHS_MM, "deep"), (width, WIDTHS_MM, "wide")):
        if not low <= size <= high:
            raise UnclearShapeError(f"the endplate of S1 seems {size:.0f} mm {name}")
    x, y = (left + right) / 2, (front + back) / 2
    return Endplate(turn, np.array([x, y, heights.level(x, y)]), width, depth)


class _Heights:
    """The upper surface of a solid (n, 3) over x and y, in bins, mm."""

    def __init__(self, points: np.ndarray) -> None:
        self.low = points[:, :2].min(axis=0)
        bins = ((points[:, :2] - self.low) / BIN_MM).astype(int)
        self.top = np.full(bins.max(axis=0) + 1, -np.inf)
        np.maximum.at(self.top, tuple(bins.T), points[:, 2])
        # A sacrum is even: its middle is where it is as wide to either side.
        self.middle = float(points[:, 0].min() + points[:, 0].max()) / 2
        core = points[np.abs(points[:, 0] - self.middle) < MIDDLE_MM]
        self.front = float(core[core[:, 2] > core[:, 2].max() - TOP_MM, 1].min())

    def _centers(self, axis: int) -> np.ndarray:
        return (np.arange(self.top.shape[axis]) + 0.5) * BIN_MM + self.low[axis]

    def _profile(self, axis: int, middle: float, half: float) -> np.ndarray:
        """Median height along x (`axis` 0) or y (1) of a strip around a place on the other axis."""
        near = np.abs(self._centers(1 - axis) - middle) < half
        strip = self.top.compress(near, axis=1 - axis)
        return np.asarray(np.median(strip, axis=1 - axis))

    def level(self, x: float, y: float) -> float:
        """The endplate's height around a place."""
        near = np.abs(self._centers(0) - x)[:, None] < MIDDLE_MM / 2
        near = near & (np.abs(self._centers(1) - y) < MIDDLE_MM / 2)
        return float(np.median(self.top[near]))

    def extent_y(self) -> tuple[float, float]:
        """Front and back of the endplate, which starts at the promontory and ends at the canal."""
        y, z = self._centers(1), self._profile(1, self.middle, MIDDLE_MM)
        seed = self.front + DEPTHS_MM[0] / 2
        return _run(y, z, seed)

    def extent_x(self, y: float) -> tuple[float, float]:
        """Right and left end of the endplate; the wings beside it lie lower."""
        return _run(self._centers(0), self._profile(0, y, 4.0), self.middle)

    def slope(self, front: float, back: float) -> float:
        """dz/dy of the endplate without its rims."""
        y, z = self._centers(1), self._profile(1, self.middle, MIDDLE_MM)
        inner = (y > front + 2.5) & (y < back - 2.5) & np.isfinite(z)
        if inner.sum() < 4:
            raise UnclearShapeError("no endplate of S1")
        return float(np.clip(np.polyfit(y[inner], z[inner], 1)[0], -0.25, 0.25))


def _run(place: np.ndarray, heights: np.ndarray, seed: float) -> tuple[float, float]:
    """The ends of the even stretch around `seed`."""
    start = int(np.argmin(np.abs(place - seed)))
    level = float(np.median(heights[max(start - 2, 0) : start + 3]))
    if not np.isfinite(level):
        raise UnclearShapeError("no endplate of S1")
    ends = []
    for step in (-1, 1):
        at = start
        while 0 <= at + step < len(place) and abs(heights[at + step] - level) < DROP_MM:
            at += step
            # An endplate is hollow or tilted as yet: what lies next is measured by what lies before it.
            level = 0.7 * level + 0.3 * float(heights[at])
        ends.append(float(place[at]) + step * BIN_MM / 2)
        level = float(np.median(heights[max(start - 2, 0) : start + 3]))
    return ends[0], ends[1]
