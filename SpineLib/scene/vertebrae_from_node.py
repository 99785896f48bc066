# SPDX-License-Identifier: Apache-2.0
"""The vertebrae of a segmentation node as a file for the worker, in the coordinates of a volume node.

The node is read, never changed. Its parent transform and the volume's are both followed, so that the vertebrae lie on
the scan as they do in the views.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import slicer
import vtk
from scipy.ndimage import find_objects
from vtk.util.numpy_support import vtk_to_numpy

from SpineLib.core.errors import InputError
from SpineLib.core.mask import Mask
from SpineLib.core.result import SpineResult, Structure, Vertebra
from SpineLib.core.segment_names import LEVELS, by_anatomy
from SpineLib.io import write_segmentation
from SpineLib.io.labeled_spine import no_vertebra
from SpineLib.io.regrid import check_axes, grid_around, on_grid
from SpineLib.io.segmentation import mask_of

LABELMAP = "Binary labelmap"


class Placed(NamedTuple):
    """A mask and its affine, index -> RAS mm in the volume's own coordinates."""

    mask: Mask
    affine: np.ndarray


def write_vertebrae(segmentationNode: Any, volumeNode: Any, path: Path) -> None:
    """Write what can be named of a segmentation node to `path` (`NAME.seg.nrrd`).

    Segments of one grid keep it; of several the finest is taken. Raises InputError for a node without a vertebra that
    can be named and one under a transform that bends or shears it, ResourceError when the file cannot be written.
    """
    to_volume = _to_volume(segmentationNode, volumeNode)
    named = by_anatomy(_segments(segmentationNode, to_volume))
    if not LEVELS & named.keys():
        raise no_vertebra(segmentationNode.GetName())
    placed = [each for group in named.values() for each in group]
    for each in placed:
        check_axes(each.affine, segmentationNode.GetName())
    shape, affine = grid_around([tuple(each) for each in placed])
    masks = {
        name: Mask.union([on_grid(each.mask, each.affine, shape, affine) for each in group])
        for name, group in named.items()
    }
    vertebrae = tuple(Vertebra(name, 1.0, mask) for name, mask in masks.items() if name in LEVELS)
    structures = tuple(Structure(name, mask, 1.0) for name, mask in masks.items() if name not in LEVELS)
    write_segmentation(SpineResult("given", shape, affine, structures, vertebrae), path)


def _to_volume(segmentationNode: Any, volumeNode: Any) -> np.ndarray:
    """4x4 matrix from the segmentation's own coordinates to the volume's."""
    first, second = segmentationNode.GetParentTransformNode(), volumeNode.GetParentTransformNode()
    if first is second:
        return np.eye(4)
    for transform in (first, second):
        if transform is not None and not transform.IsTransformToWorldLinear():
            raise InputError(
                f"The transform {transform.GetName()} bends the vertebrae or the scan.",
                "Harden it in the Transforms module, then try again.",
            )
    matrix = vtk.vtkMatrix4x4()
    slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(first, second, matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def _segments(node: Any, to_volume: np.ndarray) -> list[tuple[str, str, Placed]]:
    """Name, SNOMED CT concept ("" where there is none) and mask of each segment that is not empty."""
    segmentation = _with_labelmaps(node.GetSegmentation())
    boxes: dict[Any, list[Any]] = {}
    found = []
    for identifier in segmentation.GetSegmentIDs():
        segment = segmentation.GetSegment(identifier)
        image = segment.GetRepresentation(LABELMAP)
        if image is None or image.GetNumberOfPoints() == 0:
            continue
        labels = _labels(image)
        # Many segments may share one image: it is looked through once.
        if image not in boxes:
            boxes[image] = find_objects(labels)
        label = segment.GetLabelValue()
        mask = mask_of(labels, boxes[image][label - 1] if label <= len(boxes[image]) else None, label)
        if not mask.is_empty:
            found.append((segment.GetName(), _concept(segment), Placed(mask, to_volume @ _affine(image))))
    return found


def _with_labelmaps(segmentation: Any) -> Any:
    """The segmentation, or where it holds surfaces only a copy that holds labelmaps, too."""
    if segmentation.ContainsRepresentation(LABELMAP):
        return segmentation
    copy = slicer.vtkSegmentation()
    copy.DeepCopy(segmentation)
    copy.CreateRepresentation(LABELMAP)
    return copy


def _labels(image: Any) -> np.ndarray:
    """Labels `(I, J, K)` of an oriented image."""
    i, j, k = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(k, j, i).transpose(2, 1, 0)


def _affine(image: Any) -> np.ndarray:
    """Index of `_labels`, whose first voxel is that of the image's extent -> RAS mm in the segmentation's own."""
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    affine = slicer.util.arrayFromVTKMatrix(matrix)
    affine[:3, 3] += affine[:3, :3] @ np.array(image.GetExtent()[::2])
    return affine


def _concept(segment: Any) -> str:
    """SNOMED CT concept of a segment's type; Slicer's terms are one text: "context~category~SCT^code^meaning~..."."""
    entry = vtk.reference("")
    if not segment.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), entry):
        return ""
    fields = str(entry).split("~")
    term = fields[2].split("^") if len(fields) > 2 else []
    return term[1] if len(term) > 1 and term[0] == "SCT" else ""
