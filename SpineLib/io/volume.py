# SPDX-License-Identifier: Apache-2.0
"""Volume files: NIfTI, NRRD and MetaImage, with films of one slice in any orientation and scans."""

import gzip
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BufferedIOBase
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SpineLib.core.errors import InputError
from SpineLib.core.film import luminance
from SpineLib.core.volume import Volume
from SpineLib.io.itk import affine_of, array_of, damaged, load, open_image

NIFTI1_BYTES, PIXDIM_AT, SFORM_CODE_AT = 348, 80, 254
"""Length of a NIfTI-1 header, and where the distances of the voxels and the code of the matrix lie in it."""
NIFTI_FLOATS = (16, 64)
"""Codes of the types whose values may be no numbers."""
CHUNK_BYTES = 1 << 20


def read_nifti(path: Path) -> Volume:
    """A NIfTI file, compressed or not."""
    reader = open_image(path, "NiftiImageIO", "NIfTI")
    _check_nifti(path, reader)
    volume = _volume(load(reader, "NIfTI"))
    return volume if _nifti_has_spacing(path) else replace(volume, spacing_known=False)


def refuse_nifti2(path: Path) -> Volume:
    """ITK knows the first version only."""
    raise InputError(f"{path.name} is a file of NIfTI-2, which cannot be read.", "Save it as NIfTI-1 (.nii.gz).")


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
    is_film = 1 in voxels.shape[:3]
    if voxels.ndim == 4:
        if not is_film:
            raise InputError(f"The scan holds {voxels.shape[3]} values per voxel.", "Export one of them alone.")
        voxels = luminance(voxels)
    in_plane = [spacing for spacing, size in zip(image.GetSpacing(), image.GetSize(), strict=True) if size > 1]
    spacing_known = not is_film or not np.allclose(in_plane, 1.0, atol=1e-6)
    return Volume(voxels, affine_of(image), "radiograph" if is_film else "ct", None, spacing_known)


def _nifti_has_spacing(path: Path) -> bool:
    """Whether the header says how far voxels lie apart: ITK takes what is no distance for 1 mm and says nothing.

    A full matrix (sform) says it, too. Only NIfTI-1 headers are looked at; there are hardly any others.
    """
    with _unzipped(path) as file:
        header = file.read(NIFTI1_BYTES)
    order = "<" if header[:4] == struct.pack("<i", NIFTI1_BYTES) else ">"
    if len(header) < NIFTI1_BYTES or header[:4] != struct.pack(f"{order}i", NIFTI1_BYTES):
        return True
    spacing = np.array(struct.unpack_from(f"{order}3f", header, PIXDIM_AT))
    has_matrix = struct.unpack_from(f"{order}h", header, SFORM_CODE_AT)[0] > 0
    return has_matrix or bool((np.isfinite(spacing) & (spacing > 0)).all())


def _check_nifti(path: Path, reader: sitk.ImageFileReader) -> None:
    """Raise InputError where voxels are missing or are no numbers: ITK takes both for zeros and says nothing."""
    bits = int(reader.GetMetaData("bitpix"))
    begin = int(float(reader.GetMetaData("vox_offset")))
    left = int(np.prod(reader.GetSize(), dtype=float)) * bits // 8
    is_float = int(reader.GetMetaData("datatype")) in NIFTI_FLOATS
    if not is_float and not _is_compressed(path):
        left -= path.stat().st_size - begin
    else:
        try:
            with _unzipped(path) as stream:
                order = "<" if stream.read(4) == struct.pack("<i", NIFTI1_BYTES) else ">"
                stream.seek(begin)
                while left > 0 and (chunk := stream.read(min(left, CHUNK_BYTES))):
                    left -= len(chunk)
                    if is_float and not _are_numbers(chunk, f"{order}f{bits // 8}"):
                        told = f"{path.name} has voxels that are not numbers (NaN or infinite)."
                        raise InputError(told, "Export it again.")
                # The checksum of a compressed file stands behind its last byte.
                while stream.read(CHUNK_BYTES):
                    pass
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise damaged(path, "NIfTI") from None
    if left > 0:
        raise damaged(path, "NIfTI")


def _are_numbers(data: bytes, kind: str) -> bool:
    return bool(np.isfinite(np.frombuffer(data, kind, len(data) // np.dtype(kind).itemsize)).all())


def _is_compressed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


@contextmanager
def _unzipped(path: Path) -> Iterator[BufferedIOBase]:
    """The file, unpacked while it is read where it is compressed."""
    with gzip.open(path, "rb") if _is_compressed(path) else path.open("rb") as stream:
        yield stream
