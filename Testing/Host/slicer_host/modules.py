# SPDX-License-Identifier: Apache-2.0
"""Scripted modules: found in folders, imported, instantiated and shown in Slicer's order of calls."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import slicer
from PySide6 import QtCore, QtWidgets

from .qmrml_widgets import qMRMLWidget

_IS_MODULE = r"^class {name}\(.*ScriptedLoadableModule\b"


class BuiltInModule:
    """A module of Slicer's own, of which the host has the logic only."""

    def __init__(self, name: str, logic: Any) -> None:
        self.name = name
        self.title = name
        self._logic = logic

    def logic(self) -> Any:
        return self._logic


class qSlicerScriptedLoadableModule(QtCore.QObject):
    """The `parent` of a module class: holds its title, categories and so on, creates its widget when asked."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.setObjectName(path.stem)
        self.path = str(path)
        self.title = path.stem
        self.categories: list[str] = []
        self.dependencies: list[str] = []
        self.contributors: list[str] = []
        self.helpText = ""
        self.acknowledgementText = ""
        self.hidden = False
        self.icon = None
        self.index = -1
        self._representation: qSlicerScriptedLoadableModuleWidget | None = None
        self._logic = slicer.vtkSlicerScriptedLoadableModuleLogic()
        self._logic.SetMRMLScene(slicer.mrmlScene)

    def logic(self) -> Any:
        return self._logic

    def widgetRepresentation(self) -> qSlicerScriptedLoadableModuleWidget:
        if self._representation is None:
            self._representation = qSlicerScriptedLoadableModuleWidget(self.name)
            self._representation.reload()
        return self._representation


class qSlicerScriptedLoadableModuleWidget(qMRMLWidget):
    """The `parent` of a module's widget class: a page with a vertical layout that passes on enter and exit."""

    def __init__(self, module_name: str) -> None:
        super().__init__()
        self._module_name = module_name
        self._python_widget: Any = None
        self._entered = False
        self.setLayout(QtWidgets.QVBoxLayout())

    def self(self) -> Any:
        return self._python_widget

    def reload(self) -> None:
        """Create the Python widget anew from the module's present code and set it up."""
        widget_class = getattr(sys.modules[self._module_name], self._module_name + "Widget")
        self._python_widget = widget_class(self)
        setattr(slicer.modules, self._module_name + "Widget", self._python_widget)
        self._python_widget.setup()
        self.setMRMLScene(slicer.mrmlScene)

    @property
    def isEntered(self) -> bool:
        return self._entered

    def enter(self) -> None:
        self._entered = True
        self._call("enter")

    def exit(self) -> None:
        self._entered = False
        self._call("exit")

    def _call(self, name: str) -> None:
        method = getattr(self._python_widget, name, None)
        if method is not None:
            method()


class qSlicerModuleManager(QtCore.QObject):
    """Loads modules and knows them by name."""

    moduleLoaded = QtCore.Signal(str)
    moduleAboutToBeUnloaded = QtCore.Signal(str)

    def __init__(self, logics: dict[str, Any]) -> None:
        super().__init__()
        self._modules: dict[str, Any] = {}
        slicer.modules = sys.modules["slicer.modules"] = ModuleType("slicer.modules")
        slicer.moduleNames = sys.modules["slicer.moduleNames"] = ModuleType("slicer.moduleNames")
        for name, logic in logics.items():
            self._register(name, BuiltInModule(name, logic))

    def module(self, name: str) -> Any:
        return self._modules.get(name)

    def factoryManager(self) -> SimpleNamespace:
        return SimpleNamespace(
            loadedModuleNames=lambda: list(self._modules),
            isLoaded=lambda name: name in self._modules,
            loadModules=lambda names: all(name in self._modules for name in names),
        )

    def load_folder(self, folder: Path) -> list[str]:
        """Load every scripted module whose file lies directly in `folder`; returns their names."""
        files = sorted(folder.glob("*.py"))
        names = [file.stem for file in files if _is_module(file)]
        for name in names:
            self.load(folder / f"{name}.py")
        return names

    def load(self, path: Path) -> qSlicerScriptedLoadableModule:
        """Import the file and instantiate its module class; a module that is loaded already stays as it is."""
        name = path.stem
        if name in self._modules:
            return self._modules[name]
        if str(path.parent) not in sys.path:
            sys.path.insert(0, str(path.parent))
        parent = qSlicerScriptedLoadableModule(path)
        code = _import_file(path)
        setattr(slicer.modules, name + "Instance", getattr(code, name)(parent))
        self._register(name, parent)
        self.moduleLoaded.emit(name)
        return parent

    def unload(self, name: str) -> None:
        """What Slicer does with a module when it closes."""
        self.moduleAboutToBeUnloaded.emit(name)
        module = self._modules.pop(name)
        for attribute in (name.lower(), name + "Instance", name + "Widget"):
            vars(slicer.modules).pop(attribute, None)
        vars(slicer.moduleNames).pop(name, None)
        module.deleteLater()

    def scripted(self) -> list[str]:
        """Names of the loaded scripted modules."""
        return [name for name, module in self._modules.items() if isinstance(module, qSlicerScriptedLoadableModule)]

    def _register(self, name: str, module: Any) -> None:
        self._modules[name] = module
        setattr(slicer.modules, name.lower(), module)
        setattr(slicer.moduleNames, name, name)


def _is_module(file: Path) -> bool:
    pattern = _IS_MODULE.format(name=re.escape(file.stem))
    return re.search(pattern, file.read_text(encoding="utf-8"), re.MULTILINE) is not None


def _import_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
