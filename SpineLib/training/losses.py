# SPDX-License-Identifier: Apache-2.0
"""Losses of binary segmentation, one number a film so that doubtful labels can weigh less."""

from collections.abc import Callable

import torch
from torch.nn import functional


def bce(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy (S1). `(B, 1, H, W)` each -> `(B,)`."""
    return functional.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(dim=(1, 2, 3))


def dice_bce(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Soft Dice + binary cross-entropy. Films without spine are judged by cross-entropy alone. -> `(B,)`."""
    probability = logits.sigmoid()
    overlap = (probability * target).sum(dim=(1, 2, 3))
    total = probability.sum(dim=(1, 2, 3)) + target.sum(dim=(1, 2, 3))
    has_spine = (target.amax(dim=(1, 2, 3)) > 0).float()
    return bce(logits, target) + has_spine * (1 - (2 * overlap + 1) / (total + 1))


LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {"bce": bce, "dice_bce": dice_bce}
