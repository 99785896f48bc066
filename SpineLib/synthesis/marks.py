# SPDX-License-Identifier: Apache-2.0
"""What a film carries beside the patient: black borders of the shutters, burnt-in letters and plates."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

LETTERS = ("L", "R", "AP", "PA", "STANDING", "ERECT", "12 34", "L PA")


def collimate(shown: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The film 0..1 with black borders of up to an eighth, as shutters leave them."""
    rows, columns = shown.shape
    top, bottom = rng.uniform(0, 0.06, 2) * rows
    left, right = rng.uniform(0, 0.09, 2) * columns
    framed = np.zeros_like(shown)
    inner = np.s_[int(top) : rows - int(bottom), int(left) : columns - int(right)]
    framed[inner] = shown[inner]
    return framed


def write_marks(shown: np.ndarray, rng: np.random.Generator) -> None:
    """Burn one to three letters or plates into the film 0..1, near its borders, in place."""
    rows, columns = shown.shape
    marks = Image.new("L", (columns, rows))
    draw = ImageDraw.Draw(marks)
    for _ in range(int(rng.integers(1, 4))):
        x = columns * float(rng.choice([rng.uniform(0, 0.18), rng.uniform(0.78, 0.95)]))
        y, size = rows * rng.uniform(0.01, 0.95), rows * rng.uniform(0.012, 0.035)
        if rng.random() < 0.8:
            draw.text((x, y), str(rng.choice(LETTERS)), fill=255, font=ImageFont.load_default(max(size, 6)))
        else:
            draw.rectangle((x, y, x + size * rng.uniform(0.5, 3), y + 0.6 * size), fill=255)
    burnt = np.asarray(marks, np.float32) / 255 * np.float32(rng.uniform(0.75, 1.0))
    np.maximum(shown, burnt, out=shown)
