# SPDX-License-Identifier: Apache-2.0
"""A voxel grid in the phantom's world, and the volumes that are painted on it.

The world is that of `curve`: x to the left, y to the back, z upward, mm; that is DICOM's LPS. Voxel centers lie at
whole indices; nothing here adds or takes half a voxel.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from SpineLib.core.volume import RAS_TO_LPS

Window = tuple[slice, slice, slice]
SLAB_PLANES = 8


@dataclass(frozen=True)
class Grid:
    """`shape` (I, J, K) and `to_world`, 4x4: index (i, j, k, 1) -> world mm."""

    shape: tuple[int, int, int]
    to_world: np.ndarray

    @classmethod
    def around(
        cls, center: np.ndarray, shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], turn: np.ndarray
    ) -> "Grid":
        """A grid whose middle lies at `center` (world mm), its axes the columns of the rotation `turn`."""
        to_world = np.eye(4)
        to_world[:3, :3] = turn * np.array(spacing_mm)
        to_world[:3, 3] = center - to_world[:3, :3] @ ((np.array(shape) - 1) / 2)
        return cls(shape, to_world)

    @property
    def affine(self) -> np.ndarray:
        """4x4, index -> RAS mm."""
        return RAS_TO_LPS @ self.to_world

    @property
    def spacing_mm(self) -> np.ndarray:
        return np.linalg.norm(self.to_world[:3, :3], axis=0)

    def indices(self, points: np.ndarray) -> np.ndarray:
        """Indices `(n, 3)`, fractional, of world points `(n, 3)`."""
        inverse = np.linalg.inv(self.to_world)
        return points @ inverse[:3, :3].T + inverse[:3, 3]

    def sliced(self, parts: int) -> "Grid":
        """Each slice along k divided into `parts` (odd) thinner ones; the middle one keeps the slice's center."""
        to_world = self.to_world.copy()
        to_world[:3, 2] /= parts
        to_world[:3, 3] -= to_world[:3, 2] * (parts - 1) / 2
        return Grid((self.shape[0], self.shape[1], self.shape[2] * parts), to_world)

    def every(self, steps: tuple[int, int, int]) -> "Grid":
        """Every so many voxels along each axis, from the first to beyond the last."""
        to_world = self.to_world.copy()
        to_world[:3, :3] *= np.array(steps)
        shape = [-(-(size - 1) // step) + 1 for size, step in zip(self.shape, steps, strict=True)]
        return Grid((shape[0], shape[1], shape[2]), to_world)

    def window(self, points: np.ndarray, margin_mm: float = 0.0) -> Window | None:
        """The smallest box of voxels that holds world points `(n, 3)`; None where it misses the grid."""
        found, margin = self.indices(points), margin_mm / self.spacing_mm
        low = np.clip(np.floor(found.min(axis=0) - margin).astype(int), 0, self.shape)
        high = np.clip(np.ceil(found.max(axis=0) + margin).astype(int) + 1, 0, self.shape)
        if (high <= low).any():
            return None
        return (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))

    def coordinates(
        self, window: Window, rotation: np.ndarray | None = None, center: np.ndarray | None = None
    ) -> list[np.ndarray]:
        """x, y, z of a window's voxels, float32, in the world or in a frame placed there by `rotation` and `center`."""
        turn = np.eye(3) if rotation is None else rotation
        matrix = turn.T @ self.to_world[:3, :3]
        start = turn.T @ (self.to_world[:3, 3] - (0 if center is None else center))
        i, j, k = np.ogrid[window]
        return [
            ((matrix[row, 0] * i + start[row]).astype(np.float32) + (matrix[row, 1] * j).astype(np.float32))
            + (matrix[row, 2] * k).astype(np.float32)
            for row in range(3)
        ]


@dataclass
class Canvas:
    """The volumes of one case, all of the grid's shape, painted from the outside inward."""

    grid: Grid
    values: np.ndarray
    """float32, HU."""
    labels: np.ndarray = field(init=False)
    """uint8, codes of `core.anatomy`."""
    parts: np.ndarray = field(init=False)
    """uint8: 1 vertebral body, 2 posterior elements."""
    fractured: np.ndarray = field(init=False)
    """uint8: 1 where a fracture is."""

    def __post_init__(self) -> None:
        self.labels, self.parts, self.fractured = (np.zeros(self.grid.shape, np.uint8) for _ in range(3))

    @property
    def edge_mm(self) -> float:
        """Over how many mm a surface fades: a voxel that it cuts is filled in part."""
        return float(np.cbrt(np.prod(self.grid.spacing_mm)))

    def share(self, distance: np.ndarray) -> np.ndarray:
        """Share of a voxel that is filled, at a signed distance (mm, negative inside)."""
        filled = distance * np.float32(-1 / self.edge_mm)
        filled += np.float32(0.5)
        return np.clip(filled, 0, 1, out=filled)

    def blend(self, window: Window, share: np.ndarray, value: np.ndarray | float) -> None:
        """Replace what is there by `value` to the given share."""
        here = self.values[window]
        here += share * (value - here)


def slabs(window: Window) -> Iterator[Window]:
    """The window in slabs of a few planes, which a processor keeps at hand while it goes over them again and again."""
    for start in range(window[0].start, window[0].stop, SLAB_PLANES):
        yield slice(start, min(start + SLAB_PLANES, window[0].stop)), window[1], window[2]


def within(window: Window, whole: Window) -> Window:
    """A part of a window as a window of that window's own array."""
    i, j, k = (
        slice(own.start - all_of.start, own.stop - all_of.start) for own, all_of in zip(window, whole, strict=True)
    )
    return i, j, k


def enlarged(coarse: np.ndarray, steps: tuple[int, int, int], window: Window) -> np.ndarray:
    """Values of a `Grid.every` volume on a window of the full grid, by linear interpolation."""
    result = coarse
    # Along the first axis last: there, whole planes are copied.
    places = [np.arange(part.start, part.stop) / step for step, part in zip(steps, window, strict=True)]
    lows = [np.clip(place.astype(int), 0, max(size - 2, 0)) for place, size in zip(places, coarse.shape, strict=True)]
    result = coarse[lows[0][0] : lows[0][-1] + 2]
    for axis, first in ((2, 0), (1, 0), (0, lows[0][0])):
        low = lows[axis] - first
        weight = (
            (places[axis] - lows[axis]).astype(np.float32).reshape([-1 if each == axis else 1 for each in range(3)])
        )
        below = result.take(low, axis=axis)
        step = result.take(np.minimum(low + 1, result.shape[axis] - 1), axis=axis)
        step -= below
        step *= weight
        below += step
        result = below
    return result


class Grain:
    """Random numbers of unit spread on a tile that is repeated over the grid: texture at little cost."""

    SIZE = 48

    def __init__(self, rng: np.random.Generator, smooth: float) -> None:
        from scipy import ndimage

        tile = rng.standard_normal((self.SIZE,) * 3, np.float32)
        tile = ndimage.gaussian_filter(tile, smooth, mode="wrap")
        self.tile = tile / tile.std()

    def on(self, window: Window) -> np.ndarray:
        """The texture on a window's voxels."""
        repeated = self.tile
        # In an order in which little is copied element by element.
        for axis in (0, 2, 1):
            repeated = repeated.take(np.arange(window[axis].start, window[axis].stop) % self.SIZE, axis=axis)
        return repeated
