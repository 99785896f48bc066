# SPDX-License-Identifier: Apache-2.0
"""Writers of films: 16-bit gray PNG and DICOM DX, for films made by the product itself."""

from io import BytesIO
from pathlib import Path

import numpy as np

from SpineLib.core.errors import InputError
from SpineLib.io.output import safe_output

VIEW_POSITIONS = {"ap": "AP", "lateral": "LL"}


def write_film(
    path: str | Path, pixels: np.ndarray, spacing_mm: tuple[float, float] | None = None, view: str | None = "ap"
) -> None:
    """Write `pixels` `(rows, columns)`, uint8 or uint16, bone bright, as `.png` or `.dcm` by the name of `path`.

    spacing_mm: (column spacing, row spacing); PNG cannot keep it. Raises ResourceError when the file cannot be written.
    """
    path = Path(path)
    writers = {".png": _write_png, ".dcm": _write_dicom}
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise InputError(f"A film cannot be written as {path.name}.", "Give a name that ends in .png or .dcm.")
    if pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.uint16):
        raise InputError(
            f"A film of shape {pixels.shape} and type {pixels.dtype} cannot be written.",
            "Give rows x columns of uint8 or uint16.",
        )
    with safe_output(path) as temporary:
        writer(temporary, pixels, spacing_mm, view)


def _write_png(path: Path, pixels: np.ndarray, spacing_mm: tuple[float, float] | None, view: str | None) -> None:
    from PIL import Image

    Image.fromarray(pixels).save(path, format="PNG", compress_level=1)


def _write_dicom(path: Path, pixels: np.ndarray, spacing_mm: tuple[float, float] | None, view: str | None) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

    bits = 8 * pixels.dtype.itemsize
    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.SOPClassUID = film.file_meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    film.StudyInstanceUID, film.SeriesInstanceUID = generate_uid(), generate_uid()
    film.Modality = "DX"
    film.PatientName = film.PatientID = ""
    film.ViewPosition = VIEW_POSITIONS.get(view or "", "")
    film.PresentationIntentType = "FOR PRESENTATION"
    film.SamplesPerPixel = 1
    film.PhotometricInterpretation = "MONOCHROME2"
    film.PresentationLUTShape = "IDENTITY"
    film.Rows, film.Columns = pixels.shape
    film.BitsAllocated = film.BitsStored = bits
    film.HighBit = bits - 1
    film.PixelRepresentation = 0
    if spacing_mm is not None:
        film.ImagerPixelSpacing = film.PixelSpacing = [spacing_mm[1], spacing_mm[0]]
    film.PixelData = np.ascontiguousarray(pixels).astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes()
    film["PixelData"].VR = "OW"
    # Straight to the file, pydicom would wrap the errors of a full disk in texts of its own.
    content = BytesIO()
    film.save_as(content, enforce_file_format=True)
    path.write_bytes(content.getbuffer())
