# SPDX-License-Identifier: Apache-2.0
"""Plain pictures: PNG, JPEG and TIFF, gray or color, 8 or 16 bits. They carry no trustworthy spacing."""

from pathlib import Path

import numpy as np

from SpineLib.core.errors import InputError
from SpineLib.core.film import luminance
from SpineLib.core.volume import Volume
from SpineLib.io.itk import array_of, check_size, damaged, load, open_image, quiet

FLAT_AFFINE = np.diag([-1.0, -1.0, 1.0, 1.0])
"""How Slicer lays a picture into space: x to the patient's right, y to the front, one pixel a millimeter."""

GRAY_ALPHA = b"\x04"
"""The one color type of PNG that SimpleITK refuses."""


def read_png(path: Path) -> Volume:
    """A PNG of any color type and depth."""
    with path.open("rb") as file:
        header = file.read(26)
    return _read_gray_alpha(path, header) if header[25:26] == GRAY_ALPHA else _read(path, "PNGImageIO", "PNG")


def read_jpeg(path: Path) -> Volume:
    """A JPEG, in stored order: its EXIF rotation is left out, as Slicer does."""
    if not _jpeg_is_whole(path.read_bytes()):
        raise damaged(path, "JPEG")
    return _read(path, "JPEGImageIO", "JPEG")


def read_tiff(path: Path) -> Volume:
    """A TIFF of one page."""
    return _read(path, "TIFFImageIO", "TIFF")


def _read(path: Path, image_io: str, family: str) -> Volume:
    reader = open_image(path, image_io, family)
    if len(reader.GetSize()) > 2 and reader.GetSize()[2] > 1:
        raise InputError(
            f"{path.name} holds {reader.GetSize()[2]} pictures, but one is needed.", "Save the film's page by itself."
        )
    pixels = array_of(load(reader, family))
    return _flat(luminance(pixels) if pixels.ndim == 4 else pixels)


def _read_gray_alpha(path: Path, header: bytes) -> Volume:
    from PIL import Image

    check_size(path, (int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")))
    try:
        with quiet(), Image.open(path) as picture:
            pixels = np.asarray(picture.getchannel(0))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise damaged(path, "PNG") from error
    return _flat(pixels.T[:, :, None])


def _flat(voxels: np.ndarray) -> Volume:
    return Volume(voxels, FLAT_AFFINE.copy(), "radiograph", spacing_known=False)


def _jpeg_is_whole(content: bytes) -> bool:
    """Whether the end marker follows the picture data: libjpeg fills what is missing with gray and says nothing.

    The segments before the data are stepped over because an embedded thumbnail has an end marker of its own; within
    the data the marker's bytes cannot occur by chance.
    """
    position = 2
    while content[position : position + 1] == b"\xff" and len(content) >= position + 4:
        if content[position + 1] == 0xDA:
            return content.find(b"\xff\xd9", position) >= 0
        position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
    return False
