# SPDX-License-Identifier: Apache-2.0
"""Density of the trabecular bone, in Hounsfield units, as opportunistic screening for osteoporosis reads it from CT.

After Pickhardt et al., "Opportunistic screening for osteoporosis using abdominal computed tomography scans obtained for
other indications" (Annals of Internal Medicine 2013), who draw an oval in the trabecular bone of the body; ours is an
ellipsoid and its size our choice. Contrast in the blood raises the value: see `contrast`.
"""

from itertools import product

import numpy as np

from SpineLib.core.mask import Mask
from SpineLib.measurement.body_frame import BodyFrame
from SpineLib.measurement.soft_mask import SoftMask

LEVELS = ("L1", "L2", "L3", "L4")
EROSION_MM = 4.0
"""Least distance to the body's surface: cortex, endplates and what a voxel mixes of them."""
HALF_AXES = (0.33, 0.30, 0.28)
"""Half axes of the ellipsoid as shares of the body's width, depth and height."""
FORWARD = 0.06
"""How far the ellipsoid stands in front of the middle, as a share of the depth: the basivertebral vein is behind."""
LEAST_VOXELS = 20
FOREIGN_HU, FOREIGN_SHARE = 1000.0, 0.02
"""Brighter is metal or cement; with more than this share of it the mean says nothing of bone."""
DENSEST_HU = 450.0
"""Trabecular bone of the young and healthy has up to some 350; what has more is cement, streaks or sclerosis."""


def trabecular_density(
    voxels: np.ndarray, offset_hu: float, affine: np.ndarray, mask: Mask, body: SoftMask, frame: BodyFrame
) -> float | None:
    """Mean of `voxels` (I, J, K) in the ellipsoid, with the offset in HU; None where fewer than `LEAST_VOXELS` are far
    enough inside, nan where metal, cement or sclerosis stands in the place of trabecular bone."""
    if mask.count < LEAST_VOXELS:
        return None
    indices = np.argwhere(mask.box) + np.array(mask.origin)
    points = indices @ affine[:3, :3].T + affine[:3, 3]
    offsets = (points - frame.center) @ frame.axes
    low, high = np.percentile(offsets, [1, 99], axis=0)
    size = high - low
    middle = (low + high) / 2 + np.array([0.0, FORWARD * size[1], 0.0])
    inside = (((offsets - middle) / (size * np.array(HALF_AXES))) ** 2).sum(axis=1) <= 1
    inside[inside] = _is_deep(body, points[inside])
    if inside.sum() < LEAST_VOXELS:
        return None
    i, j, k = indices[inside].T
    values = voxels[i, j, k] + offset_hu
    mean = float(values.mean())
    is_foreign = mean > DENSEST_HU or (values > FOREIGN_HU).mean() > FOREIGN_SHARE
    return float("nan") if is_foreign else mean


def _is_deep(body: SoftMask, points: np.ndarray) -> np.ndarray:
    """Which points (n, 3) have bone in 26 directions at the erosion's distance."""
    steps = np.array([step for step in product((-1.0, 0.0, 1.0), repeat=3) if any(step)])
    steps *= EROSION_MM / np.linalg.norm(steps, axis=1, keepdims=True)
    deep = np.ones(len(points), dtype=bool)
    for step in steps:
        deep &= body.at(points + step) >= 0.5
    return deep
