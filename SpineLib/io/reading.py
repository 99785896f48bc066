# SPDX-License-Identifier: Apache-2.0
"""The one door through which images come in."""

import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from SpineLib.core.errors import InputError, ResourceError
from SpineLib.core.volume import VIEWS, Volume
from SpineLib.io.dicom import DICOM_MARKS
from SpineLib.io.dicom_series import dicom_files, read_dicom_file, read_series
from SpineLib.io.digest import digest_of, digest_of_files
from SpineLib.io.picture import read_jpeg, read_png, read_tiff
from SpineLib.io.volume import read_metaimage, read_nifti, read_nrrd, refuse_nifti2

Reader = Callable[[Path], Volume]

READERS: tuple[tuple[int, bytes, Reader], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", read_png),
    (0, b"\xff\xd8\xff", read_jpeg),
    (0, b"II*\x00", read_tiff),
    (0, b"MM\x00*", read_tiff),
    (0, b"NRRD", read_nrrd),
    (0, b"ObjectType", read_metaimage),
    (0, b"NDims", read_metaimage),
    (0, b"Comment", read_metaimage),
    (4, b"n+2\x00", refuse_nifti2),
    (344, b"n+1\x00", read_nifti),
    *((offset, mark, read_dicom_file) for offset, mark in DICOM_MARKS),
)
"""(offset, bytes found there, reader): the content decides, not the name."""

FORMATS = "PNG, JPEG, TIFF, DICOM, NIfTI, NRRD or MHA"
HEAD_SIZE = 352


def read(path: str | Path, view: str | None = None) -> Volume:
    """Read one film or one 3D scan: a file, or a folder with the DICOM slices of one CT or MR series.

    view: "ap" or "lateral" where the caller knows it; otherwise taken from the file, or None. The volume's `source`
    gets the name and the sha256 (see `digest_of`). Raises InputError when the file cannot be used, ResourceError when
    memory is short.
    """
    path = Path(path)
    if view not in VIEWS:
        raise InputError(f"The view {view!r} is not known.", 'Give "ap", "lateral" or nothing.')
    _check_name(path)
    try:
        reader, files = _reader_of(path)
        # A bad header is told before a large file is read to its end.
        volume = reader(path)
        digest = digest_of_files(files) if path.is_dir() else digest_of(path)
    except FileNotFoundError as error:
        raise InputError(f"The image {path} does not exist.", "Check the path and its spelling.") from error
    except OSError as error:
        raise InputError(
            f"The image {path} cannot be opened: {error.strerror}.", "Check that you may read the file."
        ) from error
    except MemoryError as error:
        raise ResourceError(
            f"There is too little memory to read {path.name}.", "Close other programs or scale the image down."
        ) from error
    source = {"path": path.name or path.resolve().name, "sha256": digest, **volume.source}
    return replace(volume, view=view or volume.view, source=source)


def _check_name(path: Path) -> None:
    """ITK ends the whole process on a name that is not UTF-8, as old disks and archives hold them."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError as error:
        shown = str(path).encode("utf-8", "replace").decode("utf-8")
        raise InputError(f"The name {shown} holds letters that are not UTF-8.", "Rename the file or folder.") from error


def _reader_of(path: Path) -> tuple[Reader, list[Path]]:
    """What reads the file or folder, and the files that it reads."""
    if path.is_dir():
        files = dicom_files(path)
        return partial(read_series, files=files), files
    with path.open("rb") as file:
        head = file.read(1 << 20)
    if head.startswith(b"\x1f\x8b"):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, HEAD_SIZE)
        except zlib.error:
            head = b"\x1f\x8b"
    return _reader_for(path, head[:HEAD_SIZE]), [path]


def _reader_for(path: Path, head: bytes) -> Reader:
    if not head:
        raise InputError(f"{path.name} is empty.", "Copy or export it again.")
    for offset, mark, reader in READERS:
        if head[offset : offset + len(mark)] == mark:
            return reader
    raise InputError(f"{path.name} is not an image of a kind that can be read.", f"Give a {FORMATS} file.")
