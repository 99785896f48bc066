# SPDX-License-Identifier: Apache-2.0
"""Loss of height against the neighbors, its grade and kind.

Grades and kinds are those of Genant et al., "Vertebral fracture assessment using a semiquantitative technique" (JBMR
1993): mild from 20 % of a height, moderate from 25 %, severe from 40 %. Genant's readers judge T4 to L4 by eye; the
heights expected from the neighbors, the order in which collapsed ones are set aside, and what tells the kinds apart
are our reading.
"""

from dataclasses import dataclass

import numpy as np

from SpineLib.core.level_order import positions

GRADES = ((0.40, 3), (0.25, 2), (0.20, 1))
"""Least share of height lost and grade: severe, moderate, mild."""
COLLAPSED = 0.20
"""A vertebra that lost this much says nothing about its neighbors' heights."""
EACH_SIDE, FARTHEST = 2, 4
"""Neighbors asked above and below, and how many levels away they may be."""
GROWTH_MM, GROWTH_WEIGHT = 0.4, 2.0
"""Height gained per level downward, and how firmly that is held against what the neighbors show: T1 to L2 gain some
10 mm in 13 levels, the lumbar ones hardly any. It matters only where neighbors are on one side."""
ACCOMPANIED = 0.10
"""A lost posterior height counts only where another height lost this much, too: L5 is lower at its back in health."""
CRUSHED = 0.65
"""From this share of the largest loss on, the posterior wall has collapsed with the rest."""

NOTICED_VOXELS = 1.5
"""Losses of fewer voxels than this along the body are told as none: each endplate may lie anywhere within a slice."""

Heights = tuple[float, float, float]


@dataclass(frozen=True)
class GenantReading:
    """Anterior, middle, posterior `expected_mm` and `loss` (shares, negative where higher than expected).

    kind: "wedge", "biconcave" or "crush" where the grade is above 0, else "". neighbors: the levels that the expected
    heights come from; none where the vertebra's own posterior height stands in, which cannot tell a crush.
    """

    expected_mm: Heights
    loss: Heights
    grade: int
    kind: str
    neighbors: tuple[str, ...]

    @property
    def largest_loss(self) -> float:
        """The loss that decides the grade; 0 where nothing is lost."""
        return _counted(self.loss)


def grade_of(loss: float) -> int:
    """Grade 0 to 3 of a share of height lost."""
    return next((grade for least, grade in GRADES if loss >= least), 0)


def kind_of(loss: Heights) -> str:
    """The kind of a collapse with these losses."""
    front, middle, back = loss
    if back >= CRUSHED * max(front, middle):
        return "crush"
    return "wedge" if front >= middle else "biconcave"


def grade_heights(heights: dict[str, Heights], voxels_mm: dict[str, float] | None = None) -> dict[str, GenantReading]:
    """Level -> reading, from the heights in mm of all levels that could be measured (at least one).

    voxels_mm: level -> length of a voxel along the body; 0 where not given.

    The vertebra that lost most is set aside first and the others are judged anew without it, so that one collapse does
    not make its neighbors look tall or hide a second one.
    """
    places = positions(heights)
    sound = set(places)
    while True:
        readings = {
            level: _read(level, heights, (voxels_mm or {}).get(level, 0.0), places, sound - {level}) for level in places
        }
        worst = max(sound, key=lambda level: readings[level].largest_loss, default=None)
        if worst is None or readings[worst].largest_loss < COLLAPSED:
            return readings
        sound.remove(worst)


def _read(
    level: str, heights: dict[str, Heights], voxel_mm: float, places: dict[str, int], sound: set[str]
) -> GenantReading:
    own = heights[level]
    neighbors = _neighbors(level, places, sound)
    expected = _expected(level, heights, places, neighbors) if neighbors else (own[2], own[2], own[2])
    front, middle, back = (
        1 - now / before if before - now >= NOTICED_VOXELS * voxel_mm else min(1 - now / before, 0.0)
        for now, before in zip(own, expected, strict=True)
    )
    loss = (front, middle, back)
    grade = grade_of(_counted(loss))
    return GenantReading(expected, loss, grade, kind_of(loss) if grade else "", neighbors)


def _neighbors(level: str, places: dict[str, int], sound: set[str]) -> tuple[str, ...]:
    """The nearest sound levels on either side, from the top."""
    here = places[level]
    above = [other for other in places if other in sound and 0 < here - places[other] <= FARTHEST]
    below = [other for other in places if other in sound and 0 < places[other] - here <= FARTHEST]
    return (*above[-EACH_SIDE:], *below[:EACH_SIDE])


def _expected(level: str, heights: dict[str, Heights], places: dict[str, int], neighbors: tuple[str, ...]) -> Heights:
    """A line through the neighbors' heights over their levels, near ones weighing more, read at the level itself."""
    steps = np.array([places[other] - places[level] for other in neighbors], dtype=float)
    weights = 1 / np.abs(steps)
    terms = np.stack([np.ones_like(steps), steps], axis=1)
    known = np.array([heights[other] for other in neighbors])
    normal = terms.T @ (terms * weights[:, None]) + np.diag([0.0, GROWTH_WEIGHT])
    target = terms.T @ (known * weights[:, None]) + np.array([[0.0], [GROWTH_WEIGHT * GROWTH_MM]])
    front, middle, back = (float(value) for value in np.linalg.solve(normal, target)[0])
    return front, middle, back


def _counted(loss: Heights) -> float:
    front, middle, back = loss
    other = max(front, middle)
    return max(other, back if other >= ACCOMPANIED else 0.0, 0.0)
