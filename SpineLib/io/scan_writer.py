# SPDX-License-Identifier: Apache-2.0
"""Writer of scans and label maps, for those made by the product itself."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SpineLib.core.errors import InputError
from SpineLib.io.itk import quiet
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
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.T))
    to_lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    spacing = np.linalg.norm(to_lps[:3, :3], axis=0)
    image.SetSpacing([float(step) for step in spacing])
    image.SetDirection([float(part) for part in (to_lps[:3, :3] / spacing).ravel()])
    image.SetOrigin([float(part) for part in to_lps[:3, 3]])
    with safe_output(path) as temporary:
        try:
            with quiet():
                sitk.WriteImage(image, str(temporary), True, COMPRESSION)
        except RuntimeError as error:
            raise OSError(f"{path.name} could not be written") from error
