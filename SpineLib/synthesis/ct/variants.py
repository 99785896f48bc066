# SPDX-License-Identifier: Apache-2.0
"""Which vertebrae a spine has: the usual ones, or one more or fewer; with the two uppermost, which films leave out."""

from collections.abc import Sequence

import numpy as np

from SpineLib.synthesis.morphometry import SIZES, Size

AXIS = Size("C2", 16.5, 17.0, 15.0, 15.6, 19.0, 5.0, 7.5, 9.0, 24.0, 17.5, 56.0, 22.0, 20.0)
ATLAS = Size("C1", 22.0, 22.0, 8.0, 8.0, 9.0, 5.5, 9.0, 9.0, 28.0, 30.0, 78.0, 8.0, 5.0)
"""Rounded from the tables of Panjabi et al., "Cervical human vertebrae" (Spine 1991); C1 as a ring has no true body."""


def _between(level: str, below: Size, above: Size) -> Size:
    return Size(level, *(float(value) for value in np.mean([below[1:], above[1:]], axis=0)))


def _named(level: str, like: Size) -> Size:
    return like._replace(level=level)


def _variants() -> dict[str, Sequence[Size]]:
    usual = (*SIZES, AXIS, ATLAS)
    by_level = {size.level: size for size in usual}
    above_l4 = usual[2:]
    return {
        "usual": usual,
        "L6": (_named("L6", by_level["L5"]), _between("L5", by_level["L5"], by_level["L4"]), by_level["L4"], *above_l4),
        "four lumbar": (_named("L4", by_level["L5"]), *above_l4),
        "T13": (*usual[:5], _between("T13", by_level["L1"], by_level["T12"]), *usual[5:]),
    }


VARIANTS: dict[str, Sequence[Size]] = _variants()
"""Vertebrae by variant, from the lowest upward."""
