# SPDX-License-Identifier: Apache-2.0
"""The endplates that heights were measured between, as curves in a folder beside the segmentation."""

from typing import Any

import slicer
import vtk

from SpineLib.core.anatomy import FRACTURE
from SpineLib.core.result import SpineResult, Vertebra
from SpineLib.measurement.heights import PLACES

SEGMENTATION_ROLE = "Spine.Segmentation"
"""Reference from a line to the segmentation it belongs to."""
OWN = "Spine.EndplateLine"
CURVE = "vtkMRMLMarkupsCurveNode"
PLAIN_COLOR = (1.0, 0.93, 0.35)
THICKNESS_MM = 0.8


def replace(segmentationNode: Any, result: SpineResult) -> list[Any]:
    """Remove the lines of an earlier result of this segmentation and draw those of `result`; returns the new nodes.

    A vertebra has two, each of three points, where fractures were looked for and its heights could be measured. They
    are locked, and red where height is lost (Genant grade above 0).
    """
    _remove_earlier(segmentationNode)
    drawn = [line for line in map(_lines_of, result.vertebrae) if line]
    if not drawn:
        return []
    folder = _new_folder(segmentationNode)
    return [_draw(name, points, color, segmentationNode, folder) for lines in drawn for name, points, color in lines]


def lines_of(segmentationNode: Any) -> list[Any]:
    """The nodes that an earlier result has left."""
    nodes = slicer.util.getNodesByClass(CURVE)
    return [node for node in nodes if node.GetNodeReference(SEGMENTATION_ROLE) is segmentationNode]


def _orphans() -> list[Any]:
    """Lines of results that were deleted."""
    nodes = slicer.util.getNodesByClass(CURVE)
    return [node for node in nodes if node.GetAttribute(OWN) and node.GetNodeReference(SEGMENTATION_ROLE) is None]


def _lines_of(vertebra: Vertebra) -> list[tuple[str, list[tuple[float, ...]], tuple[float, float, float]]]:
    """Name, points (RAS mm) and color of each line."""
    if vertebra.fracture is None:
        return []
    color = FRACTURE.color if vertebra.fracture.genant_grade else PLAIN_COLOR
    lines = []
    for side in ("upper", "lower"):
        names = [f"{side}_endplate_{place}" for place in PLACES]
        if all(name in vertebra.landmarks for name in names):
            points = [vertebra.landmarks[name] for name in names]
            lines.append((f"{vertebra.level} {side} endplate", points, color))
    return lines


def _remove_earlier(segmentationNode: Any) -> None:
    hierarchy = _hierarchy()
    folders = set()
    for node in [*lines_of(segmentationNode), *_orphans()]:
        folders.add(hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)))
        slicer.mrmlScene.RemoveNode(node)
    for folder in folders:
        if hierarchy.GetItemLevel(folder) == "Folder" and not hierarchy.GetNumberOfItemChildren(folder):
            hierarchy.RemoveItem(folder)


def _new_folder(segmentationNode: Any) -> int:
    hierarchy = _hierarchy()
    parent = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(segmentationNode))
    name = f"{segmentationNode.GetName()} endplates"
    return int(hierarchy.CreateFolderItem(parent or hierarchy.GetSceneItemID(), name))


def _draw(
    name: str,
    points: list[tuple[float, ...]],
    color: tuple[float, float, float],
    segmentationNode: Any,
    folder: int,
) -> Any:
    node = slicer.mrmlScene.AddNewNodeByClass(CURVE, name)
    node.CreateDefaultDisplayNodes()
    node.SetCurveTypeToLinear()
    for point in points:
        node.AddControlPoint(vtk.vtkVector3d(*point))
    node.SetLocked(True)
    node.SetAttribute(OWN, "1")
    node.SetNodeReferenceID(SEGMENTATION_ROLE, segmentationNode.GetID())
    node.SetAndObserveTransformNodeID(segmentationNode.GetTransformNodeID())
    _set_display(node.GetDisplayNode(), color)
    hierarchy = _hierarchy()
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node), folder)
    return node


def _set_display(display: Any, color: tuple[float, float, float]) -> None:
    display.SetColor(*color)
    display.SetSelectedColor(*color)
    display.SetPointLabelsVisibility(False)
    display.SetPropertiesLabelVisibility(False)
    display.SetGlyphScale(0.5)
    display.SetCurveLineSizeMode(display.UseLineDiameter)
    display.SetLineDiameter(THICKNESS_MM)


def _hierarchy() -> Any:
    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
