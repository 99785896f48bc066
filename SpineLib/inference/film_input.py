# SPDX-License-Identifier: Apache-2.0
"""From a film to what the network sees, and back. Training and inference prepare films by the same code."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

LOW_PERCENTILE, HIGH_PERCENTILE = 1.0, 99.0
FLAT_SHARE = 0.02
"""A row or column whose spread is below this share of the film's own belongs to a blank border. Our choice."""


@dataclass(frozen=True)
class FilmInput:
    """How the network wants its films.

    fit: "letterbox" scales both axes alike so that the longer side becomes `long_side` pixels; "stretch" scales the
        film to `size` (rows, columns) whatever its shape, as S1 does.
    """

    fit: str = "letterbox"
    long_side: int = 512
    size: tuple[int, int] = (256, 128)

    def scaled_shape(self, rows: int, columns: int) -> tuple[int, int]:
        """Size in pixels that a `rows` x `columns` film takes."""
        if self.fit == "stretch":
            return self.size
        factor = self.long_side / max(rows, columns)
        return max(1, round(rows * factor)), max(1, round(columns * factor))


@dataclass(frozen=True)
class Placement:
    """Where on the film the network looked: `box` (top, left, bottom, right) of a film of `shape` (rows, columns)."""

    box: tuple[int, int, int, int]
    shape: tuple[int, int]

    def restore(self, probability: torch.Tensor) -> np.ndarray:
        """Bring an `(H, W)` map back to the film's size, float32; zero outside the box."""
        top, left, bottom, right = self.box
        inside = resize(probability.float(), (bottom - top, right - left))
        film = np.zeros(self.shape, dtype=np.float32)
        film[top:bottom, left:right] = inside.clamp(0, 1).cpu().numpy()
        return film


def content_box(pixels: np.ndarray) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of the film without its blank borders (collimation, padding)."""
    rows, columns = pixels.shape
    step = max(1, max(rows, columns) // 1024)
    small = pixels[::step, ::step].astype(np.float32)
    limit = FLAT_SHARE * float(np.subtract(*np.percentile(small, [99.5, 0.5])))
    bounds = []
    for axis, length in ((1, rows), (0, columns)):
        spread = np.subtract(*np.percentile(small, [98, 2], axis=axis))
        lively = np.flatnonzero(spread > limit)
        if lively.size == 0:
            return 0, 0, rows, columns
        bounds.append((int(lively[0]) * step, min(length, (int(lively[-1]) + 1) * step)))
    (top, bottom), (left, right) = bounds
    return top, left, bottom, right


def prepare(
    pixels: np.ndarray, film_input: FilmInput, box: tuple[int, int, int, int] | None = None
) -> tuple[torch.Tensor, Placement]:
    """The network's input `(1, 1, H, W)`, float32 in 0..1, from a `(rows, columns)` film or the `box` of it."""
    top, left, bottom, right = box or (0, 0, *pixels.shape)
    part = pixels[top:bottom, left:right]
    scaled = resize(torch.from_numpy(part.astype(np.float32)), film_input.scaled_shape(*part.shape))
    return normalize(scaled)[None, None], Placement((top, left, bottom, right), (pixels.shape[0], pixels.shape[1]))


def normalize(image: torch.Tensor) -> torch.Tensor:
    """Stretch an `(H, W)` image so that its 1st and 99th percentiles become 0 and 1; cut beyond."""
    ordered = image.flatten().sort().values
    low, high = (ordered[round(share / 100 * (len(ordered) - 1))] for share in (LOW_PERCENTILE, HIGH_PERCENTILE))
    return ((image - low) / (high - low).clamp_min(1e-6)).clamp(0, 1)


def resize(image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Scale an `(H, W)` image bilinearly, smoothing first where it shrinks."""
    return functional.interpolate(image[None, None], size=size, mode="bilinear", antialias=True)[0, 0]
