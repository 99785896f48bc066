# SPDX-License-Identifier: Apache-2.0
"""Gas and stool in the colon: a map of how much air lies on each ray, from random fields along the colon's frame."""

import numpy as np
from scipy import ndimage

from SpineLib.synthesis.projection import Camera


def gas_map(camera: Camera, waist: float, top: float, scale: float, rng: np.random.Generator) -> np.ndarray:
    """Millimeters of gas on the rays of `camera` (rows, columns).

    The frame runs up the right flank, across below height `top` and down the left flank at `waist` mm from the middle.
    """
    way = _frame(waist, top, rng)
    pixels = camera.project(way)
    distance, along = _nearest(pixels, camera.shape)
    distance *= camera.spacing_mm
    reach = np.exp(-((distance / (28 * scale)) ** 2))
    filled = ndimage.gaussian_filter1d(rng.normal(size=len(way)), 9, mode="nearest")
    filled = filled / max(float(np.abs(filled).max()), 1e-6)
    here = ndimage.gaussian_filter(filled[along], 7 * scale / camera.spacing_mm)
    loops = _field(camera, 9 * scale, rng)
    gas = reach * (0.9 + 0.8 * loops) * np.clip(here * 1.5 + rng.normal(0.1, 0.5), 0, 1) - 0.42
    crumbs = reach * (1.0 + _field(camera, 2.2 * scale, rng)) * np.clip(-here * 1.5 + rng.normal(0, 0.5), 0, 1) - 0.75
    return scale * (42 * np.sqrt(np.clip(gas, 0, 1)) + 14 * np.sqrt(np.clip(crumbs, 0, 1)))


def _frame(waist: float, top: float, rng: np.random.Generator) -> np.ndarray:
    out = waist * rng.uniform(0.55, 0.72)
    sag = rng.uniform(0.2, 0.9) * top
    knots = np.array([[-out, -40], [-out * 1.05, top * 0.4], [-out, top], [0, top - sag], [out, top * 1.25]])
    knots = np.concatenate([knots, [[out * 1.08, top * 0.5], [out, -20], [out * 0.35, -70], [0, -95]]])
    knots += rng.normal(0, 7, knots.shape)
    steps = np.linspace(0, len(knots) - 1, 120)
    x, z = (np.interp(steps, np.arange(len(knots)), knots[:, axis]) for axis in range(2))
    return np.stack([x, np.full_like(x, -70.0), z], axis=1)


def _nearest(pixels: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Distance in pixels to the nearest of the points (x, y), and which one it is, everywhere."""
    from scipy.spatial import cKDTree

    rows, columns = np.indices(shape)
    distance, index = cKDTree(pixels).query(np.stack([columns.ravel(), rows.ravel()], axis=1))
    return distance.reshape(shape).astype(np.float32), index.reshape(shape)


def _field(camera: Camera, size_mm: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise of unit spread with grains of `size_mm`."""
    noise = ndimage.gaussian_filter(rng.normal(size=camera.shape).astype(np.float32), size_mm / camera.spacing_mm)
    return noise / max(float(noise.std()), 1e-6)
