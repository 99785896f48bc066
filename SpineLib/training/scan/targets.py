# SPDX-License-Identifier: Apache-2.0
"""What the networks of the CT tasks learn: how truth is laid out, how an answer is judged. One table line each."""

from typing import Protocol

import numpy as np
import torch
from torch.nn import functional

from SpineLib.core.anatomy import BY_NAME, DISC, SACRUM
from SpineLib.networks.ct_channels import (
    COORDINATE_MIDDLE,
    COORDINATE_UNIT,
    COORDINATES,
    LOCALIZER_CHANNELS,
    OFFSET_UNIT_MM,
    PARTS,
)
from SpineLib.training.scan.patches import Patch

UNKNOWN_PART = 255


class Target(Protocol):
    """channels: of the network's answer. shows: plane of a scan's truth that patches are drawn around."""

    channels: int
    shows: int

    def encode(self, patch: Patch, spacing_mm: float) -> tuple[torch.Tensor, ...]:
        """The truth of a patch as tensors without batch axis."""
        ...

    def loss(self, answer: torch.Tensor, *truth: torch.Tensor) -> torch.Tensor:
        """One number for answers `(B, channels, I, J, K)`."""
        ...

    def scores(self, answer: torch.Tensor, *truth: torch.Tensor) -> dict[str, float]:
        """Named scores of one answer, the more the better; nan where there is nothing to judge."""
        ...


class Levels:
    """The spine and each of its voxels' place along it, with how sure that is (a Laplace distribution's spread)."""

    channels = LOCALIZER_CHANNELS
    shows = 0

    def encode(self, patch: Patch, spacing_mm: float) -> tuple[torch.Tensor, ...]:
        table = np.zeros(256, np.float32)
        for name, coordinate in COORDINATES.items():
            table[BY_NAME[name].code] = coordinate
        return (torch.from_numpy(table[patch.labels]),)

    def loss(self, answer: torch.Tensor, *truth: torch.Tensor) -> torch.Tensor:
        (places,) = truth
        there = places > 0
        spine = there.float()
        weight = torch.tensor(10.0, device=answer.device)
        entropy = functional.binary_cross_entropy_with_logits(answer[:, 0], spine, pos_weight=weight)
        loss = 2 * entropy + _dice_loss(answer[:, 0].sigmoid(), spine)
        if not there.any():
            return loss
        steps = (answer[:, 1] * COORDINATE_UNIT + COORDINATE_MIDDLE - places)[there].abs()
        spread = answer[:, 2][there].clamp(-3, 3)
        # Were the spread to weigh the steps, as a likelihood has it, sure places would drown all else.
        return loss + 0.05 * steps.mean() + 0.03 * (steps.detach() * torch.exp(-spread) + spread).mean()

    def scores(self, answer: torch.Tensor, *truth: torch.Tensor) -> dict[str, float]:
        (places,) = truth
        there = places > 0
        steps = (answer[:, 1] * COORDINATE_UNIT + COORDINATE_MIDDLE - places)[there].abs()
        near = (steps < 0.5).float().mean().item() if there.any() else float("nan")
        return {"spine_dice": _dice(answer[:, 0] > 0, there), "within_half_a_level": near}


class Parts:
    """Body, posterior elements, disc, sacrum, and from every voxel of a vertebra the way to its center."""

    channels = len(PARTS) + 3
    shows = 0

    def encode(self, patch: Patch, spacing_mm: float) -> tuple[torch.Tensor, ...]:
        parts = np.zeros(patch.labels.shape, np.int64)
        vertebra = (patch.labels > 0) & (patch.labels != DISC.code) & (patch.labels != SACRUM.code)
        parts[vertebra] = patch.parts[vertebra] if patch.parts_known else UNKNOWN_PART
        parts[patch.labels == DISC.code] = PARTS.index("disc")
        parts[patch.labels == SACRUM.code] = PARTS.index("sacrum")
        ways = np.zeros((3, *patch.labels.shape), np.float32)
        for label, center in patch.centers.items():
            inside = np.nonzero(patch.labels == label)
            for axis in range(3):
                ways[axis][inside] = (center[axis] - inside[axis]) * (spacing_mm / OFFSET_UNIT_MM)
        return torch.from_numpy(parts), torch.from_numpy(ways), torch.from_numpy(vertebra)

    def loss(self, answer: torch.Tensor, *truth: torch.Tensor) -> torch.Tensor:
        parts, ways, vertebra = truth
        logits, offsets = answer[:, : len(PARTS)], answer[:, len(PARTS) :]
        known = parts != UNKNOWN_PART
        log_shares = functional.log_softmax(logits, 1)
        either = torch.logaddexp(log_shares[:, 1], log_shares[:, 2])
        own = log_shares.gather(1, torch.where(known, parts, 0)[:, None])[:, 0]
        weight = torch.where(parts > 0, 2.0, 0.5)
        entropy = -(weight * torch.where(known, own, either)).mean()
        shares = log_shares.exp()
        losses = [_dice_loss(shares[:, part] * known, ((parts == part) & known).float()) for part in range(1, 5)]
        entropy = entropy + sum(losses) / len(losses)
        if not vertebra.any():
            return entropy
        distance = functional.smooth_l1_loss(offsets, ways, reduction="none", beta=0.3).mean(1)
        return entropy + 0.5 * distance[vertebra].mean()

    def scores(self, answer: torch.Tensor, *truth: torch.Tensor) -> dict[str, float]:
        parts, ways, vertebra = truth
        found = answer[:, : len(PARTS)].argmax(1)
        scores = {f"{name}_dice": _dice(found == part, parts == part) for part, name in enumerate(PARTS) if part}
        wrong = (answer[:, len(PARTS) :] - ways).norm(dim=1)[vertebra] * OFFSET_UNIT_MM
        scores["offset_within_6_mm"] = (wrong < 6).float().mean().item() if len(wrong) else float("nan")
        return scores


class Fractures:
    """Fractured bone."""

    channels = 1
    shows = 2

    def encode(self, patch: Patch, spacing_mm: float) -> tuple[torch.Tensor, ...]:
        return (torch.from_numpy(patch.fractured.astype(np.float32))[None],)

    def loss(self, answer: torch.Tensor, *truth: torch.Tensor) -> torch.Tensor:
        (fractured,) = truth
        weight = torch.tensor(10.0, device=answer.device)
        entropy = functional.binary_cross_entropy_with_logits(answer, fractured, pos_weight=weight)
        return 2 * entropy + (_dice_loss(answer.sigmoid(), fractured) if fractured.any() else 0.0)

    def scores(self, answer: torch.Tensor, *truth: torch.Tensor) -> dict[str, float]:
        (fractured,) = truth
        found, there = answer > 0, fractured > 0
        if not there.any():
            return {"healthy_kept": float(not found.any())}
        return {"fracture_dice": _dice(found, there)}


def _dice_loss(share: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Soft Dice, 0 where there is nothing and nothing is found."""
    return 1 - (2 * (share * truth).sum() + 10) / (share.sum() + truth.sum() + 10)


def _dice(found: torch.Tensor, there: torch.Tensor) -> float:
    total = int(found.sum()) + int(there.sum())
    return 2 * int((found & there).sum()) / total if there.any() else float("nan")


TARGETS: dict[str, Target] = {"levels": Levels(), "parts": Parts(), "fractures": Fractures()}
