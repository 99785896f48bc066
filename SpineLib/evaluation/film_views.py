# SPDX-License-Identifier: Apache-2.0
"""The same film as other machines and viewers would deliver it, to see whether a model holds.

Every view takes `(pixels, mask)`, 8-bit gray and bool `(rows, columns)`, and returns both changed alike.
"""

from collections.abc import Callable

import numpy as np

Film = tuple[np.ndarray, np.ndarray]


def as_is(pixels: np.ndarray, mask: np.ndarray) -> Film:
    return pixels, mask


def inverted(pixels: np.ndarray, mask: np.ndarray) -> Film:
    return (255 - pixels).astype(pixels.dtype), mask


def twelve_bit_dark(pixels: np.ndarray, mask: np.ndarray) -> Film:
    """12-bit gray with the bones crowded into the upper end, as unprocessed detectors give."""
    return np.rint(4095 * (pixels / 255.0) ** 2.2).astype(np.uint16), mask


def small(pixels: np.ndarray, mask: np.ndarray) -> Film:
    """500 pixels high."""
    return _scaled(pixels, mask, 500 / pixels.shape[0])


def huge(pixels: np.ndarray, mask: np.ndarray) -> Film:
    """6,000 pixels high."""
    return _scaled(pixels, mask, 6000 / pixels.shape[0])


def bordered(pixels: np.ndarray, mask: np.ndarray) -> Film:
    """Black collimation of 15 % of the height on all sides."""
    rim = round(0.15 * pixels.shape[0])
    return np.pad(pixels, rim), np.pad(mask, rim)


def white_bordered(pixels: np.ndarray, mask: np.ndarray) -> Film:
    """White padding to a square, as some viewers export."""
    rim = max(0, (pixels.shape[0] - pixels.shape[1]) // 2)
    return np.pad(pixels, ((0, 0), (rim, rim)), constant_values=255), np.pad(mask, ((0, 0), (rim, rim)))


def full_length(pixels: np.ndarray, mask: np.ndarray) -> Film:
    """A third of the height and about a tenth of the width of a large detector, with a head, arms and legs around."""
    return _on_detector(pixels, mask, height=3.0, top=0.8)


def two_thirds(pixels: np.ndarray, mask: np.ndarray) -> Film:
    """Skull and pelvis around: the film is some 60 % of the height."""
    return _on_detector(pixels, mask, height=1.7, top=0.35)


def lower_half(pixels: np.ndarray, mask: np.ndarray) -> Film:
    """The lower half of the film only."""
    middle = pixels.shape[0] // 2
    return pixels[middle:].copy(), mask[middle:].copy()


VIEWS: dict[str, Callable[[np.ndarray, np.ndarray], Film]] = {
    "as is": as_is,
    "inverted": inverted,
    "12-bit, dark": twelve_bit_dark,
    "500 px": small,
    "6,000 px": huge,
    "black border": bordered,
    "white square": white_bordered,
    "two thirds": two_thirds,
    "full length": full_length,
    "lower half": lower_half,
}


def _scaled(pixels: np.ndarray, mask: np.ndarray, factor: float) -> Film:
    from skimage.transform import resize

    shape = tuple(max(1, round(length * factor)) for length in pixels.shape)
    gray = resize(pixels, shape, order=1, preserve_range=True, anti_aliasing=factor < 1)
    return np.rint(gray).astype(pixels.dtype), resize(mask, shape, order=0, anti_aliasing=False)


def _on_detector(pixels: np.ndarray, mask: np.ndarray, height: float, top: float) -> Film:
    """Lay the film on a detector `height` times as tall, `top` film heights from its upper end, limbs around it."""
    from scipy import ndimage

    rows, columns = pixels.shape
    shape = (round(height * rows), round(max(1.6 * columns, 0.42 * height * rows)))
    first, left = round(top * rows), (shape[1] - columns) // 2
    down, right = np.ogrid[: shape[0], : shape[1]]
    middle = shape[1] / 2
    picture = np.zeros(shape, dtype=np.float32)
    for y, x, tall, wide, gray in (
        (first - 0.32 * rows, middle, 0.24 * rows, 0.16 * rows, 150),  # skull
        (first + 0.35 * rows, middle - 0.42 * rows, 0.55 * rows, 0.07 * rows, 110),  # arms
        (first + 0.35 * rows, middle + 0.42 * rows, 0.55 * rows, 0.07 * rows, 110),
        (first + 1.12 * rows, middle, 0.28 * rows, 0.40 * rows, 140),  # pelvis
        (first + 1.8 * rows, middle - 0.18 * rows, 0.75 * rows, 0.11 * rows, 120),  # thighs
        (first + 1.8 * rows, middle + 0.18 * rows, 0.75 * rows, 0.11 * rows, 120),
    ):
        radius = np.sqrt(((down - y) / tall) ** 2 + ((right - x) / wide) ** 2)
        picture = np.maximum(picture, gray / (1 + np.exp((radius - 1) * 25)))
    picture = ndimage.gaussian_filter(picture, rows / 200)
    grain = np.random.default_rng(0).normal(0, 4, shape)
    picture = np.clip(picture + grain, 0, 255)
    picture[first : first + rows, left : left + columns] = pixels
    truth = np.zeros(shape, dtype=bool)
    truth[first : first + rows, left : left + columns] = mask
    return picture.astype(pixels.dtype), truth
