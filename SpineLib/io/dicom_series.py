# SPDX-License-Identifier: Apache-2.0
"""DICOM scans, CT or MR: a folder with the slices of one series, or one multi-frame ("enhanced") file."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from SpineLib.core.errors import InputError
from SpineLib.core.volume import Volume
from SpineLib.io.dicom import DICOM_MARKS, is_localizer, load_pixels, read_dicom, read_header
from SpineLib.io.dicom_geometry import Slice, stack
from SpineLib.io.itk import check_size, damaged

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SCANS = {"CT": "ct", "MR": "mr"}
"""DICOM Modality -> ours."""
KEPT_TAGS = ("SOPClassUID", "SeriesInstanceUID", "StudyInstanceUID")
"""What of the headers travels on: identifiers of the scan, nothing about the patient."""
READ_TAGS = (
    *KEPT_TAGS,
    *("Modality", "ImageType", "Rows", "Columns", "NumberOfFrames", "TransferSyntaxUID"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
)
GROUPS = {
    # element -> functional group it stands in, in multi-frame files
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
}
SMALL = np.iinfo(np.int16)


def dicom_files(folder: Path) -> list[Path]:
    """The DICOM files right in a folder, known by their content, in the order of their names; no directory files."""
    return [
        path
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".") and path.name.upper() != "DICOMDIR" and path.is_file() and is_dicom(path)
    ]


def is_dicom(path: Path) -> bool:
    """Whether a file is a DICOM file, by its first bytes. Raises OSError."""
    with path.open("rb") as stream:
        head = stream.read(max(offset + len(mark) for offset, mark in DICOM_MARKS))
    return any(head[offset : offset + len(mark)] == mark for offset, mark in DICOM_MARKS)


def holds_scan(files: Sequence[Path]) -> bool:
    """Whether DICOM files of one folder are slices of a scan, by the first that shows no localizer."""
    if len(files) < 2:
        return False
    try:
        with _legible(files[0]):
            headers = (read_header(path, READ_TAGS) for path in files)
            first = next((header for header in headers if "Rows" in header and not is_localizer(header)), None)
            return first is not None and first.get("Modality") in SCANS and _frames(first) == 1
    except InputError:
        return False


def read_dicom_file(path: Path) -> Volume:
    """One DICOM file: a radiograph, or a whole scan in many frames."""
    with _legible(path):
        header = read_header(path, READ_TAGS)
        frames = _frames(header)
    if frames > 1 and "PerFrameFunctionalGroupsSequence" in header and header.get("Modality") in SCANS:
        return _read_scan(path.name, {path: header})
    return read_dicom(path)


def read_series(folder: Path, files: Sequence[Path]) -> Volume:
    """The scan whose slices are `files`, of one folder; localizers beside it and files without images are left aside.

    Voxels `(columns, rows, slices)` with the rescale slope applied (by GDCM): Hounsfield units in a CT. The affine is
    exactly that of the headers, oblique or not. Raises InputError for several series, several time points, missing or
    uneven slices, a tilted gantry, slices of differing size, and images that are no CT or MR scan.
    """
    name = folder.name or folder.resolve().name
    headers = {path: header for path in files if "Rows" in (header := read_header(path, READ_TAGS))}
    if not headers:
        raise InputError(
            f"{name} is a folder without DICOM images.",
            "Give one file, the folder of one DICOM scan, or use batch for a whole folder.",
        )
    scan = {path: header for path, header in headers.items() if not is_localizer(header)} or headers
    series = {str(header.get("SeriesInstanceUID")) for header in scan.values()}
    if len(series) > 1:
        raise InputError(
            f"{name} holds images of {len(series)} series, but one scan is needed.",
            "Put the files of the one series to be read into a folder of their own.",
        )
    return _read_scan(name, scan)


def _read_scan(name: str, headers: dict[Path, "Dataset"]) -> Volume:
    first = next(iter(headers.values()))
    modality = SCANS.get(str(first.get("Modality", "")))
    with _legible(next(iter(headers))):
        if len(headers) == 1 and _frames(first) == 1:
            raise _single_image(name)
    if modality is None or is_localizer(first):
        raise InputError(
            f"The DICOM images in {name} are not a CT or MR scan.",
            "Give a film as a file by itself, or use batch for a whole folder.",
        )
    slices: list[Slice] = []
    for path, header in headers.items():
        with _legible(path):
            slices += _slices_of(path, header)
    if len(slices) < 2:
        raise _single_image(name)
    check_size(Path(name), (*slices[0].size[::-1], len(slices)))
    ordered, affine = stack(name, slices)
    source: dict[str, Any] = {tag: str(first[tag].value) for tag in KEPT_TAGS if tag in first}
    return Volume(_voxels(ordered, headers), affine, modality, None, True, source)


@contextmanager
def _legible(path: Path) -> Iterator[None]:
    """Headers are parsed only when they are looked at, and may hold letters where numbers belong."""
    try:
        yield
    except (ValueError, TypeError, AttributeError, NotImplementedError) as error:
        raise damaged(path, "DICOM") from error


def _frames(header: "Dataset") -> int:
    return int(header.get("NumberOfFrames") or 1)


def _slices_of(path: Path, header: "Dataset") -> Iterator[Slice]:
    shared = list(header.get("SharedFunctionalGroupsSequence") or [])
    frames = list(header.get("PerFrameFunctionalGroupsSequence") or [])
    places = [(frame, *shared) for frame in frames] or [(header,)]
    if len(places) != _frames(header):
        raise _no_place(path)
    for number, groups in enumerate(places):
        values = {tag: _values(groups, tag, group) for tag, group in GROUPS.items()}
        position, directions = values["ImagePositionPatient"], values["ImageOrientationPatient"].reshape(-1, 3)
        spacing = values["PixelSpacing"]
        if (len(position), len(directions), len(spacing)) != (3, 2, 2) or spacing.min() <= 0:
            raise _no_place(path)
        if not np.allclose(directions @ directions.T, np.eye(2), atol=1e-3):
            raise _no_place(path)
        along_row, along_column = directions / np.linalg.norm(directions, axis=1, keepdims=True)
        size = int(header.Rows), int(header.Columns)
        yield Slice(path, number, position, along_row, along_column, (float(spacing[0]), float(spacing[1])), size)


def _values(groups: Sequence["Dataset"], tag: str, group: str) -> np.ndarray:
    """The numbers of an element, from the first of the places that has it; none where it is missing or unusable."""
    for place in groups:
        item = place[group][0] if place.get(group) else place
        if item.get(tag) is not None:
            values = np.array([float(value) for value in item.get(tag)])
            return values if np.isfinite(values).all() else np.zeros(0)
    return np.zeros(0)


def _single_image(name: str) -> InputError:
    return InputError(
        f"{name} holds a single image: a film, a localizer or one slice of a scan.",
        "Give a film as a file, or the folder that holds all slices of the scan.",
    )


def _no_place(path: Path) -> InputError:
    return InputError(
        f"{path.name} does not say where its image lies in space.", "Export the scan again, as CT or MR images."
    )


def _voxels(slices: Sequence[Slice], headers: dict[Path, "Dataset"]) -> np.ndarray:
    """`(I, J, K)`, one file in memory at a time beside the whole; 16 bits a voxel where they suffice."""
    rows, columns = slices[0].size
    frames: dict[Path, list[tuple[int, int]]] = {}
    for index, each in enumerate(slices):
        frames.setdefault(each.file, []).append((index, each.frame))
    voxels = np.zeros((len(slices), rows, columns), dtype=np.int16)
    for path, places in frames.items():
        pixels = load_pixels(path, headers[path])
        if pixels.ndim != 3 or pixels.shape[:2] != (columns, rows):
            raise damaged(path, "DICOM")
        for index, frame in places:
            plane = _narrow(pixels[:, :, frame].T)
            voxels = voxels.astype(np.promote_types(voxels.dtype, plane.dtype), copy=False)
            voxels[index] = plane
    return voxels.transpose(2, 1, 0)


def _narrow(plane: np.ndarray) -> np.ndarray:
    """GDCM returns 32 bits where 16 unsigned ones are shifted by -1024, though hardly a CT needs them."""
    if np.issubdtype(plane.dtype, np.integer):
        return plane.astype(np.int16) if SMALL.min <= plane.min() and plane.max() <= SMALL.max else plane
    return plane.astype(np.float32)
