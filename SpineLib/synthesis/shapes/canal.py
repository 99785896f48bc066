# SPDX-License-Identifier: Apache-2.0
"""A canal through a sacrum whose mesh shows its outside only."""

import numpy as np
from scipy import ndimage

TOP_MM, BOTTOM_MM = -25.0, -75.0
"""Heights between which the canal follows the sacrum's own bend; above, it goes on straight."""
STRIP_MM = 4.0
PLACE = 0.68
"""How far behind the front the canal's middle lies, as a share of the bone's thickness."""
WIDTHS_MM, DEPTHS_MM = (12.0, 5.0), (6.5, 3.0)
"""Half the canal's width and depth at the endplate and at its lower end."""
CLOSED_SHARE = 0.6
"""A sacrum that fills more of the canal's place than this has none."""


def open_canal(distances: np.ndarray, corner_mm: np.ndarray, voxel_mm: float, depth_mm: float) -> np.ndarray:
    """Signed distances (I, J, K) in mm of a sacrum with a canal, in the frame of `Shape`, as they are if it has one.

    `corner_mm` (3,): center of the first voxel. `depth_mm`: the endplate's, which the canal lies behind.
    """
    axes = [start + voxel_mm * np.arange(size) for start, size in zip(corner_mm, distances.shape, strict=True)]
    x, y, z = (axis.astype(np.float32) for axis in np.ix_(*axes))
    strip = (distances[np.abs(axes[0]) < STRIP_MM] <= 0).any(axis=0)
    known = strip.any(axis=0) & (axes[2] > BOTTOM_MM) & (axes[2] < TOP_MM)
    if known.sum() < 10:
        return distances
    front = axes[1][strip.argmax(axis=0)][known]
    back = axes[1][len(axes[1]) - 1 - strip[::-1].argmax(axis=0)][known]
    way = ndimage.gaussian_filter1d(front + PLACE * (back - front), 5 / voxel_mm, mode="nearest")
    upper = axes[2][known] > TOP_MM - 20
    slope, start = np.polyfit(axes[2][known][upper], way[upper], 1)
    middle = np.where(axes[2] > TOP_MM, slope * axes[2] + start, np.interp(axes[2], axes[2][known], way))
    share = np.clip(axes[2] / BOTTOM_MM, 0, 1)
    wide, deep = (high + (low - high) * share for high, low in (WIDTHS_MM, DEPTHS_MM))
    middle = np.where(axes[2] > TOP_MM, np.maximum(middle, depth_mm / 2 + 1.5 + deep), middle)
    wide, deep, middle = (each.astype(np.float32) for each in (wide, deep, middle))
    canal = (np.sqrt((x / wide) ** 2 + ((y - middle) / deep) ** 2) - 1) * deep
    canal = np.maximum(canal, np.float32(BOTTOM_MM) - z)
    place = (canal < 0) & (z < TOP_MM + 5)
    if (distances[place] <= 0).mean() < CLOSED_SHARE:
        return distances
    return np.maximum(distances, -canal).astype(distances.dtype)
