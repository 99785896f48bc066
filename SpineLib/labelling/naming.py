# SPDX-License-Identifier: Apache-2.0
"""Which level each vertebra is: all readings of the row at once, by a dynamic programme along the spine.

A reading assigns consecutive levels of one kind of spine (the usual one, one with T13, with L6, with four lumbar
vertebrae) to the vertebrae from the head downward; where two lie too far apart, it may leave levels out between them.
Readings are weighed by what each vertebra looks like to the localizer, by how common that kind of spine is and by the
sacrum below. The localizer may be one level off for the whole field, so each reading is weighed for that, too, and in
a spine with a vertebra more or less it may count on as in a usual one; ribs, which another network sees, and the sacrum
tell, and so does the atlas, which has no body. Sums over all readings
(forward and backward) give every vertebra's probability of every level. Our own design; the frequencies of variants
are our choice, of the order of those in Carrino et al., Radiology 2011.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from SpineLib.core.anatomy import VERTEBRAE
from SpineLib.networks.ct_channels import LEVELS as LOCALIZED
from SpineLib.networks.ct_channels import REGIONS

LEVELS = tuple(level for level in LOCALIZED if level in {vertebra.name for vertebra in VERTEBRAE})
"""Those a vertebra may have."""
_USUAL = tuple(vertebra.name for vertebra in VERTEBRAE[:24])
KINDS: tuple[tuple[tuple[str, ...], float], ...] = (
    (_USUAL, 0.89),
    ((*_USUAL, "L6"), 0.05),
    (_USUAL[:-1], 0.03),
    ((*_USUAL[:19], "T13", *_USUAL[19:]), 0.03),
)
"""Levels of each kind of spine from the head downward, and how common it is."""
MOST_VERTEBRAE = max(len(levels) for levels, _ in KINDS)
TRUST = 0.7
"""The localizer errs alike about neighbors, so their evidence counts less than if each spoke for itself."""
OFF_BY_ONE, OFF_BY_ONE_AT_SACRUM = 0.1, 0.02
"""Probability that it takes all vertebrae of a field for those one level higher, and for those one level lower. However
many agree, they do not rule this out. Where it sees the sacrum, it can count from there."""
LEAST = 0.003
"""No level is ruled out by its looks alone."""
REGION_LEAST = 0.003
"""As above, of the region that a vertebra looks like from near."""
FIRST_COUNTED = _USUAL.index("T11")
COUNTED = 0.85
"""From this level on the localizer may count on as in a usual spine, from the head or from the sacrum, where the spine
is none. The level that it then tells speaks for the true one by this much of what the true one's own would."""
HALFWAY = 12.0
"""A vertebra with short ribs looks like something between chest and loin: to each in part. How much that counts."""
CHEST, LOIN = REGIONS.index("T"), REGIONS.index("L")
LEAST_BODY = 0.1
"""Of an atlas less than this share is taken for a body, of any other vertebra a quarter and more."""
BODY_MISSED = 0.03
"""Probability that no body is seen in another vertebra than the atlas, or one in the atlas."""
GAP = 1.55
"""From this many usual distances on a vertebra may be missing between two."""
GAP_SPREAD = 0.15
"""How wrong the number of usual distances in a gap may be, as a share of it: vertebrae grow downward, the row is bent.
"""
MOST_MISSED = 7
"""Into the longest gap of a row fit so many vertebrae of a neck."""
MISSED, UNEXPECTED = 0.02, 1e-4
"""Probability that a level is left out where the distance does not call for it, and that none is where it does."""
LEAST_TOLD = 0.001
"""A reading less probable than this is not told as the second best."""
OFF_THE_SACRUM = 1e-4
"""Probability that the vertebra next to the sacrum is not the lowest of its spine."""


@dataclass(frozen=True)
class Name:
    """A vertebra's level, how probable it is, and the second-best level, where there is one, with its probability."""

    level: str
    confidence: float
    second: str | None
    second_confidence: float = 0.0


@dataclass(frozen=True)
class Looks:
    """What a vertebra looks like: from afar, `(levels,)`, like each of `LEVELS`; from near, `(3,)`, like each of
    `REGIONS`. Both with sum 1, even where nothing was seen. body: which share of it is body; None where the scan cuts
    it."""

    levels: np.ndarray
    regions: np.ndarray
    body: float | None = None


def looks_of(shares: np.ndarray, regions: np.ndarray, body: float | None = None) -> Looks:
    """shares: `(n, levels)`, the localizer's probabilities at the vertebra's voxels; regions: `(m, 3)`, those by the
    vertebra network. Voxels are averaged, not multiplied: they all err alike. body: as in `Looks`.
    """
    afar, near = np.full(len(LEVELS), 1 / len(LEVELS)), np.full(len(REGIONS), 1 / len(REGIONS))
    if len(shares):
        afar = shares[:, [LOCALIZED.index(level) for level in LEVELS]].mean(axis=0, dtype=np.float64)
    if len(regions):
        near = regions.mean(axis=0, dtype=np.float64)
    return Looks(afar / max(afar.sum(), 1e-9), near, body)


def name_vertebrae(looks: Sequence[Looks], centers_mm: np.ndarray, on_sacrum: bool) -> list[Name]:
    """Names of vertebrae from the head downward.

    looks: of each. centers_mm: `(n, 3)`. on_sacrum: whether the last one lies on the sacrum. Raises ValueError for more
    vertebrae than any spine has.
    """
    if not looks:
        return []
    if len(looks) > MOST_VERTEBRAE:
        raise ValueError(f"{len(looks)} vertebrae in a row")
    skips = _skips(centers_mm)
    marginals = np.zeros((len(looks), len(LEVELS)))
    off = OFF_BY_ONE_AT_SACRUM if on_sacrum else OFF_BY_ONE
    weights, parts = [], []
    for (levels, prior), (shift, chance) in product(KINDS, ((0, 1 - 2 * off), (-1, off), (1, off))):
        evidence = _evidence(looks, levels, shift, on_sacrum)
        score, each = _forward_backward(evidence, skips)
        weights.append(np.log(prior * chance) + score)
        parts.append((levels, evidence, each))
    shares = np.exp(np.array(weights) - max(weights))
    shares /= shares.sum()
    for (levels, _, each), share in zip(parts, shares, strict=True):
        marginals[:, [LEVELS.index(level) for level in levels]] += share * each
    levels, evidence, _ = parts[int(shares.argmax())]
    best = _best_path(evidence, skips)
    return [_name(levels[place], row) for place, row in zip(best, marginals, strict=True)]


def _name(level: str, marginal: np.ndarray) -> Name:
    chosen = LEVELS.index(level)
    others = marginal.copy()
    others[chosen] = -1.0
    second = int(others.argmax())
    if others[second] <= LEAST_TOLD:
        return Name(level, float(marginal[chosen]), None)
    return Name(level, float(marginal[chosen]), LEVELS[second], float(others[second]))


def _evidence(looks: Sequence[Looks], levels: tuple[str, ...], shift: int, on_sacrum: bool) -> np.ndarray:
    """`(n, levels of this kind of spine)`: how much speaks for each level, where the localizer takes every vertebra for
    the one `shift` levels below it."""
    regions = [REGIONS.index(level[0]) for level in levels]
    afar = np.pad(_afar(looks, levels), ((0, 0), (1, 1)))[:, 1 + shift : 1 + shift + len(levels)]
    near = np.stack([each.regions[regions] for each in looks])
    if "T13" in levels:
        near[:, levels.index("T13")] = [HALFWAY * each.regions[CHEST] * each.regions[LOIN] for each in looks]
    evidence = (afar + LEAST) ** TRUST * (near + REGION_LEAST)
    is_atlas = np.array(levels) == "C1"
    for row, each in zip(evidence, looks, strict=True):
        if each.body is not None:
            row[is_atlas != (each.body < LEAST_BODY)] *= BODY_MISSED
    if on_sacrum:
        evidence[-1, :-1] *= OFF_THE_SACRUM
    return evidence


def _afar(looks: Sequence[Looks], levels: tuple[str, ...]) -> np.ndarray:
    """`(n, levels of this kind of spine)`: how much each vertebra looks like each level, or like the one that it would
    be in a usual spine when counted from the head or from the sacrum."""
    seen = np.stack([each.levels for each in looks])
    afar = seen[:, [LEVELS.index(level) for level in levels]]
    for place in range(FIRST_COUNTED, len(levels)):
        for usual in (place, place + len(_USUAL) - len(levels)):
            if usual < len(_USUAL):
                counted = COUNTED * seen[:, LEVELS.index(_USUAL[usual])]
                np.maximum(afar[:, place], counted, out=afar[:, place])
    return afar


def _skips(centers_mm: np.ndarray) -> np.ndarray:
    """`(n - 1, 1 + MOST_MISSED)`: probability of leaving out 0, 1, 2 ... levels between neighbors, by their distance;
    relative to the likeliest number."""
    distances = np.linalg.norm(np.diff(centers_mm, axis=0), axis=1)
    counts = np.arange(MOST_MISSED + 1)
    skips = np.zeros((len(distances), len(counts)))
    for number, distance in enumerate(distances):
        near = np.delete(distances, number)[max(0, number - 3) : number + 3]
        usual = float(np.median(near)) if len(near) else 30.0
        fitting = distance / max(usual, 1.0) - 1 if distance > GAP * usual else 0.0
        off = np.abs(counts - np.clip(fitting, 0, MOST_MISSED))
        likely = np.exp(-0.5 * (off / (GAP_SPREAD * (fitting + 1))) ** 2)
        skips[number] = np.maximum(likely / likely.max(), MISSED * 0.1 ** np.rint(off))
        skips[number, 0] = max(skips[number, 0], UNEXPECTED)
    return skips


def _step(skip: np.ndarray, size: int) -> np.ndarray:
    """`(size, size)`: probability of going from a level to a lower one."""
    return sum(np.diag(np.full(size - count - 1, each), count + 1) for count, each in enumerate(skip[: size - 1]))


def _forward_backward(looks: np.ndarray, skips: np.ndarray) -> tuple[float, np.ndarray]:
    """Logarithm of the sum over all readings, and each vertebra's `(n, levels)` share of readings."""
    count, size = looks.shape
    forward, backward = np.zeros_like(looks), np.ones_like(looks)
    forward[0] = looks[0] / size
    logarithm = 0.0
    for number in range(count):
        if number:
            forward[number] = (forward[number - 1] @ _step(skips[number - 1], size)) * looks[number]
        total = forward[number].sum()
        if total <= 0:
            return -np.inf, np.zeros_like(looks)
        forward[number] /= total
        logarithm += float(np.log(total))
    for number in range(count - 2, -1, -1):
        backward[number] = _step(skips[number], size) @ (looks[number + 1] * backward[number + 1])
        backward[number] /= max(backward[number].max(), 1e-300)
    both = forward * backward
    return logarithm, both / both.sum(axis=1, keepdims=True)


def _best_path(looks: np.ndarray, skips: np.ndarray) -> list[int]:
    """The single most probable reading (Viterbi)."""
    count, size = looks.shape
    with np.errstate(divide="ignore"):
        scores = np.log(looks)
        came = np.zeros((count, size), int)
        best = scores[0]
        for number in range(1, count):
            ways = best[:, None] + np.log(_step(skips[number - 1], size))
            came[number] = ways.argmax(axis=0)
            best = ways.max(axis=0) + scores[number]
    place = int(best.argmax())
    path = [place]
    for number in range(count - 1, 0, -1):
        place = int(came[number, place])
        path.append(place)
    return path[::-1]
