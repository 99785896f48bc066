# SPDX-License-Identifier: Apache-2.0
"""Masks in the array order of their image: some data sets store the two with axes swapped or turned round."""

from itertools import product

import numpy as np

from SpineLib.core.volume import Volume

TOLERANCE_VOXELS = 0.25
"""How far a corner of the masks may lie from the image's: headers round, and average uneven slices. Our choice."""


def on_grid_of(image: Volume, masks: Volume) -> np.ndarray | None:
    """The voxels of `masks` `(I, J, K)` in the order of `image`; None when the two are not the same grid in space."""
    to_image = np.linalg.inv(image.affine) @ masks.affine
    turn = np.rint(to_image[:3, :3]).astype(int)
    if not ((np.abs(turn).sum(0) == 1).all() and (np.abs(turn).sum(1) == 1).all()):
        return None
    axes = np.abs(turn).argmax(axis=1)
    reverse = turn[range(3), axes] < 0
    ordered = masks.voxels.transpose(axes)
    if ordered.shape != image.voxels.shape:
        return None
    last = np.array(image.voxels.shape) - 1
    corners = np.array(list(product((0, 1), repeat=3))) * (np.array(masks.voxels.shape) - 1)
    wanted = corners @ turn.T + np.where(reverse, last, 0)
    found = corners @ to_image[:3, :3].T + to_image[:3, 3]
    if np.abs(found - wanted).max() > TOLERANCE_VOXELS:
        return None
    return ordered[tuple(slice(None, None, -1 if turned else 1) for turned in reverse)]
