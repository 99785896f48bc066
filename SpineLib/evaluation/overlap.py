# SPDX-License-Identifier: Apache-2.0
"""Overlap of two masks of the same shape. Both empty: 1; one empty: 0."""

import numpy as np


def dice(found: np.ndarray, truth: np.ndarray) -> float:
    """2 |A and B| / (|A| + |B|)."""
    total = int(np.count_nonzero(found)) + int(np.count_nonzero(truth))
    return 2 * int(np.count_nonzero(np.logical_and(found, truth))) / total if total else 1.0


def iou(found: np.ndarray, truth: np.ndarray) -> float:
    """|A and B| / |A or B|; equals dice / (2 - dice)."""
    union = int(np.count_nonzero(np.logical_or(found, truth)))
    return int(np.count_nonzero(np.logical_and(found, truth))) / union if union else 1.0


def pixel_accuracy(found: np.ndarray, truth: np.ndarray) -> float:
    """Share of pixels with the right class. Background dominates it: never report it without Dice."""
    return float(np.mean((found != 0) == (truth != 0)))
