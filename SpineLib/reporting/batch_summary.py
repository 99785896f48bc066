# SPDX-License-Identifier: Apache-2.0
"""`summary.csv` of a batch: a line for each image, how it came out and the numbers that one looks for first."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from SpineLib.io.output import safe_output

SUMMARY = "summary.csv"


@dataclass(frozen=True)
class Row:
    """How one image came out: "done", "empty" (no spine found), "kept" (was there already) or "failed".

    highest, lowest: levels of the outermost vertebrae. fracture_probability: the largest of any vertebra, of the level
    most_suspicious.
    """

    image: str
    status: str
    message: str = ""
    seconds: float | None = None
    spine_area_px: float | None = None
    spine_height_px: float | None = None
    spine_area_mm2: float | None = None
    spine_height_mm: float | None = None
    vertebrae: int | None = None
    highest: str = ""
    lowest: str = ""
    fracture_probability: float | None = None
    most_suspicious: str = ""


def numbers_of(seconds: dict[str, float], measurements: Sequence[dict[str, Any]]) -> dict[str, float]:
    known = {each.name for each in fields(Row)}
    named = {f"{each['name']}_{each['unit']}": each["value"] for each in measurements}
    return {"seconds": round(sum(seconds.values()), 2), **{key: named[key] for key in named if key in known}}


def vertebrae_of(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What a row tells of vertebrae, from the head downward, as a result's JSON describes them."""
    if not found:
        return {}
    told = {"vertebrae": len(found), "highest": found[0]["level"], "lowest": found[-1]["level"]}
    judged = {each["level"]: each["fracture"]["probability"] for each in found if each["fracture"]}
    if not judged:
        return told
    likeliest = max(judged, key=lambda level: judged[level])
    return {**told, "fracture_probability": judged[likeliest], "most_suspicious": likeliest}


def write_summary(path: Path, rows: Sequence[Row]) -> None:
    with safe_output(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [each.name for each in fields(Row)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
