# SPDX-License-Identifier: Apache-2.0
"""Other scanners, kernels and windows for a training patch: what changes a scan's values but not its anatomy."""

import numpy as np
import torch
from torch.nn import functional

AIR_HU = -1000.0
REMAPPED_SHARE = 0.12
"""Of the patches that are altered: tissues trade their brightness, as between CT and magnetic resonance."""
KNOTS_HU = (-1000.0, -500.0, -110.0, -20.0, 40.0, 90.0, 180.0, 350.0, 700.0, 1500.0)


def altered(voxels: torch.Tensor, rng: np.random.Generator, plain_share: float) -> torch.Tensor:
    """A patch `(I, J, K)` in HU, float32, as another scanner might have shown it."""
    if rng.random() < plain_share:
        return voxels
    if rng.random() < 0.35:
        voxels = _thick_slices(voxels, rng)
    if rng.random() < 0.25:
        voxels = _coarse(voxels, float(rng.uniform(0.4, 0.85)))
    if rng.random() < 0.7:
        voxels = (voxels - AIR_HU) * float(rng.uniform(0.8, 1.25)) + AIR_HU + float(rng.normal(0, 40))
    if rng.random() < 0.3:
        # A bent scale: values of bone against soft tissue differ with the tube's voltage, wildly so in other images.
        share = ((voxels - AIR_HU) / 2500).clamp(0, 1)
        voxels = share ** float(np.exp(rng.normal(0, 0.2))) * 2500 + AIR_HU
    if rng.random() < REMAPPED_SHARE:
        voxels = _remapped(voxels, rng)
    if rng.random() < 0.4:
        seed = torch.Generator().manual_seed(int(rng.integers(2**31)))
        voxels = voxels + torch.randn(voxels.shape, generator=seed) * float(rng.uniform(5, 60))
    return voxels


def _remapped(voxels: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Every brightness becomes another one, on a random curve between knots that lie densest where tissues do; air
    stays darkest (after SynthSeg; Billot et al., Medical Image Analysis 2023)."""
    there = np.concatenate([[AIR_HU], rng.uniform(-900, 900, len(KNOTS_HU) - 1)])
    curve = np.interp(voxels.numpy(), KNOTS_HU, there)
    return torch.from_numpy(curve.astype(np.float32))


def _thick_slices(voxels: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Slices of 2 to 4 voxels along any axis, mostly the body's long one, resampled to the grid again."""
    axis = int(rng.choice([0, 1, 2], p=[0.1, 0.1, 0.8]))
    thick = int(rng.integers(2, 5))
    size = voxels.shape[axis]
    lines = voxels.movedim(axis, -1).reshape(1, -1, size)
    slices = functional.avg_pool1d(lines, thick, ceil_mode=True, count_include_pad=False)
    # The slices' centers lie at (thick - 1) / 2 + n * thick, so the scale is given and not taken from the sizes.
    finer = functional.interpolate(slices, scale_factor=thick, mode="linear", recompute_scale_factor=False)
    shape = [*voxels.movedim(axis, -1).shape[:2], size]
    return finer[..., :size].reshape(shape).movedim(-1, axis).contiguous()


def _coarse(voxels: torch.Tensor, share: float) -> torch.Tensor:
    """Fewer voxels and back."""
    size = voxels.shape
    fewer = [max(8, round(length * share)) for length in size]
    small = functional.interpolate(voxels[None, None], size=fewer, mode="trilinear")
    return functional.interpolate(small, size=size, mode="trilinear")[0, 0]
