# SPDX-License-Identifier: Apache-2.0
"""A result in a few words, for a line on the screen."""

from SpineLib.core.result import SpineResult, Vertebra

SUSPICIOUS = 0.5
"""Vertebrae that are more probably fractured than not are named."""
TOLD_ANGLES = {"lumbar_lordosis": "lordosis", "thoracic_kyphosis": "kyphosis", "cobb_largest": "largest Cobb angle"}


def found_vertebrae(result: SpineResult) -> str:
    """ "17 vertebrae, T1 to L5" and the fractures among them; empty where no vertebra was found."""
    levels = [vertebra.level for vertebra in result.vertebrae]
    if not levels:
        return ""
    told = f"1 vertebra, {levels[0]}" if len(levels) == 1 else f"{len(levels)} vertebrae, {levels[0]} to {levels[-1]}"
    if all(vertebra.fracture is None for vertebra in result.vertebrae):
        return told
    broken = [_fracture(vertebra) for vertebra in by_suspicion(result) if _is_suspicious(vertebra)]
    return f"{told}, fractures: {', '.join(broken)}" if broken else f"{told}, no fracture"


def angles(result: SpineResult) -> str:
    """ "lordosis 45 deg, kyphosis 38 deg"; empty where none was measured."""
    values = {each.name: each.value for each in result.measurements}
    return ", ".join(f"{words} {values[name]:.0f} deg" for name, words in TOLD_ANGLES.items() if name in values)


def by_suspicion(result: SpineResult) -> list[Vertebra]:
    """Vertebrae, the one most probably fractured first."""
    return sorted(result.vertebrae, key=lambda each: -(each.fracture.probability if each.fracture else 0.0))


def _is_suspicious(vertebra: Vertebra) -> bool:
    return vertebra.fracture is not None and vertebra.fracture.probability >= SUSPICIOUS


def _fracture(vertebra: Vertebra) -> str:
    fracture = vertebra.fracture
    assert fracture is not None
    grade = f", grade {fracture.genant_grade} {fracture.kind}".rstrip() if fracture.genant_grade else ""
    return f"{vertebra.level} ({100 * fracture.probability:.0f} %{grade})"
