# SPDX-License-Identifier: Apache-2.0
"""The result in the panel: a line on what was found, a table of structures and measurements."""

from typing import Any, NamedTuple

import qt

from SpineLib.core.anatomy import BY_NAME
from SpineLib.core.result import Measurement, SpineResult, Structure, Vertebra
from SpineLib.io.segmentation import name_of, parts_of
from SpineLib.reporting.in_words import found_vertebrae

HEADERS = ("", "Value", "Certainty")
Color = tuple[float, float, float]


class Row(NamedTuple):
    """One line of the table; `color` marks a structure as it is drawn in the views."""

    name: str
    value: str
    certainty: str
    color: Color | None = None


def sentence_of(result: SpineResult) -> str:
    """What the status line says at the end."""
    return found_vertebrae(result) or ("Nothing was found" if 1 not in result.shape else "Done")


def rows_of(result: SpineResult) -> list[Row]:
    """Structures and vertebrae first, then the measurements; of many vertebrae those of each level are left out."""
    rows = []
    for part in parts_of(result):
        name = name_of(part)
        value, certainty = ("not found", "") if part.mask.is_empty else (_found(part), _percent(part.confidence))
        rows.append(Row(name, value, certainty, BY_NAME[name].color))
    told = [each for each in result.measurements if not result.vertebrae or len(each.levels) != 1]
    return rows + [_row_of(measurement) for measurement in told]


def fill_table(table: Any, rows: list[Row]) -> None:
    """Show rows in a QTableWidget, as high as its content."""
    table.setColumnCount(len(HEADERS))
    table.setHorizontalHeaderLabels(list(HEADERS))
    table.setRowCount(len(rows))
    for index, row in enumerate(rows):
        for column, text in enumerate((row.name, row.value, row.certainty)):
            item = qt.QTableWidgetItem(text)
            if column:
                item.setTextAlignment(int(qt.Qt.AlignRight) | int(qt.Qt.AlignVCenter))
            table.setItem(index, column, item)
        if row.color is not None:
            table.item(index, 0).setIcon(_swatch(row.color))
    header = table.horizontalHeader()
    header.setSectionResizeMode(0, qt.QHeaderView.Stretch)
    for column in range(1, len(HEADERS)):
        header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
    table.resizeRowsToContents()
    height = sum(table.rowHeight(index) for index in range(len(rows)))
    table.setFixedHeight(height + 32)


def _found(part: Structure | Vertebra) -> str:
    if isinstance(part, Vertebra) and part.is_uncertain:
        return f"uncertain, maybe {part.second_level}" if part.second_level else "uncertain"
    return "found"


def _row_of(measurement: Measurement) -> Row:
    label = measurement.name.replace("_", " ").capitalize()
    where = f" ({'–'.join(measurement.levels)})" if measurement.levels else ""
    quality = "" if measurement.quality is None else _percent(measurement.quality)
    return Row(label + where, _number(measurement.value, measurement.unit), quality)


def _number(value: float, unit: str) -> str:
    units = {"mm2": "mm²", "px2": "px²", "degree": "°", "degrees": "°"}
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"
    return f"{text} {units.get(unit, unit)}".strip()


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _swatch(color: Color) -> Any:
    pixmap = qt.QPixmap(14, 14)
    pixmap.fill(qt.QColor(*(round(255 * channel) for channel in color)))
    return qt.QIcon(pixmap)
