# SPDX-License-Identifier: Apache-2.0
"""`sender.connect("clicked(bool)", function)`: signals named by their C++ signature, as in PythonQt.

PythonQt only prints a warning for a signal that does not exist and returns False; here it is a ValueError,
so that a test cannot overlook it.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable
from typing import Any

from PySide6 import QtCore

_CPP_TYPES = {"QString": str, "int": int, "bool": bool, "double": float, "float": float}
_SIGNATURE = re.compile(r"\s*(\w+)\s*\((.*)\)\s*")

_pyside_connect = QtCore.QObject.connect
_pyside_disconnect = QtCore.QObject.disconnect


def connect(self: QtCore.QObject, signature: Any, slot: Any = None, *more: Any) -> Any:
    """Connect the signal with this C++ signature to a Python callable; returns True."""
    if not _is_signature(signature):
        return _as_pyside(_pyside_connect, self, signature, slot, *more)
    signal, sent = find_signal(self, signature)
    taken = _positional_arguments(slot)
    passed = sent if taken is None else min(sent, taken)

    def relay(*values: Any) -> None:
        slot(*values[:passed])

    self.__dict__.setdefault("_connections", []).append((signature, slot, signal, relay))
    signal.connect(relay)
    return True


def disconnect(self: QtCore.QObject, signature: Any = None, slot: Any = None, *more: Any) -> Any:
    """Take back connections made by `connect`: all of a signal, or those to one callable; returns True."""
    if not _is_signature(signature):
        return _as_pyside(_pyside_disconnect, self, signature, slot, *more)
    connections = self.__dict__.setdefault("_connections", [])
    for connection in [c for c in connections if c[0] == signature and slot in (None, c[1])]:
        connection[2].disconnect(connection[3])
        connections.remove(connection)
    return True


def find_signal(sender: QtCore.QObject, signature: str) -> tuple[Any, int]:
    """The bound signal for a C++ signature and how many values it sends; ValueError where there is none."""
    name, arguments = _split(signature)
    known = [s for s in _signal_signatures(sender) if s.startswith(name + "(")]
    from_python = [s for s in known if "PyObject" in s]
    if not known or not (from_python or _normalized(signature) in known):
        raise ValueError(f"{sender.metaObject().className()} has no signal {signature}; there are {known}")
    signal = getattr(sender, name)
    if len(known) - len(from_python) > 1 and arguments:
        overload = tuple(_CPP_TYPES.get(a, a) for a in arguments)
        signal = _overload(signal, overload)
    return signal, len(arguments)


def hook_into(qt_class: type) -> None:
    """Give `qt_class` these two methods. Shiboken answers the names itself, before any class attribute is seen."""
    original = qt_class.__dict__.get("__getattribute__")
    if original is None:
        return

    def getattribute(self: QtCore.QObject, name: str) -> Any:
        if name == "connect":
            return types.MethodType(connect, self)
        if name == "disconnect":
            return types.MethodType(disconnect, self)
        return original(self, name)

    qt_class.__getattribute__ = getattribute


def _is_signature(value: Any) -> bool:
    # PySide itself hands over signatures that begin with Qt's code number "2"
    return isinstance(value, str) and not value.startswith("2")


def _as_pyside(function: Callable[..., Any], self: QtCore.QObject, first: Any, second: Any, *more: Any) -> Any:
    arguments = [a for a in (first, second) if a is not None] + list(more)
    return function(*arguments) if isinstance(first, QtCore.QObject) else function(self, *arguments)


def _split(signature: str) -> tuple[str, list[str]]:
    match = _SIGNATURE.fullmatch(signature)
    if match is None:
        raise ValueError(f"'{signature}' is no signal; expected its C++ signature, such as clicked(bool)")
    return match.group(1), [a.strip() for a in match.group(2).split(",") if a.strip()]


def _normalized(signature: str) -> str:
    return signature.replace(" ", "").replace("const", "").replace("&", "")


def _signal_signatures(sender: QtCore.QObject) -> list[str]:
    meta = sender.metaObject()
    methods = [meta.method(i) for i in range(meta.methodCount())]
    return [
        bytes(m.methodSignature()).decode() for m in methods if m.methodType() == QtCore.QMetaMethod.MethodType.Signal
    ]


def _overload(signal: Any, types_sent: tuple[Any, ...]) -> Any:
    try:
        return signal[types_sent if len(types_sent) > 1 else types_sent[0]]
    except (KeyError, IndexError):
        return signal


def _positional_arguments(function: Callable[..., Any]) -> int | None:
    """How many positional arguments `function` takes, None where it takes any number or does not tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind == p.VAR_POSITIONAL for p in parameters):
        return None
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
