# SPDX-License-Identifier: Apache-2.0
"""Data nodes appear in the subject hierarchy by themselves, as Slicer's (Qt) plugin logic sees to."""

from __future__ import annotations

from typing import Any

import slicer
import vtk

_DATA_NODES = ("vtkMRMLDisplayableNode", "vtkMRMLTableNode", "vtkMRMLTextNode")


def follow(scene: Any) -> None:
    """Keep one item for each data node of `scene` from now on."""

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def on_node_added(_caller: Any, _event: str, node: Any) -> None:
        hierarchy = scene.GetSubjectHierarchyNode()
        if hierarchy and _is_data(node) and not hierarchy.GetItemByDataNode(node):
            hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def on_node_removed(_caller: Any, _event: str, node: Any = None) -> None:
        hierarchy = scene.GetSubjectHierarchyNode()
        item = hierarchy.GetItemByDataNode(node) if hierarchy and node and not scene.IsClosing() else 0
        if item:
            hierarchy.RemoveItem(item, False)

    scene.AddObserver(slicer.vtkMRMLScene.NodeAddedEvent, on_node_added)
    scene.AddObserver(slicer.vtkMRMLScene.NodeAboutToBeRemovedEvent, on_node_removed)


def _is_data(node: Any) -> bool:
    return not node.GetHideFromEditors() and any(node.IsA(name) for name in _DATA_NODES)
