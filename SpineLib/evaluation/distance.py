# SPDX-License-Identifier: Apache-2.0
"""Distance between the outlines of two masks."""

import numpy as np


def hd95(found: np.ndarray, truth: np.ndarray, spacing: tuple[float, ...] | None = None) -> float:
    """95th percentile of the symmetric outline distances (MONAI), in units of `spacing`, in pixels without it.

    `nan` where one mask is empty or both are.
    """
    import torch
    from monai.metrics import compute_hausdorff_distance

    if not found.any() or not truth.any():
        return float("nan")
    window = _box_of(np.logical_or(found, truth))
    pair = [torch.from_numpy(np.ascontiguousarray(mask[window]))[None, None] for mask in (found, truth)]
    steps = list(spacing) if spacing else None
    return float(compute_hausdorff_distance(*pair, include_background=True, percentile=95, spacing=steps).item())


def _box_of(mask: np.ndarray) -> tuple[slice, ...]:
    """The bounding box with a rim of one pixel, so that outlines at its edge stay outlines."""
    slices = []
    for axis, length in enumerate(mask.shape):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        filled = np.flatnonzero(mask.any(axis=others))
        slices.append(slice(max(0, int(filled[0]) - 1), min(length, int(filled[-1]) + 2)))
    return tuple(slices)
