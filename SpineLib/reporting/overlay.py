# SPDX-License-Identifier: Apache-2.0
"""The film with what was found on it, as a PNG for looking at."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_erosion

from SpineLib.core.anatomy import BY_NAME
from SpineLib.core.errors import InputError
from SpineLib.core.film import film_of
from SpineLib.core.mask import Mask
from SpineLib.core.result import DISCLAIMER, SpineResult
from SpineLib.core.volume import Volume
from SpineLib.io.output import safe_output

if TYPE_CHECKING:
    from PIL.Image import Image

LONGEST_SIDE = 4000
"""Larger films are drawn smaller: the picture is for the eye, the mask itself keeps every pixel."""
FILL = 0.3
"""Opacity of the fill; the contour is opaque."""
PLAIN_COLOR = (0.8, 0.8, 0.8)
SHOWN_PERCENTILES = (0.5, 99.5)


def write_overlay(film_pixels: np.ndarray, result: SpineResult, path: str | Path) -> None:
    """Write the film in gray with each structure and vertebra as a translucent fill and a contour in its color.

    film_pixels: `(rows, columns)` of the film that `result` belongs to, laid out by `core.film.film_of`.
    Raises InputError when the two differ in size, ResourceError when the file cannot be written.
    """
    step = max(1, -(-max(film_pixels.shape) // LONGEST_SIDE))
    canvas = np.repeat(to_gray(film_pixels[::step, ::step])[:, :, None], 3, axis=2)
    thickness = max(1, round(max(canvas.shape) / 800))
    for name, mask in _named_masks(result):
        picture = film_of(Volume(mask.to_array(), result.affine)).pixels
        if picture.shape != film_pixels.shape:
            raise InputError(
                f"The film is {film_pixels.shape} pixels (rows, columns) but its result is {picture.shape}.",
                "Give the film that the result was made from.",
            )
        _paint(canvas, Mask.from_array(picture[::step, ::step, None]), color_of(name), thickness)
    drawn = with_disclaimer(canvas)
    with safe_output(path) as temporary:
        # Level 1 is several times faster than the default and a film hardly shrinks more.
        drawn.save(temporary, format="PNG", compress_level=1)


def to_gray(pixels: np.ndarray) -> np.ndarray:
    """Film values of any type and range as uint8, the darkest and brightest half percent cut off."""
    stride = max(1, int(np.sqrt(pixels.size / 1_000_000)))
    sample = pixels[::stride, ::stride].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    low, high = np.percentile(sample, SHOWN_PERCENTILES) if sample.size else (0.0, 1.0)
    scale = 255.0 / (high - low) if high > low else 0.0
    shown = (np.nan_to_num(pixels.astype(np.float32)) - np.float32(low)) * np.float32(scale)
    return np.clip(shown, 0, 255).astype(np.uint8)


def _named_masks(result: SpineResult) -> list[tuple[str, Mask]]:
    structures = [(part.name, part.mask) for part in result.structures]
    return [(name, mask) for name, mask in structures + [(part.level, part.mask) for part in result.vertebrae]]


def color_of(name: str) -> np.ndarray:
    """Display color of a part, RGB in 0..255."""
    color = BY_NAME[name].color if name in BY_NAME else PLAIN_COLOR
    return np.array(color, dtype=np.float32) * 255


def _paint(canvas: np.ndarray, mask: Mask, color: np.ndarray, thickness: int) -> None:
    """Blend one mask, `(rows, columns, 1)`, into the canvas, inside its own box only."""
    inside = mask.box[..., 0] if mask.box.size else np.zeros((0, 0), dtype=bool)
    top, left, _ = mask.origin
    region = canvas[top : top + inside.shape[0], left : left + inside.shape[1]]
    core = binary_erosion(inside, iterations=thickness) if inside.size else inside
    region[core] = (region[core] * (1 - FILL) + color * FILL).astype(np.uint8)
    region[inside & ~core] = color.astype(np.uint8)


def with_disclaimer(canvas: np.ndarray) -> "Image":
    """The picture `(rows, columns, 3)` with the disclaimer in its lower left corner."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    size = max(8.0, picture.height / 100)
    wide = draw.textlength(DISCLAIMER, font=ImageFont.load_default(size))
    font = ImageFont.load_default(max(4.0, size * min(1.0, (picture.width - 8) / wide)))
    position = (4, picture.height - 4)
    draw.text(position, DISCLAIMER, fill="white", font=font, anchor="ls", stroke_width=1, stroke_fill="black")
    return picture
