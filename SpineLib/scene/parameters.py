# SPDX-License-Identifier: Apache-2.0
"""The panel's choices, typed, kept in a node of the scene so that they are saved with it."""

from collections.abc import Callable, Iterator
from typing import Any

import slicer

from SpineLib.scene.show import VOLUME_ROLE
from SpineLib.scene.volume_from_node import is_scan

INPUT_ROLE, OUTPUT_ROLE, VERTEBRAE_ROLE = "InputVolume", "OutputSegmentation", "Vertebrae"
TASK, MODEL, DEVICE = "Task", "Model", "Device"


class Parameters:
    """Typed view of a vtkMRMLScriptedModuleNode; two views of one node always agree."""

    def __init__(self, node: Any) -> None:
        self.node = node

    @property
    def inputVolume(self) -> Any:
        return self.node.GetNodeReference(INPUT_ROLE)

    @inputVolume.setter
    def inputVolume(self, volumeNode: Any) -> None:
        self._refer(INPUT_ROLE, volumeNode)

    @property
    def outputSegmentation(self) -> Any:
        return self.node.GetNodeReference(OUTPUT_ROLE)

    @outputSegmentation.setter
    def outputSegmentation(self, segmentationNode: Any) -> None:
        self._refer(OUTPUT_ROLE, segmentationNode)

    def spareOtherOutput(self) -> None:
        """Choose no output where the one chosen holds the result of another volume than the input: it would be lost."""
        output = self.outputSegmentation
        if output is not None and output.GetNodeReference(VOLUME_ROLE) not in (None, self.inputVolume):
            self.outputSegmentation = None

    @property
    def vertebrae(self) -> Any:
        """Segmentation whose vertebrae are taken; None finds them in the scan."""
        return self.node.GetNodeReference(VERTEBRAE_ROLE)

    @vertebrae.setter
    def vertebrae(self, segmentationNode: Any) -> None:
        self._refer(VERTEBRAE_ROLE, segmentationNode)

    @property
    def task(self) -> str:
        """Name of a task, or "auto"."""
        return self.node.GetParameter(TASK) or "auto"

    @task.setter
    def task(self, name: str) -> None:
        self.node.SetParameter(TASK, name)

    @property
    def model(self) -> str | None:
        """Id of a model of the catalogue; None takes the task's own."""
        return self.node.GetParameter(MODEL) or None

    @model.setter
    def model(self, identifier: str | None) -> None:
        self.node.SetParameter(MODEL, identifier or "")

    @property
    def device(self) -> str:
        """Where the network runs: "auto", "cpu" or "cuda"."""
        return self.node.GetParameter(DEVICE) or "auto"

    @device.setter
    def device(self, name: str) -> None:
        self.node.SetParameter(DEVICE, name)

    def problem(self) -> str:
        """Why the work cannot begin, in words for the user; empty when it can."""
        if self.inputVolume is None:
            return "Choose an input volume: a film or a CT of the spine that is loaded in the scene."
        return ""

    def problemOfScan(self) -> str:
        """Why work that needs a scan cannot begin; empty when it can."""
        if self.inputVolume is None:
            return "Choose an input volume: a CT of the spine that is loaded in the scene."
        if not is_scan(self.inputVolume):
            return " ".join(self.filmInstead(self.inputVolume))
        return ""

    def problemOfVertebrae(self) -> str:
        """Why the given vertebrae cannot be taken; empty when they can, or none are given."""
        if self.vertebrae is not None and self.vertebrae is self.outputSegmentation:
            return " ".join(self.outputIsGiven(self.vertebrae))
        return ""

    @staticmethod
    def outputIsGiven(segmentationNode: Any) -> tuple[str, str]:
        """What is wrong with an output that would replace the given vertebrae, and what to do."""
        return f"The result would replace the given vertebrae {segmentationNode.GetName()}.", "Choose another output."

    @staticmethod
    def filmInstead(volumeNode: Any) -> tuple[str, str]:
        """What is wrong with a film where a scan is needed, and what to do."""
        return f"{volumeNode.GetName()} is a film (a single slice).", "Choose a CT with all its slices."

    def chooseInput(self, only: Callable[[Any], bool] = bool) -> None:
        """Take the volume that is on view, else the first of the scene, when none is chosen; `only` those that suit."""
        if self.inputVolume is None:
            self.inputVolume = next(filter(only, (_volume_on_view(), *_volumes())), None)

    def _refer(self, role: str, target: Any) -> None:
        self.node.SetNodeReferenceID(role, target.GetID() if target is not None else None)


def _volume_on_view() -> Any:
    identifier = slicer.app.applicationLogic().GetSelectionNode().GetActiveVolumeID()
    return slicer.mrmlScene.GetNodeByID(identifier) if identifier else None


def _volumes() -> Iterator[Any]:
    for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
        if not node.IsA("vtkMRMLLabelMapVolumeNode") and not node.GetHideFromEditors():
            yield node
