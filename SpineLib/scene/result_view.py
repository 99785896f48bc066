# SPDX-License-Identifier: Apache-2.0
"""The result in the panel: a table of structures and measurements, and the warnings."""

from typing import Any, NamedTuple

import qt

from SpineLib.core.anatomy import BY_NAME
from SpineLib.core.result import Measurement, SpineResult
from SpineLib.io.segmentation import name_of, parts_of

HEADERS = ("", "Value", "Certainty")
Color = tuple[float, float, float]


class Row(NamedTuple):
    """One line of the table; `color` marks a structure as it is drawn in the views."""

    name: str
    value: str
    certainty: str
    color: Color | None = None


def rows_of(result: SpineResult) -> list[Row]:
    """Structures and vertebrae first, then the measurements."""
    rows = []
    for part in parts_of(result):
        name = name_of(part)
        value, certainty = ("not found", "") if part.mask.is_empty else ("found", _percent(part.confidence))
        rows.append(Row(name, value, certainty, BY_NAME[name].color))
    return rows + [_row_of(measurement) for measurement in result.measurements]


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
