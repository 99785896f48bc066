# SPDX-License-Identifier: Apache-2.0
"""The file of shapes: `.npz` with signed distances of upright vertebrae and what was measured on them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from SpineLib.io import safe_output
from SpineLib.io.npz import reading

FORMAT = 1
SACRUM, HIPS = "Sacrum", ("Hip left", "Hip right")
"""Levels of what is no vertebra."""
KEYS = ("format", "levels", "sources", "voxel_mm", "corners_mm", "sizes_mm", "splits_mm", "volumes_cm3")


@dataclass(frozen=True, eq=False)
class Shape:
    """An upright vertebra. Its own frame: the middle of the body at the origin, x left, y back, z up, in mm.

    `source`: name of the folder it came from. `corner_mm` (3,): center of the first voxel. `size_mm` (3,): width,
    depth and height of the body. `split_mm`: y of the front wall of the canal.

    Sacrum and hips: the middle of the upper endplate of S1 at the origin, that endplate level. The sacrum's `size_mm`
    are that endplate's width and depth, and 0; a hip's are the place of the middle of its socket.
    """

    level: str
    source: str
    voxel_mm: float
    corner_mm: np.ndarray
    size_mm: np.ndarray
    split_mm: float
    volume_cm3: float
    distances: np.ndarray = field(repr=False)
    """(I, J, K), signed distance to the surface in mm, negative inside; float16 in the file."""

    @property
    def far_corner_mm(self) -> np.ndarray:
        """Center of the last voxel."""
        return self.corner_mm + self.voxel_mm * (np.array(self.distances.shape) - 1)


def save_shapes(path: Path, shapes: Sequence[Shape]) -> None:
    """Write a file of shapes. Raises ResourceError when it cannot be written."""
    arrays = {f"distances_{number:04d}": shape.distances for number, shape in enumerate(shapes)}
    with safe_output(path) as temporary:
        np.savez_compressed(
            temporary,
            format=FORMAT,
            levels=np.array([shape.level for shape in shapes]),
            sources=np.array([shape.source for shape in shapes]),
            voxel_mm=np.array([shape.voxel_mm for shape in shapes]),
            corners_mm=np.array([shape.corner_mm for shape in shapes]),
            sizes_mm=np.array([shape.size_mm for shape in shapes]),
            splits_mm=np.array([shape.split_mm for shape in shapes]),
            volumes_cm3=np.array([shape.volume_cm3 for shape in shapes]),
            **arrays,
        )


def load_shapes(path: str | Path) -> tuple[Shape, ...]:
    """All shapes of a file, float32, kept for the next call. Raises InputError for a file that cannot be used."""
    path = Path(path)
    with reading(path, "file of shapes", "Make one: spine synth shapes."):
        return _load(path.absolute(), path.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _load(path: Path, _changed: int) -> tuple[Shape, ...]:
    with np.load(path, allow_pickle=False) as file:
        head = {name: file[name] for name in KEYS}
        if int(head["format"]) != FORMAT or len(head["levels"]) == 0:
            raise ValueError("another format")
        return tuple(
            Shape(
                str(level),
                str(head["sources"][number]),
                float(head["voxel_mm"][number]),
                head["corners_mm"][number],
                head["sizes_mm"][number],
                float(head["splits_mm"][number]),
                float(head["volumes_cm3"][number]),
                file[f"distances_{number:04d}"].astype(np.float32),
            )
            for number, level in enumerate(head["levels"])
        )
