# SPDX-License-Identifier: Apache-2.0
"""PNG, JPEG and TIFF as volumes of one slice, as Slicer loads them; the ITK in slicer-core has no reader for these."""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk
import slicer

ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
_VECTOR_COMPONENTS = 3


def load_picture(path: str, name: str) -> Any:
    """A scalar volume for gray pictures, a vector volume for color; rows run to the back, columns to the left."""
    image = sitk.ReadImage(path)
    pixels = sitk.GetArrayFromImage(image)[np.newaxis]
    is_color = image.GetNumberOfComponentsPerPixel() >= _VECTOR_COMPONENTS
    class_name = "vtkMRMLVectorVolumeNode" if is_color else "vtkMRMLScalarVolumeNode"
    column_mm, row_mm = image.GetSpacing()[:2]
    volume = slicer.util.addVolumeFromArray(pixels, np.diag([-column_mm, -row_mm, 1.0, 1.0]), name, class_name)
    volume.CreateDefaultDisplayNodes()
    volume.AddDefaultStorageNode(path)
    return volume
