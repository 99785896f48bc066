# SPDX-License-Identifier: Apache-2.0
"""The pictures that the product ships: README picture, sample film, thumbnail, all from its own synthetic film."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from SpineLib import io
from SpineLib.core.film import film_of

REPOSITORY = Path(__file__).resolve().parents[1]
SCREENSHOT = REPOSITORY / "Resources" / "Screenshots" / "demo.png"
SAMPLE = REPOSITORY / "SpineSegmentation" / "Resources" / "SampleData" / "SpinePhantomFilm.dcm"
SEED = "7"
HEIGHT_PX = 720
GAP_PX = 12
THUMBNAIL_PX = 180


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spine("synth", "ap", "-n", "1", "--seed", SEED, "-o", str(folder))
        film = folder / "film_0001.dcm"
        spine("segment", str(film), "-o", str(folder), "--overlay")
        for path in (SCREENSHOT, SAMPLE):
            path.parent.mkdir(parents=True, exist_ok=True)
        picture = gray_picture(film)
        side_by_side(picture, Image.open(folder / "film_0001.png")).save(SCREENSHOT, optimize=True)
        shutil.copyfile(film, SAMPLE)
        thumbnail(picture).save(SAMPLE.with_suffix(".png"), optimize=True)


def spine(*arguments: str) -> None:
    """Run the command line as a user would."""
    subprocess.run([sys.executable, "-m", "SpineLib.cli", *arguments], check=True)


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


def thumbnail(picture: Image.Image) -> Image.Image:
    """A square from the film's middle."""
    side = picture.width
    top = max(0, (picture.height - side) // 2)
    return picture.crop((0, top, side, top + side)).resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.LANCZOS)


if __name__ == "__main__":
    main()
