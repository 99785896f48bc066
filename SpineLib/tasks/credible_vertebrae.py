# SPDX-License-Identifier: Apache-2.0
"""Which of the vertebrae that the fine network sees are believed."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from SpineLib.inference.scan_grid import ScanGrid
    from SpineLib.inference.scan_networks import VertebraVoxels
    from SpineLib.labelling.instances import Instance
    from SpineLib.labelling.naming import Name
    from SpineLib.tasks.scan_image import ScanImage
    from SpineLib.tasks.scan_vertebrae import CoarseSpine

LEAST_CONFIDENCE = 0.6
LEAST_ALONE, LEAST_ALONE_MM3 = 0.75, 4000.0
"""Of the only vertebra of a scan, for which no neighbor speaks: a fifth of one of the chest."""
UNSEEN_WEIGHT = 0.15
"""Of a vertebra that only the fine network sees, beside 1 and more for those the localizer sees as well."""
LEAST_SEEN, WELL_SEEN = 0.05, 0.5
"""Share of a vertebra that the localizer, too, takes for spine. A row in which none has the least is no spine; what has
more and yet lies off the row is told."""
LEAST_BODY_SHARE = 0.2
"""Bone without a body that lies off the row is a piece of one in it and is not told."""
BETWEEN = np.linspace(0.2, 0.8, 25)
"""Places on the way from one center to another; its ends are the two vertebrae themselves."""
FRAGMENT_SHARE = 0.35
"""An atlas has half the bone of an axis; a vertebra far smaller than its neighbors is a piece of one of them."""
LEAST_MM3 = {"C": 1600.0, "T": 4000.0, "L": 9000.0}
"""A fifth of an adult's vertebra of the neck, chest and loin. A smaller one is none, unless the border cuts it."""
CHILD_RATIO, CHILD_SHARE = 2.0, 0.4
"""Where none has twice that least, the row is a child's, whose vertebrae need this share of it."""
HALF_GAP, GAPS_BESIDE = 0.6, 3
"""Two at the end of a row that the scan's end cuts both are one vertebra where they lie nearer than this share of the
usual way between the next ones, of which so many are looked at."""
SACRUM_NEAR_MM = 55.0
"""From the center of the lowest vertebra to the nearest point of the sacrum, at most, where the two touch."""
LEAST_SACRUM_MM3 = 4000.0
SACRAL_SHARE = 0.55
"""The lowest lumbar vertebra is hardly smaller than the one above. A smaller one on the sacrum is a part of it."""


def credible_vertebrae(
    voxels: "VertebraVoxels", grid: "ScanGrid", coarse: "CoarseSpine", is_cut: "Callable[[Instance], bool]"
) -> "tuple[list[Instance], list[Instance]]":
    """One row of vertebrae from the head downward, and whole ones that look like vertebrae but lie off it.

    is_cut: whether the scan ends at a vertebra.
    """
    from SpineLib.labelling.instances import find_instances

    found = find_instances(voxels.where, voxels.votes, voxels.shares, grid.spacing_mm, grid.shape)
    sure = [instance for instance in found if instance.confidence >= LEAST_CONFIDENCE]
    whole = without_sacral(without_fragments(sure, is_cut), voxels, grid)
    row = with_whole_ends(most_credible(in_one_row(whole, grid, coarse)), is_cut)
    on_sacrum = bool(row) and is_on_sacrum(center_mm(row[-1], grid), voxels, grid)
    bodies = [each for each in whole if _body_share(each, voxels) >= LEAST_BODY_SHARE]
    others = [each for each in off_the_row(bodies, row, grid, coarse, on_sacrum) if not is_cut(each)]
    return without_first_sacral(row, on_sacrum), others


def off_the_row(
    instances: "list[Instance]", row: "list[Instance]", grid: "ScanGrid", coarse: "CoarseSpine", on_sacrum: bool
) -> "list[Instance]":
    """Those beside the row that both networks take for vertebrae; what lies below one on the sacrum is sacral."""
    lowest = row[-1].center[2] if on_sacrum else -np.inf
    return [
        instance
        for instance in instances
        if not any(instance is each for each in row)
        and instance.confidence >= LEAST_ALONE
        and instance.center[2] > lowest
        and _seen_share(instance, grid, coarse) >= WELL_SEEN
    ]


def _body_share(instance: "Instance", voxels: "VertebraVoxels") -> float:
    from SpineLib.networks.ct_channels import PARTS

    return float((voxels.parts[tuple(instance.where.T)] == PARTS.index("body")).mean())


def is_doubtful_loner(row: "list[Instance]", spacing_mm: float) -> bool:
    """Whether the row is one vertebra that the network is not sure of, or small as a chip of other bone."""
    if len(row) != 1:
        return False
    return row[0].confidence < LEAST_ALONE or len(row[0].where) * spacing_mm**3 < LEAST_ALONE_MM3


def without_dwarfs(
    instances: "list[Instance]", names: "list[Name]", is_cut: "Callable[[Instance], bool]", spacing_mm: float
) -> "tuple[list[Instance], list[Name]]":
    """Without those that are far too small for what they are named, beside the others of the row. is_cut: as in
    `without_fragments`."""
    pairs = list(zip(instances, names, strict=True))
    least = [LEAST_MM3[name.level[0]] for _, name in pairs]
    sizes = [len(instance.where) * spacing_mm**3 for instance, _ in pairs]
    is_child = all(size < CHILD_RATIO * small for size, small in zip(sizes, least, strict=True))
    share = CHILD_SHARE if is_child else 1.0
    kept = [
        pair for pair, size, small in zip(pairs, sizes, least, strict=True) if size >= share * small or is_cut(pair[0])
    ]
    return [instance for instance, _ in kept], [name for _, name in kept]


def without_sacral(instances: "list[Instance]", voxels: "VertebraVoxels", grid: "ScanGrid") -> "list[Instance]":
    """Without small ones below the sacrum's middle: pieces of it, also where the scan ends there."""
    sacrum = _sacrum_mm(voxels, grid)
    if not len(sacrum):
        return instances
    middle, usual = sacrum[:, 2].mean(), np.median([len(each.where) for each in instances])
    return [each for each in instances if center_mm(each, grid)[2] > middle or len(each.where) >= SACRAL_SHARE * usual]


def with_whole_ends(row: "list[Instance]", is_cut: "Callable[[Instance], bool]") -> "list[Instance]":
    """With one vertebra in place of two halves of it at an end of the row: the scan's end hides its center, so votes
    for it may fall apart. is_cut: as in `without_fragments`."""
    for _ in range(2):
        row = _with_whole_start(row, is_cut)[::-1]
    return row


def _with_whole_start(row: "list[Instance]", is_cut: "Callable[[Instance], bool]") -> "list[Instance]":
    if len(row) < 3:
        return row
    ways = np.linalg.norm(np.diff([each.center for each in row], axis=0), axis=1)
    if ways[0] >= HALF_GAP * np.median(ways[1 : 1 + GAPS_BESIDE]) or not (is_cut(row[0]) and is_cut(row[1])):
        return row
    return [row[0].joined(row[1]), *row[2:]]


def without_first_sacral(row: "list[Instance]", on_sacrum: bool) -> "list[Instance]":
    """Without a piece of the first sacral vertebra at the row's end. Where the scan ends there does not matter: with so
    much of the sacrum in it, it does not end in a lumbar vertebra."""
    if len(row) < 2 or not on_sacrum:
        return row
    return row[:-1] if len(row[-1].where) < SACRAL_SHARE * len(row[-2].where) else row


def center_mm(instance: "Instance", grid: "ScanGrid") -> np.ndarray:
    return grid.points(instance.center[None])[0]


def in_one_row(instances: "list[Instance]", grid: "ScanGrid", coarse: "CoarseSpine") -> "list[Instance]":
    """Those that make up one spine; what the localizer saw, too, weighs more."""
    from SpineLib.labelling.chain import weightiest_row

    if not instances:
        return []
    centers = grid.points(np.array([instance.center for instance in instances]))
    # A large vertebra speaks for itself no more than a middling one: the row is about their number.
    most = float(np.median([len(instance.where) for instance in instances]))
    seen = [_seen_share(instance, grid, coarse) for instance in instances]
    weights = [
        min(len(instance.where), most) * instance.confidence * (UNSEEN_WEIGHT + share)
        for instance, share in zip(instances, seen, strict=True)
    ]
    row = weightiest_row(centers, weights, spine_between(centers, coarse))
    return [instances[number] for number in row] if max(seen[number] for number in row) >= LEAST_SEEN else []


def _seen_share(instance: "Instance", grid: "ScanGrid", coarse: "CoarseSpine") -> float:
    """Share of a vertebra's voxels that the localizer takes for spine."""
    return float(coarse.spine[coarse_places(instance, grid, coarse)].mean())


def coarse_places(instance: "Instance", grid: "ScanGrid", coarse: "CoarseSpine") -> tuple[np.ndarray, ...]:
    """Indices of the coarse grid for a sample of a vertebra's voxels."""
    return _places(grid.points(instance.where[::4]), coarse)


def _places(points_mm: np.ndarray, coarse: "CoarseSpine") -> tuple[np.ndarray, ...]:
    places = np.rint(coarse.grid.indices(points_mm)).astype(int)
    return tuple(np.clip(places, 0, np.array(coarse.grid.shape) - 1).T)


def spine_between(centers_mm: np.ndarray, coarse: "CoarseSpine") -> np.ndarray:
    """`(n, n)`: how much of the straight way between two centers `(n, 3)` the localizer takes for spine, but not for
    sacrum: below that, no vertebra follows."""
    from SpineLib.networks.ct_channels import LEVELS

    count = len(centers_mm)
    upper, lower = centers_mm[:, None, None], centers_mm[None, :, None]
    points = upper + BETWEEN[:, None] * (lower - upper)
    # The localizer gives voxels without spine the number -1, which is that of the last share.
    shares = np.append(1.0 - coarse.levels.shares[:, LEVELS.index("Sacrum")].astype(float), 0.0)
    numbers = coarse.levels.numbers[_places(points.reshape(-1, 3), coarse)]
    return shares[numbers].reshape(count, count, -1).mean(axis=2)


def without_fragments(instances: "list[Instance]", is_cut: "Callable[[Instance], bool]") -> "list[Instance]":
    """Without those much smaller than their neighbors that the scan's end does not cut.

    is_cut: whether it does.
    """
    sizes = np.array([len(instance.where) for instance in instances], float)
    kept = []
    for number, instance in enumerate(instances):
        near = np.delete(sizes, number)[max(0, number - 2) : number + 2]
        if not len(near) or sizes[number] >= FRAGMENT_SHARE * np.median(near) or is_cut(instance):
            kept.append(instance)
    return kept


def cut_by_end(scan: "ScanImage", grid: "ScanGrid", within_mm: float) -> "Callable[[Instance], bool]":
    """Tells whether a vertebra of the grid comes within `within_mm` of where the scan ends, turned or padded or not."""
    from SpineLib.measurement.scan_end import gaps_mm

    def is_cut(instance: "Instance") -> bool:
        places = (grid.points(instance.where) - scan.affine[:3, 3]) @ np.linalg.inv(scan.affine[:3, :3]).T
        return bool(gaps_mm(places, scan.shape, scan.affine, within_mm, scan.padding).min() < within_mm)

    return is_cut


def most_credible(instances: "list[Instance]") -> "list[Instance]":
    """No more than a spine has, in the same order: the surest ones."""
    from SpineLib.labelling.naming import MOST_VERTEBRAE

    surest = sorted(instances, key=lambda instance: -instance.confidence)[:MOST_VERTEBRAE]
    return [instance for instance in instances if any(instance is each for each in surest)]


def is_on_sacrum(lowest_mm: np.ndarray, voxels: "VertebraVoxels", grid: "ScanGrid") -> bool:
    """Whether the sacrum begins where the next vertebra would."""
    points = _sacrum_mm(voxels, grid)
    return bool(
        len(points)
        and np.linalg.norm(points - lowest_mm, axis=1).min() <= SACRUM_NEAR_MM
        and lowest_mm[2] > points[:, 2].min()
    )


def _sacrum_mm(voxels: "VertebraVoxels", grid: "ScanGrid") -> np.ndarray:
    """Some points of the sacrum, RAS mm `(n, 3)`; none where there is too little of it."""
    from SpineLib.networks.ct_channels import PARTS

    sacrum = np.argwhere(voxels.parts == PARTS.index("sacrum"))
    if len(sacrum) * grid.spacing_mm**3 < LEAST_SACRUM_MM3:
        return np.zeros((0, 3))
    return grid.points(sacrum[:: max(1, len(sacrum) // 5000)])
