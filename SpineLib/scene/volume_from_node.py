# SPDX-License-Identifier: Apache-2.0
"""A volume node of the scene as the product's Volume, and that Volume as a file for the worker.

A parent transform is left alone: the work happens in the volume's own coordinates and the result gets the same parent.
Millimeters are measured on scans, so a scan may only be moved and turned by it. Nothing is resampled.
"""

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import slicer
import vtk

from SpineLib.core.errors import InputError, ResourceError
from SpineLib.core.film import luminance
from SpineLib.core.volume import Volume, is_askew
from SpineLib.io.itk import MAX_SCAN_VOXELS, image_of

VIEW_ATTRIBUTE = "Spine.View"
"""Node attribute ("ap" or "lateral") with which a script can tell the view."""
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
VIEW_OF_DICOM_POSITION = {"AP": "ap", "PA": "ap", "LL": "lateral", "RL": "lateral", "LATERAL": "lateral"}
MODALITY_OF_DICOM = {"CT": "ct", "MR": "mr"}
MODALITY, VIEW_POSITION = "0008,0060", "0018,5101"
SPACING_TAGS = ("0018,1164", "0028,0030")
STRETCH = 1e-3
"""How far transforms may be from keeping lengths, as a share."""


def volume_from_node(node: Any) -> Volume:
    """The film or scan of a vtkMRMLScalarVolumeNode (a vtkMRMLVectorVolumeNode becomes gray).

    Bone is bright in a film. Slicer's DICOM reader (ITK) has turned MONOCHROME1 round while loading; a film that
    somebody shows inverted, because its bone is dark, is turned round here. The values of a scan are never touched: it
    is "ct" unless its header says that it is an MRI. Raises InputError for an empty node, a colored photograph, and a
    scan that is too large, askew, or under a transform that bends or stretches it.
    """
    if node is None or node.GetImageData() is None or node.GetImageData().GetNumberOfPoints() == 0:
        raise InputError("The input volume is empty.", "Load a film or a scan and choose it as the input volume.")
    source = {"name": node.GetName()}
    if is_scan(node):
        _check_scan(node)
        modality = _modality(node) or "ct"
        return Volume(_voxels(node), ijk_to_ras(node), modality, None, _is_spacing_known(node), source)
    voxels = _voxels(node)
    if _is_inverted(node):
        voxels = _turned_round(voxels)
    modality = _modality(node) or "radiograph"
    return Volume(voxels, ijk_to_ras(node), modality, _view(node), _is_spacing_known(node), source)


def is_scan(node: Any) -> bool:
    """Whether a volume node has several slices."""
    image = node.GetImageData()
    return image is not None and min(image.GetDimensions()) > 1


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
            "The image could not be written to Slicer's temporary folder.", "Free some disk space and try again."
        ) from error


def _check_scan(node: Any) -> None:
    image = node.GetImageData()
    if image.GetNumberOfScalarComponents() > 1:
        raise InputError(
            f"The scan holds {image.GetNumberOfScalarComponents()} values per voxel.", "Extract one of them first."
        )
    if image.GetNumberOfPoints() > MAX_SCAN_VOXELS:
        size = " x ".join(map(str, image.GetDimensions()))
        raise InputError(
            f"The scan has {size} voxels, more than the {MAX_SCAN_VOXELS // 1_000_000} million allowed.",
            "Crop it with Crop Volume.",
        )
    if is_askew(ijk_to_ras(node)):
        raise InputError(
            "The scan's axes are not at right angles to each other (a tilted gantry, a sheared transform).",
            "Resample it with Resample Scalar/Vector/DWI Volume, then try again.",
        )
    transform = node.GetParentTransformNode()
    if transform is not None and not _moves_only(transform):
        raise InputError(
            f"The transform {transform.GetName()} bends or stretches the scan, so millimeters would be wrong.",
            "Harden it in the Transforms module, or move the scan out of it, then try again.",
        )


def _moves_only(transform: Any) -> bool:
    """Whether a transform node, with all above it, does no more than move and turn."""
    if not transform.IsTransformToWorldLinear():
        return False
    matrix = vtk.vtkMatrix4x4()
    transform.GetMatrixTransformToWorld(matrix)
    turn = slicer.util.arrayFromVTKMatrix(matrix)[:3, :3]
    return bool(np.allclose(turn.T @ turn, np.eye(3), atol=STRETCH))


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


def _modality(node: Any) -> str | None:
    return MODALITY_OF_DICOM.get(_dicom_value(node, MODALITY).upper())


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


def _is_spacing_known(node: Any) -> bool:
    if any(_dicom_value(node, tag) for tag in SPACING_TAGS):
        return True
    storage = node.GetStorageNode()
    name = (storage.GetFileName() or "").lower() if storage is not None else ""
    # A film whose pixels are exactly 1 mm has no spacing: readers fill in 1 where the file tells nothing.
    return not (name.endswith(PICTURE_ENDINGS) or (not is_scan(node) and np.allclose(node.GetSpacing(), 1.0)))
