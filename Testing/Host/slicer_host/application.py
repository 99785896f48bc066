# SPDX-License-Identifier: Apache-2.0
"""`slicer.app`: a Qt application with what scripted modules ask of Slicer's."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any

from PySide6 import QtCore, QtWidgets

from . import subject_hierarchy
from .io_manager import IOManager
from .layout import LayoutManager
from .main_window import qSlicerMainWindow
from .scene import SceneCore


class qSlicerApplication(QtWidgets.QApplication):
    """The application; everything Slicer's main program would set up is set up by `prepare`."""

    startupCompleted = QtCore.Signal()
    mrmlSceneChanged = QtCore.Signal(object)

    majorVersion = 5
    minorVersion = 13
    revision = "0"
    temporaryPath = ""

    def prepare(self, core: SceneCore, module_manager: QtCore.QObject, testing: bool) -> None:
        self.setApplicationName("Slicer")
        self.setApplicationVersion("5.13.0")
        self.setOrganizationName("SlicerHost")
        self._startup_environment = QtCore.QProcessEnvironment.systemEnvironment()
        self.temporaryPath = tempfile.mkdtemp(prefix="Slicer-")
        self._core = core
        self._testing = testing
        self._module_manager = module_manager
        self._io_manager = IOManager(core, self.temporaryPath)
        self._layout_manager = LayoutManager(core)
        self._provide_settings_folder()
        self._provide_python_slicer()
        subject_hierarchy.follow(core.scene)

    def show_main_window(self) -> None:
        self._main_window = qSlicerMainWindow()
        self._main_window.show()

    def mrmlScene(self) -> Any:
        return self._core.scene

    def applicationLogic(self) -> Any:
        return self._core.application_logic

    def coreIOManager(self) -> IOManager:
        return self._io_manager

    def ioManager(self) -> IOManager:
        return self._io_manager

    def layoutManager(self) -> LayoutManager:
        return self._layout_manager

    def moduleManager(self) -> QtCore.QObject:
        return self._module_manager

    def testingEnabled(self) -> bool:
        return self._testing

    def startupEnvironment(self) -> QtCore.QProcessEnvironment:
        return self._startup_environment

    def userSettings(self) -> QtCore.QSettings:
        return QtCore.QSettings()

    def settings(self) -> QtCore.QSettings:
        return QtCore.QSettings()

    def pauseRender(self) -> None:
        """Views of the host draw only when a picture is asked for."""

    def resumeRender(self) -> None:
        """Views of the host draw only when a picture is asked for."""

    def _provide_settings_folder(self) -> None:
        QtCore.QSettings.setDefaultFormat(QtCore.QSettings.Format.IniFormat)
        QtCore.QSettings.setPath(
            QtCore.QSettings.Format.IniFormat, QtCore.QSettings.Scope.UserScope, self.temporaryPath
        )

    def _provide_python_slicer(self) -> None:
        """Put a `PythonSlicer` that runs this interpreter on the path, as in Slicer's own process."""
        folder = Path(self.temporaryPath) / "bin"
        folder.mkdir()
        script = folder / "PythonSlicer"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"
