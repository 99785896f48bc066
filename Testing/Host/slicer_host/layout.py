# SPDX-License-Identifier: Apache-2.0
"""The layout manager: Red, Green, Yellow and one 3D view, as `slicer.util` and modules ask for them."""

from __future__ import annotations

from typing import Any

import vtk
from PySide6 import QtCore

from .scene import SceneCore
from .views import OffscreenView, SliceView, ThreeDView

_ORIENTATIONS = {"Red": "Axial", "Green": "Coronal", "Yellow": "Sagittal"}


class _View:
    """Stands for qMRMLSliceView and qMRMLThreeDView."""

    def __init__(self, view: OffscreenView) -> None:
        self._view = view

    def renderWindow(self) -> Any:
        return self._view.window

    def forceRender(self) -> None:
        self._view.picture()

    def scheduleRender(self) -> None:
        self._view.picture()

    def resetFocalPoint(self) -> None:
        self._view.fit()

    def resetCamera(self) -> None:
        self._view.fit()


class SliceWidget:
    """Stands for qMRMLSliceWidget."""

    def __init__(self, view: SliceView) -> None:
        self._view = view

    def sliceLogic(self) -> Any:
        return self._view.logic

    def mrmlSliceNode(self) -> Any:
        return self._view.node

    def sliceView(self) -> _View:
        return _View(self._view)

    def fitSliceToBackground(self) -> None:
        self._view.logic.FitSliceToBackground()


class ThreeDWidget:
    """Stands for qMRMLThreeDWidget."""

    def __init__(self, view: ThreeDView) -> None:
        self._view = view

    def mrmlViewNode(self) -> Any:
        return self._view.node

    def threeDView(self) -> _View:
        return _View(self._view)


class LayoutManager(QtCore.QObject):
    """Holds the views; `slice_views` and `three_d_view` are the host's own, for tests."""

    threeDViewCount = 1
    tableViewCount = 0
    plotViewCount = 0

    def __init__(self, core: SceneCore) -> None:
        super().__init__()
        self.layout = 0
        self.slice_views = {name: SliceView(core, name, orientation) for name, orientation in _ORIENTATIONS.items()}
        self.three_d_view = ThreeDView(core)

    def sliceViewNames(self) -> tuple[str, ...]:
        return tuple(self.slice_views)

    def sliceWidget(self, name: str) -> SliceWidget:
        return SliceWidget(self.slice_views[name])

    def threeDWidget(self, index: int) -> ThreeDWidget:
        return ThreeDWidget([self.three_d_view][index])

    def mrmlSliceLogics(self) -> vtk.vtkCollection:
        logics = vtk.vtkCollection()
        for view in self.slice_views.values():
            logics.AddItem(view.logic)
        return logics

    def resetSliceViews(self) -> None:
        for view in self.slice_views.values():
            view.logic.FitSliceToBackground()

    def resetThreeDViews(self) -> None:
        self.three_d_view.fit()

    def setLayout(self, layout: int) -> None:
        self.layout = layout
