# SPDX-License-Identifier: Apache-2.0
"""Slicer's Segment Editor, as far as another module hands it a segmentation: it keeps the choice, it edits nothing."""

from __future__ import annotations

from typing import Any

import qt
import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleWidget

_TAG = "SegmentEditor"


class SegmentEditor(ScriptedLoadableModule):
    """Title and category."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = "Segment Editor"
        parent.categories = ["", "Segmentation"]


class SegmentEditorWidget(ScriptedLoadableModuleWidget):
    """The panel with its `editor`."""

    def setup(self) -> None:
        self.editor = qMRMLSegmentEditorWidget()
        self.layout.addWidget(self.editor)


class qMRMLSegmentEditorWidget(qt.QWidget):
    """Keeps segmentation and source volume where Slicer's widget keeps them, in the segment editor node."""

    def mrmlSegmentEditorNode(self) -> Any:
        node = slicer.mrmlScene.GetSingletonNode(_TAG, "vtkMRMLSegmentEditorNode")
        if node is None:
            node = slicer.vtkMRMLSegmentEditorNode()
            node.SetSingletonTag(_TAG)
            node = slicer.mrmlScene.AddNode(node)
        return node

    def segmentationNode(self) -> Any:
        return self.mrmlSegmentEditorNode().GetSegmentationNode()

    def setSegmentationNode(self, node: Any) -> None:
        self.mrmlSegmentEditorNode().SetAndObserveSegmentationNode(node)

    def sourceVolumeNode(self) -> Any:
        return self.mrmlSegmentEditorNode().GetSourceVolumeNode()

    def setSourceVolumeNode(self, node: Any) -> None:
        self.mrmlSegmentEditorNode().SetAndObserveSourceVolumeNode(node)
