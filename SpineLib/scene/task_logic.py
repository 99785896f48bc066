# SPDX-License-Identifier: Apache-2.0
"""What the modules' logics share: one run through the warm worker, waited for or not. No panel."""

from typing import Any

import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from SpineLib.core.errors import InputError, SpineError
from SpineLib.scene import dependencies
from SpineLib.scene.segmentation_run import Callbacks, SegmentationRun
from SpineLib.scene.worker_client import shared_client


class TaskLogic(ScriptedLoadableModuleLogic):
    """Base of the modules' logics. All methods raise SpineError with one sentence and a hint."""

    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        self.askToInstall = slicer.util.confirmOkCancelDisplay
        self.client = shared_client()

    def cancel(self) -> None:
        """Stop the work under way; its `onError` hears Cancelled."""
        self.client.cancel()

    def runTask(
        self, volumeNode: Any, outputNode: Any, task: str, options: dict[str, Any], vertebraeNode: Any = None
    ) -> Any:
        """Do a task and return the segmentation node; blocks until it is done. vertebraeNode: see `startTask`."""
        nodes: list[Any] = []
        errors: list[SpineError] = []
        told = Callbacks(onFinished=lambda node, result: nodes.append(node), onError=errors.append)
        self.startTask(volumeNode, outputNode, task, options, told, vertebraeNode)
        self.client.wait()
        if errors:
            raise errors[0]
        return nodes[0]

    def startTask(
        self,
        volumeNode: Any,
        outputNode: Any,
        task: str,
        options: dict[str, Any],
        callbacks: Callbacks,
        vertebraeNode: Any = None,
    ) -> None:
        """Begin a task and return at once. vertebraeNode: segmentation whose vertebrae are taken, not found anew."""
        check_kinds(volumeNode, outputNode, vertebraeNode)
        run = SegmentationRun(self.client, volumeNode, outputNode, callbacks)
        dependencies.ensure_installed(self.askToInstall)
        run.start(task, options, vertebraeNode)


def check_kinds(volumeNode: Any, *segmentationNodes: Any) -> None:
    """Raise InputError where something else was given than a volume node and segmentation nodes; None passes."""
    wanted = [(volumeNode, "Volume"), *((node, "Segmentation") for node in segmentationNodes)]
    for node, kind in wanted:
        if node is not None and not (isinstance(node, slicer.vtkMRMLNode) and node.IsA(f"vtkMRML{kind}Node")):
            told = node.GetName() if isinstance(node, slicer.vtkMRMLNode) else repr(node)
            raise InputError(
                f"{told} is no {kind.lower()} node.", 'Give the node, as slicer.util.getNode("name") does.'
            )
