# SPDX-License-Identifier: Apache-2.0
"""How sure a mean is."""

import numpy as np


def bootstrap_mean(
    values: np.ndarray, groups: list[str], seed: int = 0, draws: int = 2000
) -> tuple[float, float, float]:
    """(mean, lower, upper): the mean of the finite values and its 95 % interval, whole patient groups resampled."""
    finite = np.isfinite(values)
    if not finite.any():
        return float("nan"), float("nan"), float("nan")
    names = sorted({group for group, usable in zip(groups, finite, strict=True) if usable})
    place = {name: index for index, name in enumerate(names)}
    sums, counts = np.zeros(len(names)), np.zeros(len(names))
    for value, group, usable in zip(values, groups, finite, strict=True):
        if usable:
            sums[place[group]] += value
            counts[place[group]] += 1
    drawn = np.random.default_rng(seed).integers(len(names), size=(draws, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    lower, upper = np.percentile(means, [2.5, 97.5])
    return float(values[finite].mean()), float(lower), float(upper)
