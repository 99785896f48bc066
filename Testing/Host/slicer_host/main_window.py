# SPDX-License-Identifier: Apache-2.0
"""The main window: a module panel, a selector that enters and leaves modules, a status bar."""

from __future__ import annotations

from typing import Any

import slicer
from PySide6 import QtCore, QtWidgets


class ModuleSelector(QtCore.QObject):
    """Opens modules in the panel: leaves the one that was open, enters the one asked for."""

    moduleSelected = QtCore.Signal(str)

    def __init__(self, panel: QtWidgets.QScrollArea) -> None:
        super().__init__()
        self._panel = panel
        self.selectedModule = ""

    def selectModule(self, name: str) -> None:
        if name == self.selectedModule:
            return
        module = slicer.util.getModule(name)
        self.leave()
        page = module.widgetRepresentation()
        self._panel.setWidget(page)
        page.show()
        self.selectedModule = name
        page.enter()
        self.moduleSelected.emit(name)

    def leave(self) -> None:
        """Leave the open module, if there is one; its page lives on."""
        page = self._panel.takeWidget()
        if page is not None:
            page.exit()
        self.selectedModule = ""


class qSlicerMainWindow(QtWidgets.QMainWindow):
    """As wide as Slicer's module panel."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("qSlicerMainWindow")
        panel = QtWidgets.QScrollArea()
        panel.setWidgetResizable(True)
        self.setCentralWidget(panel)
        self._selector = ModuleSelector(panel)
        self.statusBar()
        self.resize(500, 900)

    def moduleSelector(self) -> Any:
        return self._selector
