# SPDX-License-Identifier: Apache-2.0
"""DICOM radiographs (CR, DX, secondary captures, CT localizers), one image a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk

from SpineLib.core.errors import InputError
from SpineLib.core.film import luminance
from SpineLib.core.volume import Volume
from SpineLib.io.itk import affine_of, array_of, damaged, load, open_image, quiet

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

DICOM_MARKS = (
    (128, b"DICM"),
    (0, b"\x02\x00\x00\x00UL"),
    (0, b"\x08\x00\x00\x00"),
    (0, b"\x08\x00\x05\x00"),
    (0, b"\x08\x00\x08\x00"),
)
"""(offset, bytes found there); old files have no mark and start with a tag."""
VIEWS = {"AP": "ap", "PA": "ap", "LL": "lateral", "RL": "lateral", "LATERAL": "lateral"}
"""DICOM View Position (0018,5101) -> our view."""
SPACING_TAGS = ("ImagerPixelSpacing", "PixelSpacing", "NominalScannedPixelSpacing")
"""In this order: Slicer takes the spacing at the detector for CR and DX, and the mask must lie on Slicer's image."""
KEPT_TAGS = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
"""What of the header travels on: identifiers of the image, nothing about the patient."""
CROSS_SECTIONS = {
    "CT": "CT",
    "MR": "MR scan",
    "PT": "PET scan",
    "NM": "nuclear medicine scan",
    "US": "ultrasound scan",
}


def read_dicom(path: Path) -> Volume:
    """One radiograph. MONOCHROME1 is turned round and the rescale slope applied (by GDCM), color becomes luminance.

    The film lies flat in space unless its header says where it lies. Raises InputError for several frames, a slice of
    a scan, a file without an image and compressions that cannot be read.
    """
    header = read_header(path)
    _check_kind(path, header)
    image = _load(path, header)
    pixels = array_of(image)
    gray = luminance(pixels) if pixels.ndim == 4 else pixels
    spacing, tag = _spacing(header)
    if spacing is not None:
        image.SetSpacing((*spacing, 1.0))
    source: dict[str, Any] = {name: str(header[name].value) for name in KEPT_TAGS if name in header}
    source["spacing_from"] = tag
    view = VIEWS.get(str(header.get("ViewPosition", "")).strip().upper())
    return Volume(gray, affine_of(image), "radiograph", view, spacing is not None, source)


def load_pixels(path: Path, header: "Dataset") -> np.ndarray:
    """Pixels `(columns, rows, frames)` of a DICOM file, `(..., channels)` in color; the rescale slope is applied."""
    return array_of(_load(path, header))


def _load(path: Path, header: "Dataset") -> sitk.Image:
    try:
        return load(open_image(path, "GDCMImageIO", "DICOM"), "DICOM")
    except InputError as error:
        raise _unreadable_compression(path, header) or error from error


def is_localizer(header: "Dataset") -> bool:
    """Whether the image is the scout view from which a scan was planned."""
    return "LOCALIZER" in [str(value).upper() for value in _several(header.get("ImageType"))]


def read_header(path: Path, tags: Sequence[str] | None = None) -> "Dataset":
    """The header of a DICOM file: all of it, or only these elements and nothing from the pixels on."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        with quiet():
            if tags is not None:
                return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(tags), force=True)
            return pydicom.dcmread(path, defer_size="1 KB", force=True)
    except (InvalidDicomError, EOFError, OSError, ValueError, AttributeError, NotImplementedError) as error:
        raise damaged(path, "DICOM") from error


def _check_kind(path: Path, header: "Dataset") -> None:
    if "PixelData" not in header:
        raise InputError(
            f"{path.name} holds no image: it is incomplete or another kind of DICOM object.",
            "Choose the file of the radiograph itself, or export it again.",
        )
    frames = int(header.get("NumberOfFrames") or 1)
    if frames > 1:
        raise InputError(
            f"{path.name} holds {frames} frames, but one film is needed.", "Export the one frame to be read."
        )
    kind = CROSS_SECTIONS.get(str(header.get("Modality", "")))
    if kind and not is_localizer(header):
        raise InputError(
            f"{path.name} is one slice of a {kind}, not a radiograph.",
            "Give the folder that holds all slices of the scan, or the scan as one NIfTI or NRRD file.",
        )


def _several(value: Any) -> list[Any]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def _spacing(header: "Dataset") -> tuple[tuple[float, float] | None, str | None]:
    """(column spacing, row spacing) in mm and the tag it came from; DICOM stores the row spacing first."""
    for tag in SPACING_TAGS:
        values = _several(header.get(tag))
        if len(values) == 2 and all(np.isfinite(float(value)) and float(value) > 0 for value in values):
            return (float(values[1]), float(values[0])), tag
    return None, None


def _unreadable_compression(path: Path, header: "Dataset") -> InputError | None:
    syntax = header.file_meta.get("TransferSyntaxUID") if hasattr(header, "file_meta") else None
    if syntax is None or not syntax.is_compressed or syntax.is_deflated:
        return None
    return InputError(
        f"{path.name} is damaged or compressed in a way that cannot be read ({syntax.name}).",
        "Export the radiograph again, uncompressed.",
    )
