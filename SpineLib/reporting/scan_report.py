# SPDX-License-Identifier: Apache-2.0
"""The result of a scan as one page of HTML that needs no other file and loads nothing."""

import html
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from SpineLib.core.result import DISCLAIMER, Measurement, SpineResult
from SpineLib.io.output import safe_output
from SpineLib.reporting.in_words import found_vertebrae, is_striking
from SpineLib.reporting.vertebra_table import VertebraRow, by_suspicion, rows_of

HEADERS = ("Vertebra", "Fracture", "Genant grade", "Anterior", "Middle", "Posterior", "Loss", "Retropulsion", "Density")
UNITS = ("", "probability", "", "mm", "mm", "mm", "%", "mm", "HU")
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; max-width: 62em; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; margin-bottom: 0; } h2 { font-size: 1.1em; margin-top: 1.8em; }
table { border-collapse: collapse; } th, td { padding: .25em .8em; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child, .texts td { text-align: left; } th small { display: block; font-weight: normal; }
.suspicious td { background: #fde8e8; } .warnings li { color: #8a4b00; } .disclaimer, small { color: #666; }
@media print { body { margin: 0; } }
"""
LOADS_NOTHING = "default-src 'none'; style-src 'unsafe-inline'"
DASH = "\u2013"


def write_report(result: SpineResult, path: str | Path, title: str) -> None:
    """Write the report to `path` (`NAME.html`). title: what the scan is called. Raises ResourceError."""
    with safe_output(path) as temporary:
        temporary.write_text(report_of(result, title), encoding="utf-8", newline="\n")


def report_of(result: SpineResult, title: str) -> str:
    """The page: vertebrae sorted by suspicion, other measurements, warnings and where all that came from.

    Every text is escaped; the page runs no script and names no other file.
    """
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{LOADS_NOTHING}">',
            f"<title>{_text(title)}</title><style>{STYLE}</style></head><body>",
            f"<h1>{_text(title)}</h1>",
            f"<p>{_text(_found(result))}</p>",
            f'<p class="disclaimer">{_text(DISCLAIMER)}</p>',
            *_warnings(result.warnings),
            *_vertebrae(by_suspicion(rows_of(result))),
            *_measurements([each for each in result.measurements if len(each.levels) != 1]),
            *_provenance(result.provenance),
            "</body></html>",
            "",
        ]
    )


def _found(result: SpineResult) -> str:
    if result.is_empty:
        return "Nothing was found."
    return found_vertebrae(result) or "The spine was found."


def _warnings(warnings: tuple[str, ...]) -> Iterator[str]:
    if warnings:
        yield "<h2>Warnings</h2>"
        yield f'<ul class="warnings">{"".join(f"<li>{_text(each)}</li>" for each in warnings)}</ul>'


def _vertebrae(rows: list[VertebraRow]) -> Iterator[str]:
    if not rows:
        return
    heads = (f"{_text(head)}<small>{_text(unit)}</small>" for head, unit in zip(HEADERS, UNITS, strict=True))
    yield "<h2>Vertebrae, the most suspicious first</h2>"
    yield f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>"
    for row in rows:
        marked = ' class="suspicious"' if is_striking(row) else ""
        yield f"<tr{marked}>{_cells(_texts(row))}</tr>"
    yield "</table>"
    # Paper shows no tool tips.
    for note in dict.fromkeys(row.note_on_heights for row in rows if row.note_on_heights):
        names = ", ".join(row.name for row in rows if row.note_on_heights == note)
        yield f"<p>Heights of {_text(names)}: {_text(note)}</p>"


def _texts(row: VertebraRow) -> Iterator[str]:
    yield row.name
    yield _number(row.probability, 2)
    yield row.grade or DASH
    yield from (_number(value, 1) for value in (row.anterior_mm, row.middle_mm, row.posterior_mm))
    yield _number(None if row.height_loss is None else 100 * row.height_loss, 0)
    yield _number(row.retropulsion_mm, 1)
    yield _number(row.density_hu, 0)


def _measurements(measurements: list[Measurement]) -> Iterator[str]:
    if not measurements:
        return
    yield '<h2>Measurements</h2><table class="texts">'
    for each in measurements:
        name = each.name.replace("_", " ").capitalize()
        yield f"<tr>{_cells((name, f'{_number(each.value, 1)} {each.unit}', ', '.join(each.levels), each.method))}</tr>"
    yield "</table>"


def _provenance(provenance: dict[str, Any]) -> Iterator[str]:
    if not provenance:
        return
    yield '<h2>Where this came from</h2><table class="texts">'
    for name, value in _flat(provenance):
        yield f"<tr>{_cells((name, value))}</tr>"
    yield "</table>"


def _flat(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Names and values of a tree, the names joined from the top."""
    for name, value in values.items():
        full = f"{above} {name}".strip().replace("_", " ")
        if isinstance(value, dict):
            yield from _flat(value, full)
        elif isinstance(value, list | tuple) and any(isinstance(each, dict) for each in value):
            for number, each in enumerate(value, 1):
                yield from _flat(each, f"{full} {number}")
        elif value not in (None, ""):
            yield full, f"{value:.2f}" if isinstance(value, float) else str(value)


def _cells(texts: Iterable[str]) -> str:
    return "".join(f"<td>{_text(each)}</td>" for each in texts)


def _number(value: float | None, digits: int) -> str:
    return DASH if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def _text(value: object) -> str:
    return html.escape(str(value))
