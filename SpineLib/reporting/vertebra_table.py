# SPDX-License-Identifier: Apache-2.0
"""One line a vertebra: what is known of its fracture, its heights and its density; as a table and as CSV."""

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from SpineLib.core.result import Measurement, SpineResult, Vertebra
from SpineLib.io.output import safe_output

RATIOS = ("wedge", "biconcave", "crush")
TRUSTED_QUALITY = 0.5
COARSE = "The slices are thick against the body: heights and grade are less certain."


@dataclass(frozen=True)
class VertebraRow:
    """A line of the table; None where a value is not known.

    uncertain: whether the name is in doubt; `second_level` is then the other reading. height_ratios: anterior
    and middle height by the posterior one, and that by what the neighbors let expect, in the order of `RATIOS`.
    height_loss: share of the expected height. unmeasured: why there are no
    heights. density_hu: of the trabecular bone. center: RAS mm, in the volume's own
    coordinates. height_quality: 1 for slices that are thin against the body, 0 where it is two slices high.
    """

    level: str
    confidence: float
    second_level: str | None = None
    second_confidence: float | None = None
    uncertain: bool = False
    probability: float | None = None
    genant_grade: int | None = None
    kind: str = ""
    anterior_mm: float | None = None
    middle_mm: float | None = None
    posterior_mm: float | None = None
    height_ratios: tuple[float | None, ...] = (None, None, None)
    height_loss: float | None = None
    density_hu: float | None = None
    retropulsion_mm: float | None = None
    center: tuple[float, ...] | None = None
    unmeasured: str = ""
    height_quality: float | None = None

    @property
    def name(self) -> str:
        """The level, with the other reading where it is in doubt: "T12 (L1?)"."""
        if not self.uncertain:
            return self.level
        return f"{self.level} ({self.second_level}?)" if self.second_level else f"{self.level} (?)"

    @property
    def note_on_heights(self) -> str:
        """Why there are none, or why they are less certain."""
        is_coarse = self.height_quality is not None and self.height_quality < TRUSTED_QUALITY
        return self.unmeasured or (COARSE if is_coarse else "")

    @property
    def grade(self) -> str:
        """ "2 wedge", "0", or "" where the heights could not be measured."""
        return "" if self.genant_grade is None else f"{self.genant_grade} {self.kind}".rstrip()


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _ratio(row: VertebraRow, place: int) -> str:
    return _number(row.height_ratios[place], 3)


COLUMNS = {
    # column of the CSV file: what stands in it
    "level": lambda row: row.level,
    "confidence": lambda row: _number(row.confidence, 3),
    "second_level": lambda row: row.second_level or "",
    "second_confidence": lambda row: _number(row.second_confidence, 3),
    "uncertain": lambda row: "yes" if row.uncertain else "no",
    "fracture_probability": lambda row: _number(row.probability, 4),
    "genant_grade": lambda row: "" if row.genant_grade is None else str(row.genant_grade),
    "kind": lambda row: row.kind,
    "height_anterior_mm": lambda row: _number(row.anterior_mm, 2),
    "height_middle_mm": lambda row: _number(row.middle_mm, 2),
    "height_posterior_mm": lambda row: _number(row.posterior_mm, 2),
    **{f"height_ratio_{name}": partial(_ratio, place=place) for place, name in enumerate(RATIOS)},
    "height_loss": lambda row: _number(row.height_loss, 4),
    "height_quality": lambda row: _number(row.height_quality, 2),
    "trabecular_density_hu": lambda row: _number(row.density_hu, 1),
    "retropulsion_mm": lambda row: _number(row.retropulsion_mm, 2),
    "center_r_mm": lambda row: _number(row.center[0], 2) if row.center else "",
    "center_a_mm": lambda row: _number(row.center[1], 2) if row.center else "",
    "center_s_mm": lambda row: _number(row.center[2], 2) if row.center else "",
    "unmeasured": lambda row: row.unmeasured,
}


def rows_of(result: SpineResult) -> list[VertebraRow]:
    """A row for each vertebra, from the head downward as in the result."""
    at: dict[str, dict[str, Measurement]] = {}
    for each in result.measurements:
        if len(each.levels) == 1 and math.isfinite(each.value):
            at.setdefault(each.levels[0], {}).setdefault(each.name, each)
    # Of two vertebrae with one name the measurements belong to the larger; the other gets none.
    largest: dict[str, Vertebra] = {}
    for vertebra in result.vertebrae:
        if vertebra.level not in largest or vertebra.mask.count > largest[vertebra.level].mask.count:
            largest[vertebra.level] = vertebra
    return [
        _row(vertebra, at.get(vertebra.level, {}) if largest[vertebra.level] is vertebra else {})
        for vertebra in result.vertebrae
    ]


def by_suspicion(rows: Iterable[VertebraRow]) -> list[VertebraRow]:
    """The most probable fracture first, of equal ones the higher grade; those that were not looked at last."""

    def suspicion(row: VertebraRow) -> tuple[float, int]:
        grade = -1 if row.genant_grade is None else row.genant_grade
        return (-1.0 if row.probability is None else row.probability), grade

    return sorted(rows, key=suspicion, reverse=True)


def write_csv(result: SpineResult, path: str | Path) -> None:
    """Write all vertebrae, from the head downward, to `path`: numbers with a point, UTF-8, empty where not known.

    Raises ResourceError when the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([told(row) for told in COLUMNS.values()] for row in rows_of(result))
    with safe_output(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8", newline="")


def _row(vertebra: Vertebra, own: dict[str, Measurement]) -> VertebraRow:
    values = {name: each.value for name, each in own.items()}
    grade, kind = _graded(own.get("genant_grade"))
    if vertebra.fracture is not None:
        grade, kind = vertebra.fracture.genant_grade, vertebra.fracture.kind
    return VertebraRow(
        level=vertebra.level,
        confidence=vertebra.confidence,
        second_level=vertebra.second_level,
        second_confidence=vertebra.second_confidence,
        uncertain=vertebra.is_uncertain,
        probability=vertebra.fracture.probability if vertebra.fracture else None,
        genant_grade=grade,
        kind=kind,
        anterior_mm=values.get("height_anterior"),
        middle_mm=values.get("height_middle"),
        posterior_mm=values.get("height_posterior"),
        height_ratios=tuple(values.get(f"height_ratio_{name}") for name in RATIOS),
        height_loss=values.get("height_loss"),
        density_hu=values.get("trabecular_density"),
        retropulsion_mm=values.get("retropulsion"),
        center=vertebra.landmarks.get("center"),
        unmeasured=vertebra.unmeasured,
        height_quality=own["height_posterior"].quality if "height_posterior" in own else None,
    )


def _graded(grade: Measurement | None) -> tuple[int | None, str]:
    """Genant grade and kind of a vertebra that only heights were measured of."""
    if grade is None:
        return None, ""
    return int(grade.value), grade.method if grade.value else ""
