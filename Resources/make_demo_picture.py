# SPDX-License-Identifier: Apache-2.0
"""The README's picture: the demo's film beside its overlay. Usage: make_demo_picture.py FOLDER_OF_THE_DEMO."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from SpineLib import io
from SpineLib.core.film import film_of

SCREENSHOT = Path(__file__).resolve().parent / "Screenshots" / "demo.png"
HEIGHT_PX = 720
GAP_PX = 12


def main(folder: Path) -> None:
    SCREENSHOT.parent.mkdir(parents=True, exist_ok=True)
    film, overlay = gray_picture(folder / "film_0001.dcm"), Image.open(folder / "film_0001.png")
    side_by_side(film, overlay).save(SCREENSHOT, optimize=True)


def gray_picture(film: Path) -> Image.Image:
    """The film between its darkest and brightest percent, 8 bit."""
    pixels = film_of(io.read(film)).pixels.astype(np.float32)
    low, high = np.percentile(pixels, (1, 99))
    return Image.fromarray((np.clip((pixels - low) / (high - low), 0, 1) * 255).astype(np.uint8))


def side_by_side(left: Image.Image, right: Image.Image) -> Image.Image:
    """Both pictures at the same height on white, as 256 colors to stay small."""
    parts = [part.convert("RGB") for part in (left, right)]
    parts = [part.resize((round(part.width * HEIGHT_PX / part.height), HEIGHT_PX), Image.LANCZOS) for part in parts]
    sheet = Image.new("RGB", (parts[0].width + GAP_PX + parts[1].width, HEIGHT_PX), "white")
    sheet.paste(parts[0], (0, 0))
    sheet.paste(parts[1], (parts[0].width + GAP_PX, 0))
    return sheet.quantize(256)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
