# SPDX-License-Identifier: Apache-2.0
"""A result as a segmentation node beside its input: names, colors, terminology, geometry, transform, hierarchy."""

from typing import Any
from uuid import uuid4

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from SpineLib.core.anatomy import BY_NAME, FRACTURES, VERTEBRAL_BODIES, Anatomy
from SpineLib.core.errors import InputError
from SpineLib.core.mask import Mask
from SpineLib.core.result import SpineResult
from SpineLib.io.segmentation import (
    ANATOMIC_CONTEXT,
    ANATOMICAL_STRUCTURE,
    OWNER_TAG,
    TERMINOLOGY_CONTEXT,
    name_of,
    parts_of,
    segment_ids,
)
from SpineLib.scene import vertebra_marks

VOLUME_ROLE = "Spine.Volume"
"""Reference from a segmentation to the volume that it was made from."""
RESULT_ATTRIBUTE = "Spine.Result"
"""Attribute of a segmentation that is another for every result shown in it."""
FILL_OPACITY = 0.35
TRANSLUCENT = 0.4
"""Of what surrounds a fracture, in 3D."""
FRACTURE_NAMES = frozenset(entry.name for entry in FRACTURES)
LABELMAP, SURFACE = "Binary labelmap", "Closed surface"


def show_result(result: SpineResult, volumeNode: Any, segmentationNode: Any = None) -> Any:
    """Put `result` into `segmentationNode`, or into a new one, and return the node.

    An existing node is updated in place: segments of an earlier run are replaced, those made by hand stay. The masks
    are binary labelmaps, each in its own layer where they overlap; a film gets no closed surface, a scan has its
    structures in 3D, with fractures opaque inside the translucent rest, names and lines along the endplates. The
    scene's undo state is saved first. Raises InputError when the result is not of this volume.
    """
    if tuple(volumeNode.GetImageData().GetDimensions()) != tuple(result.shape):
        raise InputError("The input volume was changed during the work.", "Run the segmentation again.")
    slicer.mrmlScene.SaveStateForUndo()
    node = segmentationNode or _new_node(volumeNode)
    with slicer.util.NodeModify(node):
        # The transform first: the reference geometry is taken relative to it, and files are written in that geometry.
        node.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
        node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
        node.SetNodeReferenceID(VOLUME_ROLE, volumeNode.GetID())
        node.SetAttribute(RESULT_ATTRIBUTE, uuid4().hex)
        identifiers = _fill(node, result)
    _place_beside(node, volumeNode)
    _set_display(node)
    if 1 in result.shape:
        _show_flat(node)
    else:
        _show_in_3d(node, identifiers, result)
    vertebra_marks.replace(node, result)
    return node


def terminology_entry(anatomy: Anatomy) -> str:
    """Slicer's serialized form of the SNOMED CT term of one structure."""
    category, term = "^".join(ANATOMICAL_STRUCTURE), f"SCT^{anatomy.snomed}^{anatomy.meaning}"
    return f"{TERMINOLOGY_CONTEXT}~{category}~{term}~^^~{ANATOMIC_CONTEXT}~^^~^^"


def _new_node(volumeNode: Any) -> Any:
    name = slicer.mrmlScene.GenerateUniqueName(f"{volumeNode.GetName()} spine")
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    return node


def _fill(node: Any, result: SpineResult) -> list[str]:
    """Returns the ids of the parts' segments."""
    segmentation = node.GetSegmentation()
    segmentation.SetSourceRepresentationName(LABELMAP)
    identifiers = _free_ids(segmentation, result)
    _remove_earlier(segmentation, keep=set(identifiers))
    for identifier, part in zip(identifiers, parts_of(result), strict=True):
        anatomy = BY_NAME[name_of(part)]
        segment = segmentation.GetSegment(identifier)
        if segment is None:
            segment = slicer.vtkSegment()
            segment.SetColor(*anatomy.color)
            segmentation.AddSegment(segment, identifier)
        segment.SetName(anatomy.name)
        segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), terminology_entry(anatomy))
        segment.SetTag(OWNER_TAG, result.task)
        segment.RemoveAllRepresentations()
        # In the shared labelmap of an earlier result it may have had another value than its new mask has.
        segment.SetLabelValue(1)
        segment.AddRepresentation(LABELMAP, _oriented_image(part.mask, result.affine))
    segmentation.CollapseBinaryLabelmaps(False)
    return identifiers


def _free_ids(segmentation: Any, result: SpineResult) -> list[str]:
    """Those of `segment_ids`, others where segments made by hand have them."""
    identifiers = []
    for identifier in segment_ids(result):
        free, number = identifier, 1
        while (there := segmentation.GetSegment(free)) is not None and not there.HasTag(OWNER_TAG):
            number += 1
            free = f"{identifier}-{number}"
        identifiers.append(free)
    return identifiers


def _remove_earlier(segmentation: Any, keep: set[str]) -> None:
    for segmentId in list(segmentation.GetSegmentIDs()):
        made_here = segmentation.GetSegment(segmentId).HasTag(OWNER_TAG)
        if made_here and segmentId not in keep:
            segmentation.RemoveSegment(segmentId)


def _oriented_image(mask: Mask, affine: np.ndarray) -> Any:
    """The mask's bounding box at its place in the volume; segments of Slicer need no more than that."""
    image = slicer.vtkOrientedImageData()
    bounds = [(start, start + size - 1) for start, size in zip(mask.origin, mask.box.shape, strict=True)]
    image.SetExtent([bound for pair in bounds for bound in pair])
    image.SetImageToWorldMatrix(slicer.util.vtkMatrixFromArray(affine))
    values = mask.box.transpose(2, 1, 0).ravel().astype(np.uint8)
    image.GetPointData().SetScalars(numpy_to_vtk(values, deep=True, array_type=vtk.VTK_UNSIGNED_CHAR))
    return image


def _place_beside(node: Any, volumeNode: Any) -> None:
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    ownItem, inputItem = hierarchy.GetItemByDataNode(node), hierarchy.GetItemByDataNode(volumeNode)
    if ownItem and inputItem:
        hierarchy.SetItemParent(ownItem, hierarchy.GetItemParent(inputItem))


def _set_display(node: Any) -> None:
    if node.GetDisplayNode() is None:
        node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetOpacity2DFill(FILL_OPACITY)
    display.SetOpacity2DOutline(1.0)
    display.SetPreferredDisplayRepresentationName2D(LABELMAP)
    display.SetVisibility(True)


def _show_flat(node: Any) -> None:
    node.GetDisplayNode().SetVisibility3D(False)
    node.GetSegmentation().RemoveRepresentation(SURFACE)


def _show_in_3d(node: Any, identifiers: list[str], result: SpineResult) -> None:
    display = node.GetDisplayNode()
    display.SetVisibility3D(True)
    display.SetPreferredDisplayRepresentationName3D(SURFACE)
    names = [name_of(part) for part in parts_of(result)]
    around = TRANSLUCENT if FRACTURE_NAMES.intersection(names) else 1.0
    for identifier, name in zip(identifiers, names, strict=True):
        display.SetSegmentOpacity3D(identifier, 1.0 if name in FRACTURE_NAMES else around)
        # The bodies lie inside the vertebrae and would hide their colors; they are there for whoever wants them.
        display.SetSegmentVisibility(identifier, name != VERTEBRAL_BODIES.name)
    node.CreateClosedSurfaceRepresentation()
