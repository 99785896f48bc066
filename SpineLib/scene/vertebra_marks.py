# SPDX-License-Identifier: Apache-2.0
"""What is drawn beside a segmentation of vertebrae, in a folder of its own: their names and their endplates."""

from typing import Any

import slicer

from SpineLib.core.result import SpineResult
from SpineLib.scene import endplate_lines, vertebra_names

SEGMENTATION_ROLE = "Spine.Segmentation"
"""Reference from a mark to the segmentation it belongs to."""
OWN = "Spine.Mark"
MARKUPS = "vtkMRMLMarkupsNode"


def replace(segmentationNode: Any, result: SpineResult) -> list[Any]:
    """Remove the marks of an earlier result of this segmentation and draw those of `result`; returns the new nodes.

    They are locked and lie under the segmentation's transform; when it is deleted, an open panel removes them
    (`remove_orphans`).
    """
    _remove([*marks_of(segmentationNode), *_orphans()])
    drawn = [*vertebra_names.draw(result), *endplate_lines.draw(result)]
    if drawn:
        folder = _new_folder(segmentationNode)
        for node in drawn:
            _adopt(node, segmentationNode, folder)
    return drawn


def marks_of(segmentationNode: Any) -> list[Any]:
    """The nodes that an earlier result has left."""
    nodes = slicer.util.getNodesByClass(MARKUPS)
    return [node for node in nodes if node.GetNodeReference(SEGMENTATION_ROLE) is segmentationNode]


def remove_orphans() -> None:
    """Remove the marks of results that were deleted."""
    _remove(_orphans())


def _orphans() -> list[Any]:
    nodes = slicer.util.getNodesByClass(MARKUPS)
    return [node for node in nodes if node.GetAttribute(OWN) and node.GetNodeReference(SEGMENTATION_ROLE) is None]


def _remove(nodes: list[Any]) -> None:
    hierarchy = _hierarchy()
    folders = {hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) for node in nodes}
    for node in nodes:
        # Whoever watches the scene may have removed it when its neighbor went.
        if node.GetScene() is not None:
            slicer.mrmlScene.RemoveNode(node)
    for folder in folders:
        if hierarchy.GetItemLevel(folder) == "Folder" and not hierarchy.GetNumberOfItemChildren(folder):
            hierarchy.RemoveItem(folder)


def _new_folder(segmentationNode: Any) -> int:
    hierarchy = _hierarchy()
    parent = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(segmentationNode))
    name = f"{segmentationNode.GetName()} marks"
    return int(hierarchy.CreateFolderItem(parent or hierarchy.GetSceneItemID(), name))


def _adopt(node: Any, segmentationNode: Any, folder: int) -> None:
    node.SetLocked(True)
    node.SetAttribute(OWN, "1")
    node.SetNodeReferenceID(SEGMENTATION_ROLE, segmentationNode.GetID())
    node.SetAndObserveTransformNodeID(segmentationNode.GetTransformNodeID())
    hierarchy = _hierarchy()
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node), folder)


def _hierarchy() -> Any:
    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
