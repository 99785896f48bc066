# SPDX-License-Identifier: Apache-2.0
"""No new attributes on C++ objects: PythonQt raises AttributeError for `button.tooltip = ...` (it is `toolTip`)."""

from __future__ import annotations

import contextlib
import ctypes
import inspect
from collections.abc import Iterator
from typing import Any

from PySide6 import QtCore

_generic_setattr = ctypes.pythonapi.PyObject_GenericSetAttr
_generic_setattr.argtypes = [ctypes.py_object] * 3

_cpp_stand_ins: set[type] = set()
_loading_ui = False


def treat_as_cpp(python_class: type) -> None:
    """Refuse unknown attributes on instances of this stand-in of a C++ class, too."""
    _cpp_stand_ins.add(python_class)


@contextlib.contextmanager
def children_as_attributes() -> Iterator[None]:
    """Let the UI loader set the children on the loaded widget (PythonQt finds children by name, too)."""
    global _loading_ui
    _loading_ui = True
    try:
        yield
    finally:
        _loading_ui = False


def refuse_new_attributes(qt_class: type) -> None:
    """Make assignments to attributes that `qt_class` does not have an AttributeError."""
    if "__setattr__" in qt_class.__dict__:
        qt_class.__setattr__ = _strict_setattr


def _strict_setattr(self: QtCore.QObject, name: str, value: Any) -> None:
    cls = type(self)
    declared = inspect.getattr_static(cls, name, None)
    if isinstance(declared, QtCore.Property) and declared.fset:
        declared.fset(self, value)
        return
    is_cpp = cls.__module__.startswith("PySide6") or cls in _cpp_stand_ins
    is_known = name.startswith("_") or hasattr(cls, name) or self.property(name) is not None
    if is_cpp and not is_known and not _loading_ui:
        raise AttributeError(
            f"'{name}' does not exist on {cls.__name__} and creating new attributes on C++ objects is not allowed"
        )
    _generic_setattr(self, name, value)
