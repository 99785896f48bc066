# SPDX-License-Identifier: Apache-2.0
"""Writer of scans and label maps, for those made by the product itself."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SpineLib.core.errors import InputError
from SpineLib.io.itk import image_of, quiet
from SpineLib.io.output import safe_output

COMPRESSION = 1
"""Noise hardly shrinks at any level; the higher ones only take longer."""


def write_scan(path: str | Path, voxels: np.ndarray, affine: np.ndarray) -> None:
    """Write `voxels` (I, J, K) as compressed NIfTI; affine: 4x4, voxel index -> RAS mm, axes at right angles.

    Raises InputError for another ending than .nii.gz, ResourceError when the file cannot be written.
    """
    path = Path(path)
    if not path.name.endswith(".nii.gz"):
        raise InputError(f"A scan cannot be written as {path.name}.", "Give a name that ends in .nii.gz.")
    image = image_of(voxels, affine)
    with safe_output(path) as temporary:
        try:
            with quiet():
                sitk.WriteImage(image, str(temporary), True, COMPRESSION)
        except RuntimeError as error:
            raise OSError(f"{path.name} could not be written") from error
