# SPDX-License-Identifier: Apache-2.0
"""Bone apart from the vertebra that it votes for: a broken process, or what votes for no vertebra or a wrong one.

Where a piece of it touches vertebrae, the part near them is theirs, whatever it votes for. A piece that touches none
belongs to the vertebra that most of it votes for, if it is bone at all. Limits are ours.
"""

import numpy as np

WHOLE_SHARE = 0.05
"""A piece apart from a vertebra's largest one is no loose bone from this share of the vertebra's voxels on."""
LEAST_WHOLE_MM3 = 700.0
"""A third of a small atlas; what votes for less is a chip at the scan's border, to which nothing belongs."""
REACH_MM, MOST_MM3 = 7.5, 2000.0
"""What touches a vertebra is its own so far, and so much of it: beyond, it may be a rib or a vertebra that the scan
cuts. To ask its votes first told vertebrae no better."""
LEAST_MM3 = 50.0
"""Of what touches none; the smallest ends of transverse processes are seen as so little."""
LEAST_CONFIDENCE = 0.7
"""Mean share of a loose piece. Of bone of ribs and others that is taken for a vertebra's, the network is less sure."""
LEAST_VOTES = 0.5
"""Share of a piece's voxels that vote for one vertebra."""
TOUCHING = 1.8
"""Voxels: more than the way between two that share a corner."""


def settled(
    where: np.ndarray, owner: np.ndarray, if_loose: np.ndarray, shares: np.ndarray, count: int, spacing_mm: float
) -> np.ndarray:
    """Which of `count` vertebrae each voxel belongs to, -1 for none.

    where: int `(n, 3)`, voxels; owner: `(n,)`, which vertebra each votes for, -1 for none; if_loose: the same, if the
    voxel is of a piece apart; shares: `(n,)`, how sure the network is that there is a vertebra.
    """
    from scipy.spatial import cKDTree

    found = np.full(len(where), -1)
    for number in range(count):
        own = np.flatnonzero(owner == number)
        own = own[_is_whole(where[own])]
        if len(own) * spacing_mm**3 >= LEAST_WHOLE_MM3:
            found[own] = number
    loose, whole = np.flatnonzero(found < 0), np.flatnonzero(found >= 0)
    if not len(loose) or not len(whole):
        return found
    if_loose = np.where(np.isin(if_loose, found[whole]), if_loose, -1)
    away, nearest = cKDTree(where[whole]).query(where[loose], distance_upper_bound=REACH_MM / spacing_mm)
    beside = np.append(found[whole], -1)[nearest]
    pieces = _pieces(where[loose])
    order = np.argsort(pieces, kind="stable")
    for here in np.split(order, np.flatnonzero(np.diff(pieces[order])) + 1):
        piece, size_mm3 = loose[here], len(here) * spacing_mm**3
        if shares[piece].mean() < LEAST_CONFIDENCE or size_mm3 > MOST_MM3:
            continue
        if away[here].min() < TOUCHING:
            found[piece] = beside[here]
        elif size_mm3 >= LEAST_MM3:
            votes = np.bincount(if_loose[piece] + 1, minlength=count + 1)[1:]
            found[piece] = votes.argmax() if votes.max() >= LEAST_VOTES * len(piece) else -1
    return found


def _is_whole(where: np.ndarray) -> np.ndarray:
    """Which voxels `(n, 3)` of a vertebra lie in a large piece of it."""
    pieces = _pieces(where)
    sizes = np.bincount(pieces)
    return (sizes == sizes.max(initial=0))[pieces] | (sizes >= WHOLE_SHARE * len(where))[pieces]


def _pieces(where: np.ndarray) -> np.ndarray:
    """The number of the connected piece that each of the voxels `(n, 3)` lies in, from 0."""
    from scipy import ndimage

    if not len(where):
        return np.zeros(0, int)
    low = where.min(axis=0)
    box = np.zeros(where.max(axis=0) - low + 1, bool)
    box[tuple((where - low).T)] = True
    pieces, _ = ndimage.label(box, np.ones((3, 3, 3)))
    return pieces[tuple((where - low).T)] - 1
