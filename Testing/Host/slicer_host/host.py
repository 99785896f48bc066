# SPDX-License-Identifier: Apache-2.0
"""Starts the host and drives it as a person would: open a module, answer dialogs, wait."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .application import qSlicerApplication
    from .scene import SceneCore
    from .user import User

_PACKAGE_FOLDER = Path(__file__).parent / "slicer_package"
_MODULE_FOLDER = Path(__file__).parent / "slicer_modules"
_running: Host | None = None


class Host:
    """The running host. There is one in a process: `start()` returns it."""

    def __init__(self, app: qSlicerApplication, core: SceneCore, user: User) -> None:
        self.app = app
        self.core = core
        self.user = user
        self.errors: list[BaseException] = []
        sys.excepthook = self._on_exception

    @property
    def scene(self) -> Any:
        return self.core.scene

    @property
    def selector(self) -> Any:
        import slicer

        return slicer.util.moduleSelector()

    def load_modules(self, folder: str | Path) -> list[str]:
        """Load the scripted modules of a folder, as `--additional-module-paths` does; returns their names.

        Afterwards the modules hear that the application has started.
        """
        names = self.app.moduleManager().load_folder(Path(folder).resolve())
        self.app.startupCompleted.emit()
        return names

    def open_module(self, name: str) -> Any:
        """Open a loaded module in the panel and return its Python widget."""
        import slicer

        slicer.util.selectModule(name)
        self.app.processEvents()
        return slicer.util.getModuleWidget(name)

    def close_modules(self) -> None:
        """Leave the open module and unload all that `load_modules` loaded, as Slicer does when it closes."""
        self.selector.leave()
        self.app.disconnect("startupCompleted()")
        manager = self.app.moduleManager()
        for name in manager.scripted():
            if Path(manager.module(name).path).parent != _MODULE_FOLDER:
                manager.unload(name)
        self.app.processEvents()

    def clear(self) -> None:
        """An empty scene, no samples and a user who has seen nothing, for the next test."""
        import slicer

        self.scene.Clear(False)
        slicer.modules.sampleDataSources.clear()
        self.user.forget()
        self.errors.clear()
        self.app.processEvents()

    def wait_until(self, condition: Callable[[], Any], seconds: float = 120) -> Any:
        """Keep the event loop running until `condition()` is true; TimeoutError after `seconds`."""
        deadline = time.monotonic() + seconds
        while not (result := condition()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"Waited {seconds} s in vain")
            self.app.processEvents()
            time.sleep(0.01)
        return result

    def _on_exception(self, kind: type, error: BaseException, traceback: TracebackType | None) -> None:
        # Qt goes on after an exception in a slot; the tests must hear of it
        self.errors.append(error)
        sys.__excepthook__(kind, error, traceback)


def start(testing: bool = False, main_window: bool = True) -> Host:
    """Start the host, or return the one that runs. `testing` is what `slicer.app.testingEnabled()` says.

    With `testing` False, messages take the way they take before a user, and the host's user answers them.
    """
    global _running
    if _running is None:
        _running = _start(testing, main_window)
    return _running


def _start(testing: bool, main_window: bool) -> Host:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    _prepare_slicer_package()
    from .pythonqt import create_qt_module

    sys.modules["qt"] = create_qt_module()
    from . import ctk_widgets
    from .application import qSlicerApplication
    from .user import User

    sys.modules["ctk"] = _module_of("ctk", ctk_widgets.WIDGETS)
    app = qSlicerApplication(sys.argv[:1])
    user = User()
    user.take_over_dialogs()
    core = _fill_slicer(app, testing)
    if main_window:
        app.show_main_window()
    return Host(app, core, user)


def _fill_slicer(app: qSlicerApplication, testing: bool) -> SceneCore:
    import slicer

    from . import modules, qmrml_widgets
    from .scene import SceneCore

    core = SceneCore()
    slicer.mrmlScene = core.scene
    slicer.app = app
    scripted = (modules.qSlicerScriptedLoadableModule, modules.qSlicerScriptedLoadableModuleWidget)
    for stand_in in (*qmrml_widgets.WIDGETS, *scripted):
        setattr(slicer, stand_in.__name__, stand_in)
    manager = modules.qSlicerModuleManager(core.logics)
    app.prepare(core, manager, testing)
    manager.load_folder(_MODULE_FOLDER)
    return core


def _prepare_slicer_package() -> None:
    """Add the base classes of scripted modules; take away names that only the wheel has at top level."""
    import slicer
    import slicer.util

    slicer.__path__.append(str(_PACKAGE_FOLDER))
    for name, value in vars(slicer.util).items():
        if not name.startswith("_") and getattr(value, "__module__", None) == "slicer.util":
            vars(slicer).pop(name, None)


def _module_of(name: str, classes: tuple[type, ...]) -> ModuleType:
    module = ModuleType(name)
    vars(module).update({cls.__name__: cls for cls in classes})
    return module
