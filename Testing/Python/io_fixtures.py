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
    CTImageStorage,
    EnhancedCTImageStorage,
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


def stored_scan(shape: tuple[int, int, int] = (7, 5, 6)) -> np.ndarray:
    """Values of a CT as they are stored, `(columns, rows, slices)`: never negative, without any symmetry."""
    return np.random.default_rng(3).integers(0, 3000, shape).astype(np.uint16)


def write_ct(folder: Path, stored: np.ndarray, affine: np.ndarray, **elements: Any) -> list[Path]:
    """A CT series, one file a slice, with rescale intercept -1024; affine: index of `stored` -> RAS mm.

    The names of the files tell nothing of their order. An element may be a tuple with one value for each slice.
    """
    folder.mkdir(parents=True, exist_ok=True)
    series, study = generate_uid(), generate_uid()
    place = _places(affine)
    paths = []
    for index in range(stored.shape[2]):
        own = {name: value[index] if _is_for_each(value) else value for name, value in elements.items()}
        given = {
            **{"SOPClassUID": CTImageStorage, "Modality": "CT", "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"]},
            **{"SeriesInstanceUID": series, "StudyInstanceUID": study, "InstanceNumber": index + 1},
            **{"RescaleSlope": 1, "RescaleIntercept": -1024, "PatientID": "4711", "PatientName": "Doe^Jane"},
            **{"ImagePositionPatient": place["position"](index), "ImageOrientationPatient": place["orientation"]},
            **{"PixelSpacing": place["spacing"], **own},
        }
        paths.append(write_dicom(folder / f"{(index * 7) % 11:02}-{index}.dcm", stored[:, :, index].T, **given))
    return paths


def write_enhanced_ct(path: Path, stored: np.ndarray, affine: np.ndarray, order: list[int]) -> Path:
    """The same in one multi-frame file, whose frames are the slices in this order."""
    place = _places(affine)

    def holding(**elements: Any) -> Dataset:
        item = Dataset()
        for name, value in elements.items():
            setattr(item, name, value)
        return item

    shared = holding(
        PixelMeasuresSequence=[holding(PixelSpacing=place["spacing"])],
        PlaneOrientationSequence=[holding(ImageOrientationPatient=place["orientation"])],
        PixelValueTransformationSequence=[holding(RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU")],
    )
    frames = [
        holding(PlanePositionSequence=[holding(ImagePositionPatient=place["position"](index))]) for index in order
    ]
    return write_dicom(
        path,
        np.concatenate([stored[:, :, index].T for index in order]),
        SOPClassUID=EnhancedCTImageStorage,
        Modality="CT",
        Rows=stored.shape[1],
        NumberOfFrames=len(order),
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=frames,
    )


def _is_for_each(value: Any) -> bool:
    return isinstance(value, tuple)


def _places(affine: np.ndarray) -> dict[str, Any]:
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    spacing = np.linalg.norm(lps[:3, :2], axis=0)
    return {
        "position": lambda index: [f"{value:.10g}" for value in lps[:3] @ [0, 0, index, 1]],
        "orientation": [f"{value:.10g}" for value in (lps[:3, :2] / spacing).T.ravel()],
        "spacing": [f"{spacing[1]:.10g}", f"{spacing[0]:.10g}"],
    }


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
