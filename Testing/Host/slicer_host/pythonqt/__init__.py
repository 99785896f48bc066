# SPDX-License-Identifier: Apache-2.0
"""PySide6 with PythonQt's manners: attributes instead of getters, signals by signature, no invented attributes.

`create_qt_module()` changes PySide6's classes for the whole process and returns them in one namespace, the way
Slicer's `qt` offers them.
"""

from __future__ import annotations

import types
from collections.abc import Iterator

from PySide6 import QtCore, QtGui, QtWidgets

from . import properties, signals, strictness, ui_loader

_LIBRARIES = (QtCore, QtGui, QtWidgets)
_ONLY_IN_PYSIDE = {"Signal", "Slot", "Property"}


def create_qt_module() -> types.ModuleType:
    """The module that stands for Slicer's `qt`. Call once in a process."""
    for qt_class in _object_classes():
        properties.turn_into_attributes(qt_class)
    for qt_class in _object_classes():
        signals.hook_into(qt_class)
        strictness.refuse_new_attributes(qt_class)
    _add_pythonqt_names()
    qt = types.ModuleType("qt", "Qt's classes in one namespace")
    for library in _LIBRARIES:
        names = [n for n in dir(library) if not n.startswith("_") and n not in _ONLY_IN_PYSIDE]
        vars(qt).update({name: getattr(library, name) for name in names})
    qt.QUiLoader = ui_loader.QUiLoader
    return qt


def _object_classes() -> Iterator[type]:
    for library in _LIBRARIES:
        for value in [getattr(library, name) for name in dir(library)]:
            if isinstance(value, type) and issubclass(value, QtCore.QObject):
                yield value


def _add_pythonqt_names() -> None:
    """What PythonQt adds to every object: `name`, `className()` and `delete()`."""
    QtCore.QObject.name = property(lambda self: self.objectName, lambda self, value: self.setObjectName(value))
    QtCore.QObject.className = lambda self: self.metaObject().className()
    QtCore.QObject.delete = lambda self: self.deleteLater()
