# SPDX-License-Identifier: Apache-2.0
"""`spine synth shapes`: folders of meshes turned into one file of shapes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from SpineLib.core.errors import InputError
from SpineLib.core.progress import Progress, silent
from SpineLib.synthesis.shapes.filling import fill, signed_distance
from SpineLib.synthesis.shapes.pelvic import make_hips, make_sacrum
from SpineLib.synthesis.shapes.reading import BOTH_HIPS, find_meshes, surface_points, to_patient
from SpineLib.synthesis.shapes.sacral import Endplate
from SpineLib.synthesis.shapes.store import HIPS, SACRUM, Shape, save_shapes
from SpineLib.synthesis.shapes.upright import SIZES_BY_LEVEL, UnclearShapeError, measure, upright

COARSE_MM, FINE_MM = 1.0, 0.6
VOLUMES_CM3 = {"C": (5.0, 40.0), "T": (9.0, 80.0), "L": (25.0, 130.0)}
"""What whole vertebrae may measure; beyond it a mesh has leaked, has the wrong unit or is only a part."""
SIZE_SHARES = (0.55, 1.7)
"""What a body may measure as a share of the average adult's."""
Warnings = list[str]


def make_shapes(
    folders: Sequence[str | Path], path: str | Path, axes: Sequence[str] = (), progress: Progress = silent
) -> tuple[list[Shape], Warnings]:
    """Write the shapes of all folders' meshes to `path`; return them and a sentence for each mesh left out.

    `axes`: per folder, where the meshes' x, y, z point, such as LPS; one for all or none (LPS) will do. Raises
    InputError when there is no usable mesh, ResourceError for a missing package or an unwritable file.
    """
    if Path(path).suffix != ".npz":
        raise InputError(f"{path} is no name for a file of shapes.", "End it in .npz.")
    axes = list(axes) or ["LPS"]
    axes = axes * len(folders) if len(axes) == 1 else axes
    if len(axes) != len(folders):
        raise InputError(f"{len(axes)} axes do not fit {len(folders)} folders.", "Name them once for each folder.")
    for each in axes:
        to_patient(each)
    found = [(find_meshes(Path(folder)), letters) for folder, letters in zip(folders, axes, strict=True)]
    count, number = sum(len(meshes) for meshes, _ in found), 0
    shapes, warnings = [], []
    for meshes, letters in found:
        endplate: Endplate | None = None
        # Hips are placed by their sacrum, which therefore comes first.
        for level, mesh in sorted(meshes.items(), key=lambda item: item[0] != SACRUM):
            progress(number / count, f"{level} of {mesh.parent.name}")
            number += 1
            try:
                made, endplate = _make(surface_points(mesh, letters), level, mesh.resolve().parent.name, endplate)
                shapes += made
            except (UnclearShapeError, InputError) as problem:
                warnings.append(f"{mesh} is left out: {problem}")
    if not shapes:
        raise InputError("None of the meshes can be used.", " ".join(warnings))
    save_shapes(Path(path), shapes)
    progress(1.0, f"{len(shapes)} shapes in {path}")
    return shapes, warnings


def _make(
    points: np.ndarray, level: str, source: str, endplate: Endplate | None
) -> tuple[list[Shape], Endplate | None]:
    """The shapes of a mesh, and the endplate of the folder's sacrum as far as it is known."""
    if level == SACRUM:
        shape, endplate = make_sacrum(points, source)
        return [shape], endplate
    if level not in (*HIPS, BOTH_HIPS):
        return [make_shape(points, level, source)], endplate
    if endplate is None:
        raise UnclearShapeError("there is no sacrum that shows its place")
    return make_hips(points, HIPS if level == BOTH_HIPS else (level,), endplate, source), endplate


def make_shape(points: np.ndarray, level: str, source: str) -> Shape:
    """The shape within surface `points` (n, 3), mm, in the patient's axes. Raises UnclearShapeError."""
    points = points - points.mean(axis=0)
    turn = upright(_voxel_centers(*fill(points, COARSE_MM), COARSE_MM), level)
    points = points @ turn.T
    solid, first = fill(points, FINE_MM)
    measures = measure(_voxel_centers(solid, first, FINE_MM), level)
    distances = signed_distance(solid, FINE_MM)
    volume = float((distances <= 0).sum() * FINE_MM**3 / 1000)
    _check(level, volume, measures.size)
    corner = first - measures.origin
    return Shape(level, source, FINE_MM, corner, measures.size, measures.split, volume, distances)


def _check(level: str, volume_cm3: float, size_mm: np.ndarray) -> None:
    low, high = VOLUMES_CM3[level[0]]
    if not low <= volume_cm3 <= high:
        raise UnclearShapeError(f"its volume is {volume_cm3:.0f} cm3")
    if level == "C1":
        return
    size = SIZES_BY_LEVEL[level]
    usual = np.array([size.upper_width + size.lower_width, size.upper_depth + size.lower_depth, 2 * size.height]) / 2
    share = size_mm / usual
    if share.min() < SIZE_SHARES[0] or share.max() > SIZE_SHARES[1]:
        raise UnclearShapeError(f"its body measures {' x '.join(f'{each:.0f}' for each in size_mm)} mm")


def _voxel_centers(solid: np.ndarray, first: np.ndarray, voxel_mm: float) -> np.ndarray:
    return np.argwhere(solid) * voxel_mm + first
