# SPDX-License-Identifier: Apache-2.0
"""A body as a field of upright columns: where each enters and leaves the bone."""

from dataclasses import dataclass

import numpy as np

from SpineLib.measurement.soft_mask import SoftMask

MARGIN_MM = 3.0
HALF = 0.5
LEAST_THICKNESS = 0.5
"""Columns thinner than this share of the usual one are lips and bulges of the wall, not part of the endplates."""


@dataclass(frozen=True)
class Columns:
    """Columns along the third of `axes` (3, 3; columns right, front, up) through `center` (3,) in RAS mm.

    right: (n,), front: (m,) offsets from the center in mm. lower, upper: (n, m) offsets of the surfaces along up in
    mm, NaN where a column misses the bone. Gaps within a column are passed over: only its outer ends count.
    """

    center: np.ndarray
    axes: np.ndarray
    right: np.ndarray
    front: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    @property
    def thickness(self) -> np.ndarray:
        return self.upper - self.lower

    @property
    def footprint(self) -> np.ndarray:
        """(n, m) bool: columns between the endplates; none where nothing was hit."""
        hit = np.isfinite(self.lower)
        if not hit.any():
            return hit
        usual = np.median(self.thickness[hit])
        return np.where(hit, self.thickness, 0.0) >= LEAST_THICKNESS * usual

    def ras(self, right: float, front: float, up: float) -> np.ndarray:
        """The RAS point (3,) of three offsets."""
        return self.center + self.axes @ np.array([right, front, up])


def columns(
    soft: SoftMask, center: np.ndarray, axes: np.ndarray, step_mm: float, half_width_mm: float = np.inf
) -> Columns:
    """The columns of a mask, `step_mm` apart and sampled at that distance, up to `half_width_mm` right and left."""
    offsets = (soft.points - center) @ axes
    low, high = offsets.min(axis=0) - MARGIN_MM, offsets.max(axis=0) + MARGIN_MM
    low[0], high[0] = max(low[0], -half_width_mm), min(high[0], half_width_mm)
    right, front, up = (
        np.arange(np.ceil(start / step_mm), np.floor(stop / step_mm) + 1) * step_mm
        for start, stop in zip(low, high, strict=True)
    )
    grid = np.stack(np.meshgrid(right, front, up, indexing="ij"), axis=-1)
    values = soft.at(center + grid @ axes.T)
    values[..., [0, -1]] = 0
    return Columns(center, axes, right, front, _crossing(values, up), _crossing(values[..., ::-1], up[::-1]))


def _crossing(values: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Where `values` (n, m, k), seen along the last axis, first reach one half, between samples; NaN where never."""
    inside = values >= HALF
    first = np.maximum(inside.argmax(axis=-1), 1)
    after = np.take_along_axis(values, first[..., None], -1)[..., 0]
    before = np.take_along_axis(values, first[..., None] - 1, -1)[..., 0]
    share = np.clip((HALF - before) / np.maximum(after - before, 1e-6), 0, 1)
    place = along[first - 1] + share * (along[first] - along[first - 1])
    return np.where(inside.any(axis=-1), place, np.nan)
