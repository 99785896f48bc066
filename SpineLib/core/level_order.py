# SPDX-License-Identifier: Apache-2.0
"""Which vertebra lies how far above which, with the variants of the numbers of vertebrae."""

from collections.abc import Iterable

_ORDER = tuple(
    f"{region}{number}" for region, count in (("C", 7), ("T", 13), ("L", 6)) for number in range(1, count + 1)
)


def positions(levels: Iterable[str]) -> dict[str, int]:
    """Level -> its number from the top, in that order; one that is missing leaves a gap. Other names are left out.

    Only where a T13 is among the levels does it stand between T12 and L1.
    """
    known = set(levels) & set(_ORDER)
    counted = [level for level in _ORDER if level != "T13" or "T13" in known]
    return {level: number for number, level in enumerate(counted) if level in known}
