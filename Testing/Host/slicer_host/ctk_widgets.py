# SPDX-License-Identifier: Apache-2.0
"""Stand-ins of the CTK widgets that the panels use.

They offer what Python can reach in Slicer and no more: `ctkSliderWidget.setRange` exists in C++ but not in Python.
"""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from .pythonqt import ui_loader
from .widget_properties import forwarded, stored

_HEADER_HEIGHT = 24
_NO_LIMIT = 16777215


class ctkCollapsibleButton(QtWidgets.QWidget):
    """A box with a title; a click on the title hides or shows what is in it."""

    clicked = QtCore.Signal(bool)
    toggled = QtCore.Signal(bool)
    contentsCollapsed = QtCore.Signal(bool)
    flat = stored(bool, "flat", False)

    _collapsed = False
    _header: QtWidgets.QToolButton | None = None

    def __init__(self, *arguments: Any) -> None:
        super().__init__(next((a for a in arguments if isinstance(a, QtWidgets.QWidget)), None))
        self._header = QtWidgets.QToolButton(self)
        self._header.setToolButtonStyle(QtCore.Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._header.setAutoRaise(True)
        self._header.setText(next((a for a in arguments if isinstance(a, str)), ""))
        self._header.clicked.connect(self._on_header_clicked)
        self._show_arrow()
        self.setContentsMargins(6, _HEADER_HEIGHT + 2, 4, 4)

    def setCollapsed(self, collapsed: bool) -> None:
        if bool(collapsed) == self._collapsed:
            return
        self._collapsed = bool(collapsed)
        self._show_arrow()
        for child in self._contents():
            child.setVisible(not self._collapsed)
        self.setMaximumHeight(_HEADER_HEIGHT if self._collapsed else _NO_LIMIT)
        self.contentsCollapsed.emit(self._collapsed)
        self.toggled.emit(not self._collapsed)

    def setText(self, text: str) -> None:
        self._header.setText(text)

    def setChecked(self, checked: bool) -> None:
        self.setCollapsed(not checked)

    def click(self) -> None:
        self._header.click()

    collapsed = QtCore.Property(bool, lambda self: self._collapsed, setCollapsed)
    checked = QtCore.Property(bool, lambda self: not self._collapsed, setChecked)
    text = QtCore.Property(str, lambda self: self._header.text, setText)

    def children(self) -> list[QtCore.QObject]:
        return [child for child in super().children() if child is not self._header]

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        self._header.setGeometry(0, 0, self.width, _HEADER_HEIGHT)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        painter.setPen(QtGui.QColor(170, 170, 170))
        painter.drawRect(0, 0, self.width - 1, (_HEADER_HEIGHT if self._collapsed else self.height) - 1)
        painter.end()

    def childEvent(self, event: QtCore.QChildEvent) -> None:
        if event.added() and self._collapsed and isinstance(event.child(), QtWidgets.QWidget):
            event.child().setVisible(False)
        super().childEvent(event)

    def _contents(self) -> list[QtWidgets.QWidget]:
        return [child for child in self.children() if isinstance(child, QtWidgets.QWidget)]

    def _show_arrow(self) -> None:
        arrows = QtCore.Qt.ArrowType
        self._header.setArrowType(arrows.RightArrow if self._collapsed else arrows.DownArrow)

    def _on_header_clicked(self) -> None:
        self.setCollapsed(not self._collapsed)
        self.clicked.emit(not self._collapsed)


class ctkSliderWidget(QtWidgets.QWidget):
    """A slider and a spin box that show the same number."""

    valueChanged = QtCore.Signal(float)
    valueIsChanging = QtCore.Signal(float)
    tracking = stored(bool, "tracking", True)
    pageStep = stored(float, "pageStep", 1.0)
    minimum = forwarded(float, "_spin_box", "minimum")
    maximum = forwarded(float, "_spin_box", "maximum")
    singleStep = forwarded(float, "_spin_box", "singleStep")
    decimals = forwarded(int, "_spin_box", "decimals")
    suffix = forwarded(str, "_spin_box", "suffix")

    _STEPS = 1000

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal)
        self._slider.setRange(0, self._STEPS)
        self._spin_box = QtWidgets.QDoubleSpinBox()
        _fill_row(self, self._slider, self._spin_box)
        self._spin_box.valueChanged.connect(self._on_value_changed)
        self._slider.sliderMoved.connect(self._on_slider_moved)

    def setValue(self, value: float) -> None:
        self._spin_box.setValue(value)

    value = QtCore.Property(float, lambda self: self._spin_box.value, setValue)

    def children(self) -> list[QtCore.QObject]:
        return []

    def _on_value_changed(self, value: float) -> None:
        span = self.maximum - self.minimum
        self._slider.setValue(round(self._STEPS * (value - self.minimum) / span) if span else 0)
        self.valueChanged.emit(value)

    def _on_slider_moved(self, position: int) -> None:
        self.setValue(self.minimum + position / self._STEPS * (self.maximum - self.minimum))


class ctkPathLineEdit(QtWidgets.QWidget):
    """A line for the path of a file or folder."""

    Files, Dirs, Readable, Writable = 1, 2, 4, 8

    currentPathChanged = QtCore.Signal(str)
    filters = stored(int, "filters", 0)
    nameFilters = stored("QStringList", "nameFilters", [])
    settingKey = stored(str, "settingKey", "")
    label = stored(str, "label", "")
    showBrowseButton = stored(bool, "showBrowseButton", True)
    showHistoryButton = stored(bool, "showHistoryButton", True)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._line = QtWidgets.QLineEdit()
        _fill_row(self, self._line, QtWidgets.QPushButton("..."))
        self._line.textChanged.connect(self.currentPathChanged)

    def setCurrentPath(self, path: str) -> None:
        self._line.setText(path)

    currentPath = QtCore.Property(str, lambda self: self._line.text, setCurrentPath)

    def addCurrentPathToHistory(self) -> None:
        """The host keeps no history."""

    def children(self) -> list[QtCore.QObject]:
        return []


class ctkMessageBox(QtWidgets.QMessageBox):
    """Slicer's message box; the host's user answers it (see `user.User`)."""

    dontShowAgain = stored(bool, "dontShowAgain", False)
    dontShowAgainVisible = stored(bool, "dontShowAgainVisible", False)
    dontShowAgainSettingsKey = stored(str, "dontShowAgainSettingsKey", "")


def _fill_row(widget: QtWidgets.QWidget, *children: QtWidgets.QWidget) -> None:
    row = QtWidgets.QHBoxLayout(widget)
    row.setContentsMargins(0, 0, 0, 0)
    for child in children:
        row.addWidget(child)


WIDGETS = (ctkCollapsibleButton, ctkSliderWidget, ctkPathLineEdit, ctkMessageBox)
ui_loader.register(*WIDGETS)
