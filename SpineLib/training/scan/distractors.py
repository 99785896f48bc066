# SPDX-License-Identifier: Apache-2.0
"""Bright lumps that are no spine: what contrast agent, calcium, stool or other bones may look like to a network.

Synthetic bodies hold far fewer kinds of bright things than real ones; a heart full of contrast was once taken for
vertebrae. Lumps of random form, brightness and texture beside the spine teach that brightness alone means nothing.
"""

import numpy as np
import torch
from scipy import ndimage

from SpineLib.training.scan.patches import Patch

MOST = 3
RADIUS_MM = (6.0, 45.0)
HU = (120.0, 900.0)
RIM_MM = 4.0
"""Lumps keep this far from what is labeled."""


def with_distractors(patch: Patch, voxels: torch.Tensor, spacing_mm: float, rng: np.random.Generator) -> torch.Tensor:
    """`voxels` `(I, J, K)`, HU, of a patch with one to three lumps where it shows body and no label."""
    labeled = ndimage.binary_dilation(patch.labels > 0, iterations=max(1, round(RIM_MM / spacing_mm)))
    free = (~labeled) & (patch.voxels > -300)
    places = np.flatnonzero(free)
    if not len(places):
        return voxels
    values = voxels.numpy().copy()
    grid = np.ogrid[tuple(slice(size) for size in patch.voxels.shape)]
    for _ in range(int(rng.integers(1, MOST + 1))):
        middle = np.unravel_index(rng.choice(places), free.shape)
        radii = np.exp(rng.uniform(*np.log(RADIUS_MM))) * rng.uniform(0.6, 1.6, 3) / spacing_mm
        parts = zip(grid, middle, radii, strict=True)
        distance = np.sqrt(sum(((axis - at) / radius) ** 2 for axis, at, radius in parts))
        lump = (distance + _wrinkles(free.shape, rng) < 1) & free
        hu = rng.uniform(*HU) + rng.uniform(0, 120) * _wrinkles(free.shape, rng) / 0.25
        # Some are shells, as cortical bone and calcified walls are.
        if rng.random() < 0.3:
            lump &= ~ndimage.binary_erosion(lump, iterations=max(1, round(2.5 / spacing_mm)))
        values[lump] = np.broadcast_to(hu, lump.shape)[lump]
    return torch.from_numpy(values)


def _wrinkles(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """A smooth random field with a spread of 0.25."""
    coarse = rng.normal(size=tuple(max(2, size // 8) for size in shape)).astype(np.float32)
    factors = [size / length for size, length in zip(shape, coarse.shape, strict=True)]
    field = ndimage.zoom(coarse, factors, order=1)
    padded = np.zeros(shape, np.float32)
    box = tuple(slice(min(size, length)) for size, length in zip(shape, field.shape, strict=True))
    padded[box] = field[box]
    return 0.25 * padded / max(float(padded.std()), 1e-6)
