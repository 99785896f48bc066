# SPDX-License-Identifier: Apache-2.0
"""What the networks of the CT tasks learn: how truth is laid out, how an answer is judged. One table line each."""

from typing import Protocol

import numpy as np
import torch
from torch.nn import functional

from SpineLib.core.anatomy import BY_NAME, DISC, SACRUM, VERTEBRAE
from SpineLib.networks.ct_channels import (
    COORDINATES,
    FRACTURE_CLASSES,
    LEVELS,
    LOCALIZER_CHANNELS,
    OFFSET_UNIT_MM,
    PARTS,
    REGIONS,
    VERTEBRA_CHANNELS,
)
from SpineLib.training.scan.cases import UNKNOWN_LABEL
from SpineLib.training.scan.patches import Patch

ANY_PART = (1 << len(PARTS)) - 1
LOWEST = (BY_NAME["L5"].code, BY_NAME["L6"].code)
NOTHING, BODY, POSTERIOR, FRACTURED = range(len(FRACTURE_CLASSES))
SPLIT = (len(PARTS), 3, len(REGIONS))
BROKEN_WEIGHT, BROKEN_REACH = 24.0, 2
"""How much more than another a voxel of a broken process counts, and one so many voxels from it: an end that broke off
is a thousandth of a patch, but to whoever looks for the fracture it is all."""
VOTES_SPREAD_MM = 4.0
"""How far votes may lie from their center before a wrong owner costs more; neighbors in the neck lie 15 mm apart."""
_REGION_OF = np.zeros(256, np.int64)
for _vertebra in VERTEBRAE:
    _REGION_OF[_vertebra.code] = REGIONS.index(_vertebra.name[0])


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
    """The spine, and of each of its voxels the level."""

    channels = LOCALIZER_CHANNELS
    shows = 0

    def encode(self, patch: Patch, spacing_mm: float) -> tuple[torch.Tensor, ...]:
        """Levels as numbers from 1 in the order of `LEVELS`, 0 elsewhere, -1 where nobody knows."""
        table = np.zeros(256, np.int64)
        for number, name in enumerate(LEVELS, 1):
            table[BY_NAME[name].code] = number
        table[UNKNOWN_LABEL] = -1
        levels = table[patch.labels]
        lowest = np.isin(patch.labels, LOWEST).any(axis=(0, 1))
        if SACRUM.code in patch.unlabeled and lowest.any():
            # From the lowest lumbar vertebra on downward there is a sacrum that nobody labeled.
            below = levels[:, :, : int(np.flatnonzero(lowest).mean())]
            below[below == 0] = -1
        return (torch.from_numpy(levels),)

    def loss(self, answer: torch.Tensor, *truth: torch.Tensor) -> torch.Tensor:
        (levels,) = truth
        there, known = levels > 0, (levels >= 0).float()
        spine = there.float()
        weight = torch.tensor(10.0, device=answer.device)
        entropy = functional.binary_cross_entropy_with_logits(answer[:, 0], spine, known, pos_weight=weight)
        loss = 2 * entropy + _dice_loss(answer[:, 0].sigmoid() * known, spine)
        if not there.any():
            return loss
        logits, true = answer[:, 1:].movedim(1, -1)[there], levels[there] - 1
        # The distance along the spine tells a near miss from a far one, which the entropy does not.
        steps = (_places(logits) - _coordinates(logits)[true]).abs()
        return loss + 0.5 * functional.cross_entropy(logits, true) + 0.05 * steps.mean()

    def scores(self, answer: torch.Tensor, *truth: torch.Tensor) -> dict[str, float]:
        (levels,) = truth
        there = levels > 0
        scores = {"spine_dice": _dice(answer[:, 0] > 0, there), "level_right": float("nan")}
        if there.any():
            found = answer[:, 1:].movedim(1, -1)[there].argmax(1)
            scores["level_right"] = (found == levels[there] - 1).float().mean().item()
            within = _coordinates(answer)[found] - _coordinates(answer)[levels[there] - 1]
            scores["within_one_level"] = (within.abs() < 1.5).float().mean().item()
        return scores


def _coordinates(like: torch.Tensor) -> torch.Tensor:
    return torch.tensor([COORDINATES[level] for level in LEVELS], device=like.device)


def _places(logits: torch.Tensor) -> torch.Tensor:
    """Mean place along the spine, `(n,)`, of logits `(n, levels)`."""
    return logits.softmax(1) @ _coordinates(logits)


class Parts:
    """Body, posterior elements, disc, sacrum; of every voxel of a vertebra the way to its center and the region."""

    channels = VERTEBRA_CHANNELS
    shows = 0

    def encode(self, patch: Patch, spacing_mm: float) -> tuple[torch.Tensor, ...]:
        """Which parts a voxel may be, one bit each in the order of `PARTS`; the way to its vertebra's center; whether
        it is a vertebra's; the region; the way to the nearest center of another; how much it counts. Ways are nan where
        unknown."""
        others = {DISC.code: 1 << PARTS.index("disc"), SACRUM.code: 1 << PARTS.index("sacrum")}
        table = np.zeros(256, np.int64)
        table[0] = 1 + sum(others[code] for code in patch.unlabeled if code in others)
        table[list(others)] = list(others.values())
        table[UNKNOWN_LABEL] = ANY_PART
        parts = table[patch.labels]
        vertebra = parts == 0
        either = (1 << PARTS.index("body")) + (1 << PARTS.index("posterior"))
        parts[vertebra] = 1 << patch.parts[vertebra].astype(np.int64) if patch.parts_known else either
        ways = np.full((2, 3, *patch.labels.shape), np.nan, np.float32)
        # Without bodies the known centers are those of whole vertebrae, which lie farther back.
        for label in patch.centers if patch.parts_known else ():
            inside = np.nonzero(patch.labels == label)
            for own, way in zip(ways, _ways_from(np.stack(inside, 1), label, patch.centers), strict=True):
                own[(slice(None), *inside)] = way.T * (spacing_mm / OFFSET_UNIT_MM)
        regions = torch.from_numpy(_REGION_OF[patch.labels])
        own, other = torch.from_numpy(ways)
        weight = torch.from_numpy(1 + BROKEN_WEIGHT * _near_broken_process(patch))
        return torch.from_numpy(parts), own, torch.from_numpy(vertebra), regions, other, weight

    def loss(self, answer: torch.Tensor, *truth: torch.Tensor) -> torch.Tensor:
        parts, ways, vertebra, regions, others, weight = truth
        logits, offsets, looks = answer.split(SPLIT, 1)
        log_shares = functional.log_softmax(logits, 1)
        own = _log_share_of(log_shares, parts)
        # No class weighs more: bone that weighs more than what is around it is found wider than it is.
        entropy = -2 * (weight * own).mean()
        known = (parts & (parts - 1)) == 0
        shares = log_shares.exp() * known[:, None]
        losses = [_dice_loss(shares[:, part], (parts == 1 << part).float()) for part in range(1, len(PARTS))]
        entropy = entropy + sum(losses) / len(losses)
        if not vertebra.any():
            return entropy
        region = functional.cross_entropy(looks.movedim(1, -1)[vertebra], regions[vertebra])
        led = vertebra & ways.isfinite().all(1)
        if not led.any():
            return entropy + 0.2 * region
        votes, right, wrong = (each.movedim(1, -1)[led] for each in (offsets, ways, others))
        distance = functional.smooth_l1_loss(votes, right, beta=0.3, reduction="none").mean(1)
        misled = distance + _wrong_owner(votes, right, wrong)
        return entropy + 0.5 * (weight[led] * misled).mean() + 0.2 * region

    def scores(self, answer: torch.Tensor, *truth: torch.Tensor) -> dict[str, float]:
        parts, ways, vertebra, regions, others, weight = truth
        logits, offsets, looks = answer.split(SPLIT, 1)
        found = logits.argmax(1)
        scores = {f"{name}_dice": _dice(found == part, parts == 1 << part) for part, name in enumerate(PARTS) if part}
        led = vertebra & ways.isfinite().all(1) & others.isfinite().all(1)
        nearer = ((offsets - ways).norm(dim=1) < (offsets - others).norm(dim=1))[led].float()
        scores["owner_right"] = nearer.mean().item() if len(nearer) else float("nan")
        broken = vertebra & (weight > 1)
        seen = (found == 1) | (found == 2)
        scores["broken_seen"] = seen[broken].float().mean().item() if broken.any() else float("nan")
        right = (looks.argmax(1) == regions)[vertebra].float()
        scores["region_right"] = right.mean().item() if len(right) else float("nan")
        return scores


class Fractures:
    """Fractured bone, told apart from healthy bodies and posterior elements."""

    channels = len(FRACTURE_CLASSES)
    shows = 2

    def encode(self, patch: Patch, spacing_mm: float) -> tuple[torch.Tensor, ...]:
        """Which classes a voxel may be, one bit each in the order of `FRACTURE_CLASSES`."""
        body, posterior, fractured = (1 << place for place in (BODY, POSTERIOR, FRACTURED))
        table = np.ones(256, np.int64)
        table[[vertebra.code for vertebra in VERTEBRAE]] = body + posterior
        table[[SACRUM.code, UNKNOWN_LABEL]] = 1, (1 << len(FRACTURE_CLASSES)) - 1
        classes = table[patch.labels]
        vertebra = classes == body + posterior
        if patch.parts_known:
            classes[vertebra] = np.array([1, body, posterior])[patch.parts[vertebra]]
        classes[vertebra & (patch.fractured > 0)] = fractured
        return (torch.from_numpy(classes),)

    def loss(self, answer: torch.Tensor, *truth: torch.Tensor) -> torch.Tensor:
        (classes,) = truth
        log_shares = functional.log_softmax(answer, 1)
        shares, known = log_shares.exp(), (classes & (classes - 1)) == 0
        there = [(classes == 1 << place).float() for place in range(len(FRACTURE_CLASSES))]
        weight = 1.0 - 0.5 * there[NOTHING] + 2.0 * there[FRACTURED]
        entropy = -(weight * _log_share_of(log_shares, classes)).mean()
        healthy = [_dice_loss(shares[:, place] * known, there[place]) for place in (BODY, POSTERIOR)]
        # Each patch by itself: beside a body that burst, a broken process would weigh nothing.
        pairs = zip(shares[:, FRACTURED], there[FRACTURED], strict=True)
        broken = [_dice_loss(share, own) for share, own in pairs if own.any()]
        return 2 * entropy + sum(healthy) / 4 + (sum(broken) / len(broken) if broken else 0.0)

    def scores(self, answer: torch.Tensor, *truth: torch.Tensor) -> dict[str, float]:
        (classes,) = truth
        found, there = answer.argmax(1), classes == 1 << FRACTURED
        scores = {"body_dice": _dice(found == BODY, classes == 1 << BODY)}
        if not there.any():
            return {**scores, "healthy_kept": float(not (found == FRACTURED).any())}
        return {**scores, "fracture_dice": _dice(found == FRACTURED, there)}


def _near_broken_process(patch: Patch) -> np.ndarray:
    """float32 `(I, J, K)`: 1 where a broken process is near, else 0."""
    from scipy import ndimage

    broken = (patch.fractured > 0) & (patch.parts == PARTS.index("posterior"))
    if not broken.any():
        return np.zeros(broken.shape, np.float32)
    return ndimage.binary_dilation(broken, iterations=BROKEN_REACH).astype(np.float32)


def _ways_from(voxels: np.ndarray, label: int, centers: dict[int, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """From voxels `(n, 3)` of a vertebra to its center and to the nearest one of another, nan if there is none."""
    from scipy.spatial import cKDTree

    others = np.array([center for other, center in centers.items() if other != label])
    nearest = others[cKDTree(others).query(voxels)[1]] if len(others) else np.full(voxels.shape, np.nan)
    return centers[label] - voxels, nearest - voxels


def _wrong_owner(votes: torch.Tensor, right: torch.Tensor, wrong: torch.Tensor) -> torch.Tensor:
    """The costs `(n,)` of votes `(n, 3)` that are not clearly nearer to the right center than to the nearest wrong one.

    Voxels at a joint need not hit their center, but must not be given to the neighbor (after Neven et al., CVPR 2019;
    the form is ours).
    """
    spread = VOTES_SPREAD_MM / OFFSET_UNIT_MM
    away = (votes - wrong.nan_to_num()).square().sum(1)
    farther = ((votes - right).square().sum(1) - away) / (2 * spread**2)
    return functional.softplus(farther) * wrong.isfinite().all(1)


def _log_share_of(log_shares: torch.Tensor, possible: torch.Tensor) -> torch.Tensor:
    """Log of the share of whatever each voxel may be: `(B, classes, I, J, K)` and bits `(B, I, J, K)`."""
    places = torch.arange(log_shares.shape[1], device=possible.device).view(1, -1, 1, 1, 1)
    allowed = (possible[:, None] >> places) & 1 > 0
    return log_shares.masked_fill(~allowed, -torch.inf).logsumexp(1)


def _dice_loss(share: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Soft Dice, 0 where there is nothing and nothing is found."""
    return 1 - (2 * (share * truth).sum() + 10) / (share.sum() + truth.sum() + 10)


def _dice(found: torch.Tensor, there: torch.Tensor) -> float:
    total = int(found.sum()) + int(there.sum())
    return 2 * int((found & there).sum()) / total if there.any() else float("nan")


TARGETS: dict[str, Target] = {"levels": Levels(), "parts": Parts(), "fractures": Fractures()}
