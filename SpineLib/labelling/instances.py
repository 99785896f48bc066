# SPDX-License-Identifier: Apache-2.0
"""Voxels that vote for their vertebra's center -> vertebrae, from the head downward.

Each voxel of a vertebra points to the center of the vertebra that it belongs to; where many point, there is one. So a
spinous process beside the next body, fused bodies and narrow discs need no gap to be told apart. The idea is Hough
voting as in Neven et al., "Instance segmentation by jointly optimizing spatial embeddings" (CVPR 2019); peaks and
limits are ours.
"""

from dataclasses import dataclass

import numpy as np

from SpineLib.labelling.loose_bone import settled

CENTERS_APART_MM = 9.0
"""Bodies of an adult's neck lie some 15 mm apart, of a small child's some 10 mm."""
HALF_APART = 0.36
"""Peaks nearer to each other than this, in edges of a cube as large as their vertebrae on average, are one vertebra,
larger than the network knows. Atlas and axis lie 0.44 and more apart, other neighbors 0.6."""
VOTE_REACH_MM = 14.0
"""Votes that miss every center by more belong to no vertebra."""
LOOSE_AXES = np.array([0.5, 0.5, 1.0])
"""By how much ways along i, j and k count where bone apart from its vertebra votes: what broke off was moved, and the
farther from the center, the shorter its votes are. Along k the next vertebra is near."""
SMOOTH_MM = 3.0
LEAST_SHARE = 0.15
"""A peak below this share of the median peak is no vertebra."""


@dataclass(frozen=True)
class Instance:
    """A vertebra before it has a name. center: index `(3,)`; where: int indices `(n, 3)`; numbers: `(n,)`, which of the
    voxels given these are; confidence: mean share."""

    center: np.ndarray
    where: np.ndarray
    numbers: np.ndarray
    confidence: float

    def joined(self, other: "Instance") -> "Instance":
        """Both as one vertebra."""
        sizes = len(self.where), len(other.where)
        center = np.average([self.center, other.center], axis=0, weights=sizes)
        confidence = float(np.average([self.confidence, other.confidence], weights=sizes))
        where = np.concatenate([self.where, other.where])
        return Instance(center, where, np.concatenate([self.numbers, other.numbers]), confidence)


def find_instances(
    where: np.ndarray, votes: np.ndarray, shares: np.ndarray, spacing_mm: float, shape: tuple[int, ...]
) -> list[Instance]:
    """Vertebrae from the head (largest k) downward.

    where: int `(n, 3)`, voxels of vertebrae; votes: `(n, 3)`, the center each points to, as indices; shares: `(n,)`,
    how sure the network is that there is a vertebra. shape: of the volume.
    """
    if not len(where):
        return []
    centers = _centers(votes, shares, spacing_mm, shape)
    if not len(centers):
        return []
    centers = _without_halves(centers, _owners(votes, centers, spacing_mm))
    owner = _owners(votes, centers, spacing_mm)
    if_loose = _owners(votes * LOOSE_AXES, centers * LOOSE_AXES, spacing_mm)
    owner = settled(where, owner, if_loose, shares, len(centers), spacing_mm)
    pieces = [np.flatnonzero(owner == number) for number in range(len(centers))]
    kept = [
        Instance(center, where[numbers], numbers, float(shares[numbers].mean()))
        for center, numbers in zip(centers, pieces, strict=True)
        if len(numbers)
    ]
    return sorted(kept, key=lambda instance: -instance.center[2])


def _centers(votes: np.ndarray, shares: np.ndarray, spacing_mm: float, shape: tuple[int, ...]) -> np.ndarray:
    """Peaks of the votes, `(m, 3)`; centers may lie outside the volume, where a vertebra is cut by its border."""
    from scipy import ndimage

    margin = int(np.ceil(VOTE_REACH_MM / spacing_mm))
    size = np.array(shape) + 2 * margin
    places = np.rint(votes).astype(int) + margin
    inside = ((places >= 0) & (places < size)).all(axis=1)
    low = places[inside].min(axis=0) if inside.any() else np.zeros(3, int)
    high = places[inside].max(axis=0) + 1 if inside.any() else np.ones(3, int)
    heat = np.zeros(high - low, np.float32)
    np.add.at(heat, tuple((places[inside] - low).T), shares[inside])
    heat = ndimage.gaussian_filter(heat, SMOOTH_MM / spacing_mm, truncate=3)
    reach = 2 * int(CENTERS_APART_MM / spacing_mm / 2) + 1
    peaks = np.argwhere((heat == ndimage.maximum_filter(heat, reach)) & (heat > 0))
    heights = heat[tuple(peaks.T)]
    if not len(peaks):
        return np.zeros((0, 3))
    strongest = heights >= LEAST_SHARE * np.median(np.sort(heights)[-24:])
    order = np.argsort(-heights[strongest])
    return _apart(peaks[strongest][order], CENTERS_APART_MM / spacing_mm) + low - margin


def _apart(points: np.ndarray, least: float) -> np.ndarray:
    """The first points, the strongest, and those that are far enough from all of them."""
    kept: list[np.ndarray] = []
    for point in points:
        if all(np.linalg.norm(point - other) >= least for other in kept):
            kept.append(point)
    return np.array(kept, float).reshape(-1, 3)


def _owners(votes: np.ndarray, centers: np.ndarray, spacing_mm: float) -> np.ndarray:
    """Number of the nearest center, -1 where all are too far."""
    from scipy.spatial import cKDTree

    distance, owner = cKDTree(centers).query(votes)
    return np.where(distance * spacing_mm <= VOTE_REACH_MM, owner, -1)


def _without_halves(centers: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Centers `(m, 3)`, in voxels, with one in the middle of each two that share a vertebra. owner: of each voxel."""
    sizes = np.bincount(owner[owner >= 0], minlength=len(centers)).astype(float)
    while len(centers) > 1:
        edges = np.cbrt((sizes[:, None] + sizes) / 2)
        near = np.linalg.norm(centers[:, None] - centers, axis=2) / np.maximum(edges, 1e-9)
        np.fill_diagonal(near, np.inf)
        first, second = np.unravel_index(near.argmin(), near.shape)
        if near[first, second] >= HALF_APART:
            break
        pair = [first, second]
        centers[first] = np.average(centers[pair], axis=0, weights=sizes[pair])
        sizes[first] = sizes[pair].sum()
        centers, sizes = np.delete(centers, second, 0), np.delete(sizes, second)
    return centers
