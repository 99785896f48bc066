# SPDX-License-Identifier: Apache-2.0
"""What the scanner does: blur and kernel, slices, hardened beam, streaks, noise, the round field of view.

Sizes of the effects are our choice, by eye beside clinical scans.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SpineLib.synthesis.ct.grid import enlarged

AIR_HU, MOST_HU = -1024, 3071
SHARP = 0.3
"""Kernels from here on raise edges."""


@dataclass(frozen=True)
class Scanner:
    """How a scan is taken. `kernel` -1 soft to 1 sharp; noise in HU; `streaks` 0 none to 1 strong."""

    kernel: float
    noise_hu: float
    cupping_hu: float
    streaks: float
    has_round_field: bool


def sample_scanner(rng: np.random.Generator, noise_hu: float | None) -> Scanner:
    """From clean to poor, from soft to sharp."""
    noise = float(np.exp(rng.normal(2.6, 0.6))) if noise_hu is None else noise_hu
    kernel = float(rng.uniform(-1, 1))
    return Scanner(kernel, noise, float(rng.uniform(0, 14)), float(rng.random() ** 2), bool(rng.random() < 0.3))


def scan(
    values: np.ndarray,
    parts: int,
    spacing_mm: np.ndarray,
    scanner: Scanner,
    metal: np.ndarray | None,
    rng: np.random.Generator,
) -> np.ndarray:
    """The image of `values` (I, J, K * parts) in HU: int16 `(I, J, K)`.

    parts: thin slices that one slice averages. metal: bool like `values`, where streaks start.
    """
    image = _averaged(values, parts)
    _apply_kernel(image, scanner.kernel, spacing_mm)
    _harden(image, scanner.cupping_hu, rng)
    if scanner.noise_hu > 0:
        image += _noise(image.shape, spacing_mm, scanner, rng)
        _starve(image, spacing_mm, scanner, rng)
    if metal is not None:
        _streak(image, _averaged(metal.astype(np.float32), parts) > 0.3, spacing_mm, rng)
    if scanner.has_round_field:
        image[outside_round(image.shape)] = AIR_HU
    np.clip(image, AIR_HU, MOST_HU, out=image)
    return np.rint(image, out=image).astype(np.int16)


def _averaged(values: np.ndarray, parts: int) -> np.ndarray:
    if parts == 1:
        return values
    return values.reshape(*values.shape[:2], -1, parts).mean(axis=-1, dtype=np.float32)


def _apply_kernel(image: np.ndarray, kernel: float, spacing_mm: np.ndarray) -> None:
    """Blur within the slice, more for soft kernels, and raised edges for sharp ones."""
    _blur(image, 0.45 + 0.4 * max(-kernel, 0), spacing_mm)
    if kernel > SHARP:
        smooth = image.copy()
        _blur(smooth, 1.0, spacing_mm)
        image += np.float32(0.5 * kernel) * (image - smooth)


def _blur(image: np.ndarray, size_mm: float, spacing_mm: np.ndarray) -> None:
    """Gaussian blur within the slices, in place; on voxels much larger than it, nothing happens."""
    for axis in (0, 1):
        sigma = size_mm / spacing_mm[axis]
        if sigma > 0.2:
            ndimage.gaussian_filter1d(image, sigma, axis, output=image, truncate=2.5)


def _harden(image: np.ndarray, cupping_hu: float, rng: np.random.Generator) -> None:
    """The middle reads too low, and a shade lies over the slice; only where there is matter."""
    i, j = (np.linspace(-1, 1, size, dtype=np.float32) for size in image.shape[:2])
    shade = np.float32(cupping_hu) * (i[:, None] ** 2 + j[None] ** 2 - 1)
    shade += np.float32(rng.normal(0, 0.3) * cupping_hu) * i[:, None] + np.float32(rng.normal(0, 0.3) * cupping_hu) * j
    image += shade[..., None] * np.clip((image + 900) / 900, 0, 1)


def _noise(shape: tuple[int, ...], spacing_mm: np.ndarray, scanner: Scanner, rng: np.random.Generator) -> np.ndarray:
    """Noise whose color follows the kernel: coarse grains for soft, fine ones for sharp kernels."""
    noise = rng.standard_normal(shape, np.float32)
    if scanner.kernel > SHARP:
        # Sharp kernels raise high frequencies: neighbors differ more than chance would have it.
        noise[1:] -= np.float32(0.45 * scanner.kernel) * noise[:-1]
    else:
        _blur(noise, 0.6 + 0.5 * (SHARP - scanner.kernel), spacing_mm)
    noise *= np.float32(scanner.noise_hu / max(float(noise[:, :, :: max(shape[2] // 8, 1)].std()), 1e-6))
    return noise


def _starve(image: np.ndarray, spacing_mm: np.ndarray, scanner: Scanner, rng: np.random.Generator) -> None:
    """Streaks across where much lies on the rays from side to side: shoulders and hips."""
    if scanner.streaks == 0:
        return
    matter = np.clip(image[::3] / 1000 + 1, 0, 3).sum(axis=0) * 3 * np.float32(spacing_mm[0]) * 0.0195
    strength = np.clip(np.exp((matter - 7) / 2.2), 0, 4) * np.float32(9 * scanner.streaks)
    lines = rng.standard_normal(matter.shape, np.float32) * strength
    along = ndimage.gaussian_filter1d(rng.standard_normal(image.shape[0]), image.shape[0] / 8)
    image += lines[None] * (1 + (along / max(along.std(), 1e-6) * 0.5)).astype(np.float32)[:, None, None]


def _streak(image: np.ndarray, metal: np.ndarray, spacing_mm: np.ndarray, rng: np.random.Generator) -> None:
    """Bright and dark rays from the metal of each slice, and darkness between its pieces."""
    i, j = np.indices(image.shape[:2], dtype=np.float32)
    rays = ndimage.gaussian_filter1d(rng.standard_normal(360), 1.5, mode="wrap")
    rays = (rays / rays.std()).astype(np.float32)
    for k in np.flatnonzero(metal.any(axis=(0, 1))):
        pieces, count = ndimage.label(metal[..., k])
        size = min(float(metal[..., k].sum()) * spacing_mm[0] * spacing_mm[1] / 60, 3.0)
        field = np.zeros(image.shape[:2], np.float32)
        for middle in ndimage.center_of_mass(metal[..., k], pieces, range(1, min(count, 4) + 1)):
            across, along = (i - middle[0]) * spacing_mm[0], (j - middle[1]) * spacing_mm[1]
            turn = (np.degrees(np.arctan2(along, across)).astype(int)) % 360
            field += rays[turn] / (1 + np.hypot(across, along) / 14)
        gap = ndimage.gaussian_filter(metal[..., k].astype(np.float32), (14 / spacing_mm[0], 4 / spacing_mm[1]))
        field = 100 * size * field - 450 * gap
        image[..., k] += np.where(metal[..., k], 0, field)


def outside_round(shape: tuple[int, ...]) -> np.ndarray:
    """Bool `(I, J)`: outside the circle of reconstruction, where there is nothing. shape: of the scan."""
    i, j = (np.linspace(-1, 1, size, dtype=np.float32) for size in shape[:2])
    return (i[:, None] ** 2 + j[None] ** 2) > 1


def scan_randomized(values: np.ndarray, parts: int, spacing_mm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An image of unknown physics: blur, an uneven field of sensitivity, contrast bent, noise; int16 `(I, J, K)`."""
    image = _averaged(values, parts)
    low, high = float(image.min()), float(image.max())
    image = (image - np.float32(low)) / np.float32(max(high - low, 1.0))
    np.power(image, np.float32(np.exp(rng.normal(0, 0.3))), out=image)
    ndimage.gaussian_filter(
        image, float(rng.uniform(0.2, 1.0)) / spacing_mm * spacing_mm.min(), output=image, truncate=2.5
    )
    coarse = rng.normal(0, float(rng.uniform(0, 0.35)), (4, 4, 4)).astype(np.float32)
    steps = [max(-(-(size - 1) // 3), 1) for size in image.shape]
    i, j, k = (slice(0, size) for size in image.shape)
    field = enlarged(coarse, (steps[0], steps[1], steps[2]), (i, j, k))
    image *= np.exp(field)
    image += rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(0.005, 0.08))
    image = image * np.float32(high - low) + np.float32(low)
    return np.clip(np.rint(image), AIR_HU, MOST_HU).astype(np.int16)
