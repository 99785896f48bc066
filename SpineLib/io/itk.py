# SPDX-License-Identifier: Apache-2.0
"""Reading through ITK without its noise: sizes are checked before pixels are loaded, failures become InputErrors."""

import os
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SpineLib.core.errors import InputError, ResourceError
from SpineLib.core.volume import RAS_TO_LPS

MAX_FILM_PIXELS = 400_000_000
"""A film of 20,000 x 20,000 pixels; real ones have up to some 50 million."""
MAX_SCAN_VOXELS = 2_000_000_000

_STDERR_LOCK = threading.Lock()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the image libraries from writing to the user's standard error.

    libjpeg and MetaIO print from C code, so the file descriptor itself is pointed elsewhere meanwhile.
    """
    with _STDERR_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shown = sitk.ProcessObject.GetGlobalWarningDisplay()
        sitk.ProcessObject.SetGlobalWarningDisplay(False)
        try:
            kept = os.dup(2)
        except OSError:  # a windowed program on Windows has no standard error
            kept = -1
        try:
            if kept >= 0:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 2)
                os.close(nowhere)
            yield
        finally:
            if kept >= 0:
                os.dup2(kept, 2)
                os.close(kept)
            sitk.ProcessObject.SetGlobalWarningDisplay(shown)


def open_image(path: Path, image_io: str, family: str) -> sitk.ImageFileReader:
    """A reader that knows the header of `path` and has loaded no pixel yet.

    image_io: ITK's name of the format; family: ours, for messages. Raises InputError when the header is damaged or
    promises more than one image or an absurd number of pixels.
    """
    reader = sitk.ImageFileReader()
    reader.SetImageIO(image_io)
    reader.SetFileName(str(path))
    try:
        with quiet():
            reader.ReadImageInformation()
    except RuntimeError as error:
        if "orthonormal" in str(error):
            raise InputError(
                f"The axes of {path.name} are not at right angles to each other.", "Resample it to a regular grid."
            ) from error
        raise damaged(path, family) from error
    check_size(path, reader.GetSize())
    if "complex" in sitk.GetPixelIDValueAsString(reader.GetPixelID()):
        raise InputError(f"{path.name} holds complex numbers, so it is not an image.", "Export the magnitude alone.")
    if reader.GetNumberOfComponents() > 4:
        raise InputError(
            f"{path.name} holds {reader.GetNumberOfComponents()} values per pixel, so it is not an image.",
            "Give a gray or RGB image.",
        )
    return reader


def load(reader: sitk.ImageFileReader, family: str) -> sitk.Image:
    """The pixels of an opened image; at most three dimensions."""
    size = reader.GetSize()
    if len(size) > 3:
        reader.SetExtractSize([*size[:3], *[0] * (len(size) - 3)])
    try:
        with quiet():
            return reader.Execute()
    except MemoryError as error:
        raise _too_little_memory(size) from error
    except RuntimeError as error:
        if lacks_memory(error):
            raise _too_little_memory(size) from error
        raise damaged(Path(reader.GetFileName()), family) from error


def array_of(image: sitk.Image) -> np.ndarray:
    """Voxels `(I, J, K)`, or `(I, J, K, channels)` of a vector image; a plain picture gets K = 1."""
    array = sitk.GetArrayFromImage(image)
    spatial = image.GetDimension()
    array = array.transpose(*range(spatial)[::-1], *range(spatial, array.ndim))
    return array if spatial == 3 else np.expand_dims(array, 2)


def affine_of(image: sitk.Image) -> np.ndarray:
    """4x4, voxel index -> RAS mm. ITK works in LPS; pictures of two dimensions lie flat at z = 0."""
    dimension = image.GetDimension()
    affine = np.eye(4)
    direction = np.array(image.GetDirection()).reshape(dimension, dimension)
    affine[:dimension, :dimension] = direction * np.array(image.GetSpacing())
    affine[:dimension, 3] = image.GetOrigin()
    return RAS_TO_LPS @ affine


def image_of(voxels: np.ndarray, affine: np.ndarray) -> sitk.Image:
    """The image of `voxels` (I, J, K); affine: 4x4, voxel index -> RAS mm, its axes at right angles."""
    return _placed(sitk.GetImageFromArray(np.ascontiguousarray(voxels.T)), affine)


def empty_image(shape: Sequence[int] | np.ndarray, affine: np.ndarray) -> sitk.Image:
    """The image of `shape` (I, J, K) that holds nothing, for its geometry; affine: as in `image_of`."""
    return _placed(sitk.Image([int(size) for size in shape], sitk.sitkUInt8), affine)


def _placed(image: sitk.Image, affine: np.ndarray) -> sitk.Image:
    lps = RAS_TO_LPS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image


def damaged(path: Path, family: str) -> InputError:
    """The error for a file whose kind is known but whose content is not whole."""
    return InputError(f"{path.name} is a {family} file, but it is damaged or incomplete.", "Copy or export it again.")


def check_size(path: Path, size: tuple[int, ...]) -> None:
    """Refuse several time points and absurd sizes, before any memory is taken."""
    if any(extent > 1 for extent in size[3:]):
        raise InputError(
            f"{path.name} holds a series of {int(np.prod(size[3:]))} images over time, but one is needed.",
            "Save the one to be read to a file of its own.",
        )
    pixels = int(np.prod([int(extent) for extent in size], dtype=object))
    limit = MAX_FILM_PIXELS if len(size) < 3 or 1 in size[:3] else MAX_SCAN_VOXELS
    if pixels > limit:
        raise InputError(
            f"{path.name} has {' x '.join(map(str, size))} pixels, more than the {limit // 1_000_000} million allowed.",
            "Check the file, or scale the image down.",
        )


def lacks_memory(error: RuntimeError) -> bool:
    """Whether an error of ITK means that memory was short."""
    return "bad_alloc" in str(error) or "allocate memory" in str(error)


def _too_little_memory(size: tuple[int, ...]) -> ResourceError:
    return ResourceError(
        f"There is too little memory for an image of {' x '.join(map(str, size))} pixels.",
        "Close other programs or scale the image down.",
    )
