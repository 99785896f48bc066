# SPDX-License-Identifier: Apache-2.0
"""Volume files: NIfTI, NRRD and MetaImage, with films of one slice in any orientation and scans."""

import gzip
import zlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SpineLib.core.errors import InputError
from SpineLib.core.film import luminance
from SpineLib.core.volume import Volume
from SpineLib.io.itk import affine_of, array_of, damaged, load, open_image


def read_nifti(path: Path) -> Volume:
    """A NIfTI file, compressed or not."""
    reader = open_image(path, "NiftiImageIO", "NIfTI")
    if not _nifti_is_whole(path, reader):
        raise damaged(path, "NIfTI")
    return _volume(load(reader, "NIfTI"))


def read_nrrd(path: Path) -> Volume:
    """A NRRD file, or the `.nhdr` header of one."""
    reader = open_image(path, "NrrdImageIO", "NRRD")
    if reader.HasMetaDataKey("Segment0_ID"):
        raise InputError(f"{path.name} is a segmentation, not an image.", "Give the image that was segmented.")
    return _volume(load(reader, "NRRD"))


def read_metaimage(path: Path) -> Volume:
    """A MetaImage: `.mha`, or `.mhd` with its data beside it."""
    return _volume(load(open_image(path, "MetaImageIO", "MetaImage"), "MetaImage"))


def _volume(image: sitk.Image) -> Volume:
    """One slice is a radiograph, several are a CT.

    A film whose pixels measure exactly 1 mm was most likely converted from a plain picture, where 1 stands for unknown:
    its spacing counts as unknown. Our choice.
    """
    voxels = array_of(image)
    if voxels.ndim == 4:
        voxels = luminance(voxels)
    is_film = 1 in voxels.shape
    in_plane = [spacing for spacing, size in zip(image.GetSpacing(), image.GetSize(), strict=True) if size > 1]
    spacing_known = not is_film or not np.allclose(in_plane, 1.0, atol=1e-6)
    return Volume(voxels, affine_of(image), "radiograph" if is_film else "ct", None, spacing_known)


def _nifti_is_whole(path: Path, reader: sitk.ImageFileReader) -> bool:
    """Whether all voxels are there: ITK fills what is missing with zeros and says nothing."""
    bits = int(reader.GetMetaData("bitpix"))
    needed = float(reader.GetMetaData("vox_offset")) + np.prod(np.array(reader.GetSize(), dtype=float)) * bits / 8
    with path.open("rb") as file:
        is_compressed = file.read(2) == b"\x1f\x8b"
    if not is_compressed:
        return path.stat().st_size >= needed
    length = 0
    try:
        with gzip.open(path, "rb") as stream:
            while chunk := stream.read(1 << 20):
                length += len(chunk)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return False
    return length >= needed
