# SPDX-License-Identifier: Apache-2.0
"""Qt properties as Python attributes: `button.text`, `button.enabled = False`, as PythonQt offers them."""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore


class QtProperty(property):
    """A Q_PROPERTY of an instance; seen from the class it stays the C++ method (`QTimer.singleShot` is both)."""

    def __init__(self, fget: Any, fset: Any, method: Any) -> None:
        super().__init__(fget, fset)
        self.method = method

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is not None:
            return super().__get__(instance, owner)
        return self if self.method is None else self.method.__get__(None, owner)


def turn_into_attributes(qt_class: type) -> None:
    """Replace the getters of every Q_PROPERTY that `qt_class` declares or overrides by attributes."""
    meta = qt_class.staticMetaObject
    for index in range(meta.propertyCount()):
        name = meta.property(index).name()
        method = qt_class.__dict__.get(name)
        declared_here = method is not None or index >= meta.propertyOffset()
        if declared_here and not isinstance(method, property):
            is_bool = meta.property(index).typeName() == "bool"
            setattr(qt_class, name, QtProperty(_getter(name, method), _setter(name, is_bool), method))


def _getter(name: str, method: Any) -> Any:
    def get(self: QtCore.QObject) -> Any:
        return self.property(name) if method is None else method.__get__(self, type(self))()

    return get


def _setter(name: str, is_bool: bool) -> Any:
    setter_name = "set" + name[0].upper() + name[1:]

    def set_value(self: QtCore.QObject, value: Any) -> None:
        value = bool(value) if is_bool else value
        setter = getattr(self, setter_name, None)
        if setter is None:
            self.setProperty(name, value)
        else:
            setter(value)

    return set_value
