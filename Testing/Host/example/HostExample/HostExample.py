# SPDX-License-Identifier: Apache-2.0
"""A small scripted module that paints a square into a film; the host's own tests click it."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from HostExampleLib.square import square
from slicer.i18n import tr
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


class HostExample(ScriptedLoadableModule):
    """Title and help."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = tr("Host example")
        self.parent.categories = ["Examples"]
        self.parent.dependencies = []
        self.parent.contributors = ["The SpineSegmentation developers"]
        self.parent.helpText = tr("Paints a square.")


class HostExampleWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel, from a UI file."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.calls: list[str] = []

    def setup(self) -> None:
        super().setup()
        self.calls.append("setup")
        self.logic = HostExampleLogic()
        page = slicer.util.loadUI(self.resourcePath("UI/HostExample.ui"))
        self.layout.addWidget(page)
        self.ui = slicer.util.childWidgetVariables(page)
        page.setMRMLScene(slicer.mrmlScene)
        self.ui.paintButton.connect("clicked(bool)", self.onPaint)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneClosed)

    def enter(self) -> None:
        self.calls.append("enter")

    def exit(self) -> None:
        self.calls.append("exit")

    def cleanup(self) -> None:
        self.calls.append("cleanup")
        self.removeObservers()

    def onSceneClosed(self, caller: Any, event: str) -> None:
        self.ui.statusLabel.text = "closed"

    def onPaint(self) -> None:
        film = self.ui.inputSelector.currentNode()
        if film is None:
            slicer.util.errorDisplay(tr("Choose a film first."))
        elif slicer.util.confirmOkCancelDisplay(tr("Paint the square?")):
            segmentation = self.logic.paint(film, int(self.ui.sizeSlider.value))
            self.ui.statusLabel.text = segmentation.GetName()


class HostExampleLogic(ScriptedLoadableModuleLogic):
    """Works without the panel."""

    def paint(self, film: vtk.vtkObject, size: int) -> vtk.vtkObject:
        """A new segmentation of `film` with a red square of `size` pixels in the middle."""
        segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Square")
        segmentation.CreateDefaultDisplayNodes()
        segmentation.SetReferenceImageGeometryParameterFromVolumeNode(film)
        segment = segmentation.GetSegmentation().AddEmptySegment("square", "Square", [1.0, 0.0, 0.0])
        pixels = square(slicer.util.arrayFromVolume(film).shape, size).astype(np.uint8)
        slicer.util.updateSegmentBinaryLabelmapFromArray(pixels, segmentation, segment, film)
        return segmentation


class HostExampleTest(ScriptedLoadableModuleTest):
    """The module's self-test."""

    def test_paint(self) -> None:
        film = slicer.util.addVolumeFromArray(np.zeros((1, 20, 30), np.int16))
        segmentation = HostExampleLogic().paint(film, 4)
        self.assertEqual(slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, "square", film).sum(), 16)
