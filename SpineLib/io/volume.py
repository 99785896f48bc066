# SPDX-License-Identifier: Apache-2.0
"""Volume files: NIfTI, NRRD and MetaImage, with films of one slice in any orientation and scans."""

import gzip
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SpineLib.core.errors import InputError
from SpineLib.core.film import luminance
from SpineLib.core.volume import Volume
from SpineLib.io.itk import affine_of, array_of, damaged, load, open_image

NIFTI1_BYTES, PIXDIM_AT, SFORM_CODE_AT = 348, 80, 254
"""Length of a NIfTI-1 header, and where the distances of the voxels and the code of the matrix lie in it."""


def read_nifti(path: Path) -> Volume:
    """A NIfTI file, compressed or not."""
    reader = open_image(path, "NiftiImageIO", "NIfTI")
    if not _nifti_is_whole(path, reader):
        raise damaged(path, "NIfTI")
    volume = _volume(load(reader, "NIfTI"))
    return volume if _nifti_has_spacing(path) else replace(volume, spacing_known=False)


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


def _nifti_has_spacing(path: Path) -> bool:
    """Whether the header says how far voxels lie apart: ITK takes what is no distance for 1 mm and says nothing.

    A full matrix (sform) says it, too. Only NIfTI-1 headers are looked at; there are hardly any others.
    """
    with path.open("rb") as file:
        is_compressed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rb") if is_compressed else path.open("rb") as file:
        header = file.read(NIFTI1_BYTES)
    order = "<" if header[:4] == struct.pack("<i", NIFTI1_BYTES) else ">"
    if len(header) < NIFTI1_BYTES or header[:4] != struct.pack(f"{order}i", NIFTI1_BYTES):
        return True
    spacing = np.array(struct.unpack_from(f"{order}3f", header, PIXDIM_AT))
    has_matrix = struct.unpack_from(f"{order}h", header, SFORM_CODE_AT)[0] > 0
    return has_matrix or bool((np.isfinite(spacing) & (spacing > 0)).all())


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
