# SPDX-License-Identifier: Apache-2.0
"""How sure a mean or another statistic is."""

from collections.abc import Callable

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


def bootstrap(
    statistic: Callable[[np.ndarray], float], groups: list[str], seed: int = 0, draws: int = 1000
) -> tuple[float, float, float]:
    """(value, lower, upper): a statistic of the samples at given indices and its 95 % interval, whole patient groups
    resampled; draws in which it cannot be told, nan, are left out."""
    names = np.array(groups)
    members = [np.flatnonzero(names == name) for name in np.unique(names)]
    drawn = np.random.default_rng(seed).integers(len(members), size=(draws, len(members)))
    values = np.array([statistic(np.concatenate([members[number] for number in each])) for each in drawn])
    told = values[np.isfinite(values)]
    lower, upper = np.percentile(told, [2.5, 97.5]) if len(told) else (np.nan, np.nan)
    return float(statistic(np.arange(len(names)))), float(lower), float(upper)
