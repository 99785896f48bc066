# SPDX-License-Identifier: Apache-2.0
"""Loading of Qt Designer files with the host's ctk and qMRML widgets and their connections."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

from PySide6 import QtCore, QtUiTools, QtWidgets

from . import signals, strictness

_custom_widgets: dict[str, type] = {}


def register(*widget_classes: type) -> None:
    """Let UI files use these classes, under the rules for C++ objects."""
    for widget_class in widget_classes:
        _custom_widgets[widget_class.__name__] = widget_class
        strictness.treat_as_cpp(widget_class)


class QUiLoader(QtUiTools.QUiLoader):
    """Qt's loader; connections are made from Python, for Qt does not know signatures such as setMRMLScene's.

    Raises RuntimeError for a widget class or connection that does not exist (Qt would only print a warning).
    """

    def load(self, file: QtCore.QIODevice, parent: QtWidgets.QWidget | None = None) -> QtWidgets.QWidget:
        root = ElementTree.fromstring(bytes(file.readAll()))
        self._check_classes(root)
        connections = _take_connections(root)
        for widget_class in _custom_widgets.values():
            self.registerCustomWidget(widget_class)
        buffer = QtCore.QBuffer()
        buffer.setData(ElementTree.tostring(root))
        buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        with strictness.children_as_attributes():
            widget = super().load(buffer, parent)
        for sender, signal, receiver, slot in connections:
            _connect_by_name(widget, sender, signal, receiver, slot)
        return widget

    @staticmethod
    def _check_classes(root: ElementTree.Element) -> None:
        used = {element.get("class", "") for element in root.iter("widget")}
        unknown = sorted(used - set(_custom_widgets) - set(dir(QtWidgets)))
        if unknown:
            raise RuntimeError(f"The UI file uses widgets that the host does not know: {', '.join(unknown)}")


def _take_connections(root: ElementTree.Element) -> list[tuple[str, ...]]:
    found = []
    for element in root.findall("connections"):
        for connection in element.findall("connection"):
            found.append(tuple(connection.findtext(k, "") for k in ("sender", "signal", "receiver", "slot")))
        root.remove(element)
    return found


def _connect_by_name(widget: Any, sender: str, signal: str, receiver: str, slot: str) -> None:
    try:
        signals.connect(_named(widget, sender), signal, getattr(_named(widget, receiver), slot.split("(")[0]))
    except (AttributeError, ValueError) as error:
        raise RuntimeError(f"The UI file connects {sender}.{signal} to {receiver}.{slot}: {error}") from error


def _named(widget: Any, name: str) -> Any:
    return widget if widget.objectName == name else widget.findChild(QtCore.QObject, name)
