# SPDX-License-Identifier: Apache-2.0
"""What fills a scan's array where nothing was scanned: around a round field, in the corners of a tilted or resampled
scan, in slices added to it. Vertebrae end there as they do at the faces of the array. The rule is our own.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import ndimage

BLOCKS = ((1, 5, 5), (5, 1, 5), (5, 5, 1))
"""Voxels of flat blocks that are one single value in padding, of which a single slice may be added to a scan. Noise
leaves no such block alike by chance, not even smooth noise around the value of the padding."""
AIR_HU = (-1100.0, -850.0)
"""Padding with such a value looks like air, which files with clipped values show as one value, too."""
TISSUE_HU = -500.0
"""Air passes into tissue over the width of the scanner's blur, so that what lies next to pure air is mostly darker than
this. Padding ends in the midst of tissue."""


@dataclass(frozen=True)
class Padding:
    """The values that pad a scan. voxels: (I, J, K) of the scan; a value times `scale` plus `shift` is in Hounsfield
    units."""

    voxels: np.ndarray
    values: tuple[float, ...]
    scale: float = 1.0
    shift: float = 0.0

    def within(self, window: tuple[slice, ...]) -> np.ndarray:
        """Bool of a window of the scan: what was not scanned. Nothing else is looked at, so that memory stays small."""
        part = self.voxels[window]
        filled = np.zeros(part.shape, bool)
        for value in self.values:
            alike = part == value
            if not alike.any():
                continue
            found = _flat_blocks(alike)
            if found.any() and not self._is_air(part, value, ndimage.binary_dilation(found) & ~alike):
                filled |= found
        return filled

    def _is_air(self, part: np.ndarray, value: float, rim: np.ndarray) -> bool:
        """rim: bool of `part`, the voxels next to those of `value`."""
        low, high = AIR_HU
        if not low <= value * self.scale + self.shift <= high:
            return False
        return not rim.any() or float(np.median(part[rim])) * self.scale + self.shift < TISSUE_HU


def find_padding(voxels: np.ndarray, scale: float = 1.0, shift: float = 0.0) -> Padding | None:
    """The padding of a scan (I, J, K); None where there is none. A value times `scale` plus `shift` is in HU.

    What is scanned is convex, and a convex shape that holds all eight corners of a box fills it: where an array is
    padded, at least one of its corners is. Air that is all of one value at the corners counts here, too;
    `Padding.within` tells it apart.
    """
    seen_from = (voxels[::i, ::j, ::k] for i, j, k in product((1, -1), repeat=3))
    values = {value for corner in seen_from if (value := _first_value(corner)) is not None}
    return Padding(voxels, tuple(sorted(values)), scale, shift) if values else None


def _flat_blocks(alike: np.ndarray) -> np.ndarray:
    """What of `alike` (bool) is part of a flat block."""
    whole = [ndimage.maximum_filter(ndimage.minimum_filter(alike, size), size) for size in BLOCKS]
    return np.any(whole, axis=0)


def _first_value(voxels: np.ndarray) -> float | None:
    """The only value of a flat block in the first corner; None where values differ."""
    for i, j, k in BLOCKS:
        block = voxels[:i, :j, :k]
        if (block == block[0, 0, 0]).all():
            return float(block[0, 0, 0])
    return None
