# SPDX-License-Identifier: Apache-2.0
"""Qt properties for the stand-ins of C++ widgets."""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore


def stored(cpp_type: Any, name: str, default: Any, changed: str | None = None) -> QtCore.Property:
    """A property that keeps its value in the widget and calls the widget's method `changed` when it is set."""
    attribute = "_" + name

    def get(self: QtCore.QObject) -> Any:
        return self.__dict__.get(attribute, default)

    def set_value(self: QtCore.QObject, value: Any) -> None:
        self.__dict__[attribute] = value
        if changed:
            getattr(self, changed)()

    return QtCore.Property(cpp_type, get, set_value)


def forwarded(cpp_type: Any, child: str, name: str) -> QtCore.Property:
    """A property that belongs to the inner widget kept in the attribute `child`."""
    return QtCore.Property(
        cpp_type,
        lambda self: getattr(getattr(self, child), name),
        lambda self, value: setattr(getattr(self, child), name, value),
    )
