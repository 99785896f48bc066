# SPDX-License-Identifier: Apache-2.0
"""Small files for the tests of readers and writers."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    generate_uid,
)

NOBODY = 65534


def gray_film(rows: int = 40, columns: int = 30, largest: int = 4095) -> np.ndarray:
    """A film without any symmetry, so that every turn, flip or shift shows."""
    y, x = np.mgrid[:rows, :columns]
    waves = np.sin(x / 5 + y / 11) + x / columns + 2 * y / rows
    scaled = (waves - waves.min()) / np.ptp(waves) * largest
    return scaled.astype(np.uint8 if largest < 256 else np.uint16)


def write_dicom(path: Path, pixels: np.ndarray, **elements: Any) -> Path:
    """A radiograph with `pixels`, `(rows, columns)` or `(rows, columns, 3)`, and these elements."""
    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    color = pixels.ndim == 3
    film.SOPClassUID = SecondaryCaptureImageStorage if color else ComputedRadiographyImageStorage
    film.file_meta.MediaStorageSOPClassUID = film.SOPClassUID
    film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    film.StudyInstanceUID, film.SeriesInstanceUID = generate_uid(), generate_uid()
    film.Modality = "CR"
    film.PatientName, film.PatientID, film.PatientBirthDate = "Doe^Jane", "4711", "19700101"
    film.Rows, film.Columns = pixels.shape[:2]
    film.SamplesPerPixel = 3 if color else 1
    film.PhotometricInterpretation = "RGB" if color else "MONOCHROME2"
    if color:
        film.PlanarConfiguration = 0
    film.BitsAllocated = film.BitsStored = 8 * pixels.dtype.itemsize
    film.HighBit = film.BitsStored - 1
    film.PixelRepresentation = int(np.issubdtype(pixels.dtype, np.signedinteger))
    film.PixelData = pixels.tobytes()
    for name, value in elements.items():
        setattr(film, name, value)
    film.save_as(path, enforce_file_format=True)
    return path


def recompress(path: Path, syntax: str) -> Path:
    """The same DICOM file in another transfer syntax."""
    film = pydicom.dcmread(path)
    film.compress(syntax)
    film.save_as(path)
    return path


def picture_of(voxels: np.ndarray) -> np.ndarray:
    """Rows x columns of the voxels of a plain picture."""
    return voxels[:, :, 0].T


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Without root's power to read and write everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
