# SPDX-License-Identifier: Apache-2.0
"""Puts a film or scan and its segmentation on view, and hands the segmentation to the Segment Editor."""

from typing import Any

import numpy as np
import slicer

from SpineLib.core.anatomy import VERTEBRAE
from SpineLib.scene.volume_from_node import ijk_to_ras, is_scan

SLICE_VIEWS = (("Yellow", "OneUpYellowSliceView"), ("Green", "OneUpGreenSliceView"), ("Red", "OneUpRedSliceView"))
"""View and its layout by the RAS axis that a film's plane stands upright on: right, anterior, superior."""


def show_on_views(volumeNode: Any, segmentationNode: Any) -> None:
    """Show both, fitted: a film alone in the slice view of its plane, a scan in three planes through the middle of its
    spine and in 3D."""
    segmentationNode.CreateDefaultDisplayNodes()
    segmentationNode.GetDisplayNode().SetVisibility(True)
    slicer.util.setSliceViewerLayers(background=volumeNode)
    if not is_scan(volumeNode):
        _show_film(volumeNode, volumeNode.GetImageData().GetDimensions())
        return
    slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    segmentationNode.CreateClosedSurfaceRepresentation()
    segmentationNode.GetDisplayNode().SetVisibility3D(True)
    slicer.util.resetSliceViews()
    slicer.util.resetThreeDViews()
    middle = _middle_of_spine(segmentationNode)
    if middle is not None:
        jump_to(middle)


def jump_to(point: Any) -> None:
    """Bring a point, world RAS mm, to the middle of all slice views."""
    node = slicer.vtkMRMLSliceNode
    node.JumpAllSlices(slicer.mrmlScene, *(float(value) for value in point), node.CenteredJumpSlice)


def to_world(node: Any, point: Any) -> tuple[float, float, float]:
    """A point of a node's own coordinates, RAS mm, where the views show it."""
    world = [0.0, 0.0, 0.0]
    node.TransformPointToWorld([float(value) for value in point], world)
    return world[0], world[1], world[2]


def open_segment_editor(volumeNode: Any, segmentationNode: Any) -> None:
    """Switch to the Segment Editor with both chosen there, so that editing one segment leaves the others: fractures and
    bodies lie within vertebrae."""
    slicer.util.selectModule("SegmentEditor")
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    editor.setSegmentationNode(segmentationNode)
    editor.setSourceVolumeNode(volumeNode)
    editor.mrmlSegmentEditorNode().SetOverwriteMode(slicer.vtkMRMLSegmentEditorNode.OverwriteNone)


def _middle_of_spine(segmentationNode: Any) -> Any:
    """Center of the middle one of the vertebrae, world RAS mm; None where there is none."""
    segmentation = segmentationNode.GetSegmentation()
    found = [entry.name for entry in VERTEBRAE if segmentation.GetSegment(entry.name) is not None]
    return segmentationNode.GetSegmentCenterRAS(found[len(found) // 2]) if found else None


def _show_film(volumeNode: Any, shape: tuple[int, int, int]) -> None:
    name, layout = SLICE_VIEWS[_upright_axis(volumeNode, shape)]
    manager = slicer.app.layoutManager()
    manager.setLayout(getattr(slicer.vtkMRMLLayoutNode, f"SlicerLayout{layout}"))
    widget = manager.sliceWidget(name)
    # An oblique film would be cut by the view's plane; the plane follows the film instead.
    widget.mrmlSliceNode().RotateToVolumePlane(volumeNode)
    widget.sliceLogic().FitSliceToBackground()


def _upright_axis(volumeNode: Any, shape: tuple[int, int, int]) -> int:
    directions = ijk_to_ras(volumeNode)[:3, :3]
    return int(np.argmax(np.abs(directions[:, int(np.argmin(shape))])))
