# SPDX-License-Identifier: Apache-2.0
"""The vertebrae in the panel: one row each, the most suspicious first."""

from typing import Any

import qt

from SpineLib.core.anatomy import FRACTURE
from SpineLib.reporting.in_words import is_striking
from SpineLib.reporting.vertebra_table import VertebraRow

HEADERS = ("Level", "Fracture", "Grade", "Ant. mm", "Mid. mm", "Post. mm", "Loss", "HU")
TOOL_TIPS = (
    "Name of the vertebra; with a second reading where it is in doubt. Click a row to see the vertebra.",
    "Probability that the vertebra is fractured.",
    "Genant grade 0 to 3 by the loss of height, and its kind.",
    "Anterior height of the body.",
    "Middle height of the body.",
    "Posterior height of the body.",
    "Largest loss of height against what the neighbors let expect.",
    "Mean density of the trabecular bone in Hounsfield units, L1 to L4.",
)
OF_HEIGHTS = range(2, 7)
"""Columns that are empty where no heights could be measured."""
ROWS_SHOWN = 12
"""Longer tables scroll."""


def fill_table(table: Any, rows: list[VertebraRow]) -> None:
    """Show rows in a QTableWidget; those that are probably fractured or lost much height stand out."""
    table.setColumnCount(len(HEADERS))
    table.setHorizontalHeaderLabels(list(HEADERS))
    for column, text in enumerate(TOOL_TIPS):
        table.horizontalHeaderItem(column).setToolTip(text)
    table.setRowCount(len(rows))
    for index, row in enumerate(rows):
        for column, text in enumerate(texts_of(row)):
            table.setItem(index, column, _item(text, column, row))
    header = table.horizontalHeader()
    header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
    header.setSectionResizeMode(0, qt.QHeaderView.Stretch)
    table.resizeRowsToContents()
    height = sum(table.rowHeight(index) for index in range(min(len(rows), ROWS_SHOWN)))
    table.setFixedHeight(height + 48)


def texts_of(row: VertebraRow) -> tuple[str, ...]:
    """The cells of a row; empty where a value is not known."""
    return (
        row.name,
        "" if row.probability is None else f"{100 * row.probability:.0f} %",
        row.grade,
        *(_number(value, 1) for value in (row.anterior_mm, row.middle_mm, row.posterior_mm)),
        "" if row.height_loss is None else f"{100 * row.height_loss:.0f} %",
        _number(row.density_hu, 0),
    )


def _item(text: str, column: int, row: VertebraRow) -> Any:
    item = qt.QTableWidgetItem(text)
    if column:
        item.setTextAlignment(int(qt.Qt.AlignRight) | int(qt.Qt.AlignVCenter))
    if is_striking(row) and column < 3:
        item.setForeground(qt.QBrush(qt.QColor(*(round(255 * channel) for channel in FRACTURE.color))))
    if row.uncertain and column == 0:
        item.setToolTip("The name is uncertain; check it.")
    if row.note_on_heights and column in OF_HEIGHTS:
        item.setToolTip(row.note_on_heights)
    return item


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
