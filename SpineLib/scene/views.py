# SPDX-License-Identifier: Apache-2.0
"""Puts a film or scan and its segmentation on view, and hands the segmentation to the Segment Editor."""

from typing import Any

import numpy as np
import slicer

from SpineLib.scene.volume_from_node import ijk_to_ras

SLICE_VIEWS = (("Yellow", "OneUpYellowSliceView"), ("Green", "OneUpGreenSliceView"), ("Red", "OneUpRedSliceView"))
"""View and its layout by the RAS axis that a film's plane stands upright on: right, anterior, superior."""


def show_on_views(volumeNode: Any, segmentationNode: Any) -> None:
    """Show both, fitted: a film alone in the slice view of its plane, a scan in all views with its 3D surface."""
    segmentationNode.CreateDefaultDisplayNodes()
    segmentationNode.GetDisplayNode().SetVisibility(True)
    slicer.util.setSliceViewerLayers(background=volumeNode)
    shape = volumeNode.GetImageData().GetDimensions()
    if 1 in shape:
        _show_film(volumeNode, shape)
        return
    segmentationNode.CreateClosedSurfaceRepresentation()
    segmentationNode.GetDisplayNode().SetVisibility3D(True)
    slicer.util.resetSliceViews()
    slicer.util.resetThreeDViews()


def open_segment_editor(volumeNode: Any, segmentationNode: Any) -> None:
    """Switch to the Segment Editor with both chosen there."""
    slicer.util.selectModule("SegmentEditor")
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    editor.setSegmentationNode(segmentationNode)
    editor.setSourceVolumeNode(volumeNode)


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
