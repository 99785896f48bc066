# SPDX-License-Identifier: Apache-2.0
"""Random exposure and processing of a picture in 0..1: what generators, detectors and viewers do to gray values."""

import math

import numpy as np
import torch
from torch.nn import functional


def smooth_field(canvas: tuple[int, int], cells: tuple[int, int], rng: np.random.Generator) -> torch.Tensor:
    """A smooth random field in 0..1 with about `cells` (rows, columns) hills."""
    coarse = torch.from_numpy(rng.random((1, 1, *cells), dtype=np.float32))
    return functional.interpolate(coarse, canvas, mode="bicubic", align_corners=True)[0, 0].clamp(0, 1)


def develop(picture: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Film-like tone: gamma, and at times an equalized or a cut histogram."""
    picture = picture.clamp(0, 1) ** math.exp(rng.normal(0, 0.35))
    if rng.random() < 0.1:
        bins = torch.histc(picture, 256, 0, 1).cumsum(0)
        share = float(rng.uniform(0.4, 1))
        equalized = (bins / bins[-1])[(picture * 255).long()]
        picture = share * equalized + (1 - share) * picture
    if rng.random() < 0.2:
        low, high = rng.uniform(0, 0.25), rng.uniform(0.75, 1)
        picture = ((picture - low) / (high - low)).clamp(0, 1)
    return picture


def change(picture: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Uneven exposure, blur or sharpening, noise, few gray levels, inversion."""
    canvas = (picture.shape[0], picture.shape[1])
    if rng.random() < 0.3:
        uneven = smooth_field(canvas, (int(rng.integers(2, 5)), int(rng.integers(2, 4))), rng)
        picture = picture * (1 - float(rng.uniform(0.1, 0.6)) * uneven)
    if rng.random() < 0.35:
        picture = _blur_or_sharpen(picture, rng)
    if rng.random() < 0.4:
        noise = torch.from_numpy(rng.standard_normal(canvas, dtype=np.float32))
        picture = picture + noise * float(rng.uniform(0.005, 0.06))
    if rng.random() < 0.05:
        picture = (picture * 24).round() / 24
    if rng.random() < 0.25:
        picture = 1 - picture
    return picture


def _blur_or_sharpen(picture: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    sigma = float(rng.uniform(0.5, 1.5))
    taps = torch.exp(-(torch.arange(-4.0, 5.0) ** 2) / (2 * sigma**2))
    kernel = (taps[:, None] * taps[None] / taps.sum() ** 2)[None, None]
    blurred = functional.conv2d(functional.pad(picture[None, None], (4, 4, 4, 4), mode="replicate"), kernel)[0, 0]
    return blurred if rng.random() < 0.5 else picture + float(rng.uniform(0.3, 1.5)) * (picture - blurred)
