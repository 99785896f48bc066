# SPDX-License-Identifier: Apache-2.0
"""The fingerprint by which an image is known again."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from SpineLib.io.dicom_series import dicom_files

CHUNK_BYTES = 1 << 20


def digest_of(path: Path) -> str:
    """sha256 of a file; of a folder, that of its DICOM files, whatever their names. Raises OSError."""
    return digest_of_files(dicom_files(path)) if path.is_dir() else _digest_of_file(path)


def digest_of_files(files: Sequence[Path]) -> str:
    """sha256 over the sorted digests of several files."""
    digest = hashlib.sha256()
    for each in sorted(_digest_of_file(path) for path in files):
        digest.update(each.encode("ascii"))
    return digest.hexdigest()


def _digest_of_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
