# SPDX-License-Identifier: Apache-2.0
"""A volume node of the scene as the product's Volume, and that Volume as a file for the worker.

A parent transform is left alone: the work happens in the volume's own coordinates and the result gets the same parent.
"""

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import slicer
import vtk

from SpineLib.core.errors import InputError, ResourceError
from SpineLib.core.film import luminance
from SpineLib.core.volume import Volume
from SpineLib.io.itk import image_of

VIEW_ATTRIBUTE = "Spine.View"
"""Node attribute ("ap" or "lateral") with which a script can tell the view."""
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
VIEW_OF_DICOM_POSITION = {"AP": "ap", "PA": "ap", "LL": "lateral", "RL": "lateral", "LATERAL": "lateral"}
VIEW_POSITION = "0018,5101"
SPACING_TAGS = ("0018,1164", "0028,0030")


def volume_from_node(node: Any) -> Volume:
    """The film or scan of a vtkMRMLScalarVolumeNode (a vtkMRMLVectorVolumeNode becomes gray).

    Bone is bright in it. Slicer's DICOM reader (ITK) has turned MONOCHROME1 round while loading; a film that somebody
    shows inverted, because its bone is dark, is turned round here. Raises InputError for an empty node or a colored
    photograph.
    """
    if node is None or node.GetImageData() is None or node.GetImageData().GetNumberOfPoints() == 0:
        raise InputError("The input volume is empty.", "Load a film and choose it as the input volume.")
    voxels = _voxels(node)
    if _is_inverted(node):
        voxels = _turned_round(voxels)
    spacing_known = _is_spacing_known(node, voxels.shape)
    source = {"name": node.GetName()}
    return Volume(voxels, ijk_to_ras(node), "radiograph", _view(node), spacing_known, source)


def ijk_to_ras(node: Any) -> np.ndarray:
    """4x4 matrix from voxel index to RAS mm in the volume's own coordinates."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def write_volume(volume: Volume, path: Path) -> None:
    """Write for the worker, geometry kept whatever the orientation. Raises ResourceError when that fails."""
    try:
        sitk.WriteImage(image_of(volume.voxels, volume.affine), str(path))
    except RuntimeError as error:
        raise ResourceError(
            "The film could not be written to Slicer's temporary folder.", "Free some disk space and try again."
        ) from error


def _voxels(node: Any) -> np.ndarray:
    array = slicer.util.arrayFromVolume(node)
    gray = luminance(array) if array.ndim == 4 else array
    return gray.transpose(2, 1, 0)


def _turned_round(voxels: np.ndarray) -> np.ndarray:
    # In this order the sums stay inside the value range of unsigned types.
    return (voxels.max() - voxels) + voxels.min()


def _dicom_value(node: Any, tag: str) -> str:
    instances = (node.GetAttribute("DICOM.instanceUIDs") or "").split()
    database = getattr(slicer, "dicomDatabase", None)
    if not instances or database is None or not database.isOpen:
        return ""
    return str(database.instanceValue(instances[0], tag)).strip()


def _is_inverted(node: Any) -> bool:
    display = node.GetDisplayNode()
    if display is None:
        return False
    # A checkbox since Slicer 5.9; on top of the inverted color table it turns the display back again.
    is_range_inverted = getattr(display, "GetInvertDisplayScalarRange", bool)()
    return bool(is_range_inverted) != (display.GetColorNodeID() == "vtkMRMLColorTableNodeInvertedGrey")


def _view(node: Any) -> str | None:
    view = node.GetAttribute(VIEW_ATTRIBUTE)
    return view if view in ("ap", "lateral") else VIEW_OF_DICOM_POSITION.get(_dicom_value(node, VIEW_POSITION).upper())


def _is_spacing_known(node: Any, shape: tuple[int, ...]) -> bool:
    if any(_dicom_value(node, tag) for tag in SPACING_TAGS):
        return True
    storage = node.GetStorageNode()
    name = (storage.GetFileName() or "").lower() if storage is not None else ""
    # A film whose pixels are exactly 1 mm has no spacing: readers fill in 1 where the file tells nothing.
    return not (name.endswith(PICTURE_ENDINGS) or (1 in shape and np.allclose(node.GetSpacing(), 1.0)))
