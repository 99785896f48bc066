# SPDX-License-Identifier: Apache-2.0
"""From attenuation to a film: scatter, quanta and read-out noise, the detector's blur, the look of a processed film."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SpineLib.synthesis.projection import enlarge

SCATTER_MM = 28.0
"""Spread of scattered rays behind a grid."""


@dataclass(frozen=True)
class Exposure:
    """How a film is taken and shown."""

    quanta: float
    """Quanta that reach an average pixel of 0.2 mm; fewer is grainier."""
    scatter: float
    """Scattered over primary rays."""
    flatten: float
    """Share of the broad contrast that is kept, 0..1: films are processed so that lung and belly fit one picture."""
    crispness: float
    """Gain of contrast finer than a few mm."""
    dark_share: float
    """Share of pixels that end up black."""
    bright_share: float
    """Share of pixels that end up white."""
    gamma: float


def sample_exposure(rng: np.random.Generator) -> Exposure:
    """From old grainy films to flat, crisp digital ones."""
    return Exposure(
        quanta=float(10 ** rng.uniform(2.4, 4.0)),
        scatter=float(rng.uniform(0.05, 0.6)),
        flatten=float(rng.uniform(0.35, 1.0)),
        crispness=float(rng.uniform(1.0, 1.9)),
        dark_share=float(rng.choice([rng.uniform(0.0, 0.03), rng.uniform(0.03, 0.2)])),
        bright_share=float(rng.uniform(0.0002, 0.01)),
        gamma=float(np.exp(rng.normal(0.1, 0.25))),
    )


def expose(attenuation: np.ndarray, spacing_mm: float, exposure: Exposure, rng: np.random.Generator) -> np.ndarray:
    """Pixels 0..1 `(rows, columns)`, bone bright, of line integrals of attenuation."""
    primary = np.exp(-attenuation)
    signal = primary + exposure.scatter * _veil(primary, spacing_mm)
    quanta = exposure.quanta * (spacing_mm / 0.2) ** 2 / float(np.exp(np.log(signal).mean()))
    counted = signal * quanta
    # For the counts at hand a Poisson draw and a normal one of the same variance cannot be told apart.
    counted += rng.standard_normal(signal.shape, np.float32) * np.sqrt(counted + 9.0)
    counted = ndimage.gaussian_filter(counted, 0.09 / spacing_mm + 0.25)
    return _show(-np.log(np.maximum(counted, 1.0)), spacing_mm, exposure)


def _veil(primary: np.ndarray, spacing_mm: float) -> np.ndarray:
    return smooth(primary, SCATTER_MM / spacing_mm)


def smooth(image: np.ndarray, sigma: float) -> np.ndarray:
    """A broad Gaussian blur (`sigma` in pixels), taken on a coarser grid."""
    factor = max(int(sigma / 4), 1)
    if factor == 1:
        return ndimage.gaussian_filter(image, sigma)
    rows, columns = (-(-size // factor) * factor for size in image.shape)
    padded = np.pad(image, ((0, rows - image.shape[0]), (0, columns - image.shape[1])), mode="edge")
    small = padded.reshape(rows // factor, factor, columns // factor, factor).mean(axis=(1, 3))
    small = ndimage.gaussian_filter(small, sigma / factor, mode="nearest")
    return enlarge(small, (rows, columns), factor)[: image.shape[0], : image.shape[1]]


def _show(depth: np.ndarray, spacing_mm: float, exposure: Exposure) -> np.ndarray:
    broad = smooth(depth, 18.0 / spacing_mm)
    fine = depth - ndimage.gaussian_filter(depth, 1.6 / spacing_mm)
    level = float(broad.mean())
    shown = level + exposure.flatten * (broad - level) + (depth - broad) + (exposure.crispness - 1) * fine
    low, high = np.quantile(shown[::3, ::3], [exposure.dark_share, 1 - exposure.bright_share])
    return np.clip((shown - low) / max(high - low, 1e-6), 0, 1) ** np.float32(exposure.gamma)
