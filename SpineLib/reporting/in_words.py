# SPDX-License-Identifier: Apache-2.0
"""A result in a few words, for a line on the screen."""

from SpineLib.core.result import SpineResult
from SpineLib.reporting.vertebra_table import VertebraRow, by_suspicion, rows_of

SUSPICIOUS = 0.5
"""Vertebrae that are more probably fractured than not are named."""
MODERATE = 2
"""A grade that is never passed over."""
TOLD_ANGLES = {"lumbar_lordosis": "lordosis", "thoracic_kyphosis": "kyphosis", "cobb_largest": "largest Cobb angle"}


def found_vertebrae(result: SpineResult) -> str:
    """ "17 vertebrae, T1 to L5", the fractures among them, and what is less probable than not but marked or a quarter
    lower; empty where no vertebra was found."""
    rows = rows_of(result)
    if not rows:
        return ""
    first, last = rows[0].level, rows[-1].level
    told = f"1 vertebra, {first}" if len(rows) == 1 else f"{len(rows)} vertebrae, {first} to {last}"
    if all(row.probability is None for row in rows):
        return told
    suspected = by_suspicion(rows)
    broken = [_fracture(row) for row in suspected if (row.probability or 0) >= SUSPICIOUS]
    told += f", fractures: {', '.join(broken)}" if broken else ", no fracture found"
    marked = {each.level for each in result.vertebrae if each.fracture and not each.fracture.mask.is_empty}
    marked |= {row.level for row in rows if (row.genant_grade or 0) >= MODERATE}
    doubtful = [_fracture(row) for row in suspected if row.level in marked and (row.probability or 0) < SUSPICIOUS]
    return f"{told}, doubtful: {', '.join(doubtful)}" if doubtful else told


def angles(result: SpineResult) -> str:
    """ "lordosis 45 deg, kyphosis 38 deg"; empty where none was measured."""
    values = {each.name: each.value for each in result.measurements}
    return ", ".join(f"{words} {values[name]:.0f} deg" for name, words in TOLD_ANGLES.items() if name in values)


def is_striking(row: VertebraRow) -> bool:
    """Whether a vertebra stands out in tables."""
    return (row.probability or 0) >= SUSPICIOUS or (row.genant_grade or 0) >= MODERATE


def _fracture(row: VertebraRow) -> str:
    grade = f", grade {row.genant_grade} {row.kind}".rstrip() if row.genant_grade else ""
    return f"{row.name} ({100 * (row.probability or 0):.0f} %{grade})"
