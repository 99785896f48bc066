# SPDX-License-Identifier: Apache-2.0
"""Meshes of single vertebrae, found in a folder by the level in their names, as points on their surfaces."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from SpineLib.core.anatomy import BY_NAME
from SpineLib.core.errors import InputError, ResourceError
from SpineLib.synthesis.shapes.store import HIPS, SACRUM

SUFFIXES = (".stl", ".obj", ".ply", ".off")
POINTS_PER_MM2 = 30.0
"""So dense that hardly a voxel that the surface cuts is left without a point."""
BOTH_HIPS = "Hips"
"""One mesh of both hip bones, without the sacrum."""
OTHERS = (
    ("(S1?|SACRUM)", SACRUM),
    ("(LEFT_HIP|HIP_LEFT)", HIPS[0]),
    ("(RIGHT_HIP|HIP_RIGHT)", HIPS[1]),
    ("(PELVIS|HIPS)", BOTH_HIPS),
)
DIRECTIONS = {"L": (0, 1.0), "R": (0, -1.0), "P": (1, 1.0), "A": (1, -1.0), "S": (2, 1.0), "I": (2, -1.0)}


def level_of(path: Path) -> str | None:
    """The level that a file's name begins with: L3 for `L3.stl` and `l3_whole.obj`; of a pelvis `BOTH_HIPS`."""
    name = path.stem.upper()
    found = re.match(r"([CTL]\d+)(?![A-Z0-9])", name)
    if found:
        return found[1] if found[1] in BY_NAME else None
    return next((level for pattern, level in OTHERS if re.match(pattern + "(?![A-Z0-9])", name)), None)


def to_patient(axes: str) -> np.ndarray:
    """(3, 3), from a mesh's axes to the patient's (left, back, up); `axes` names where x, y, z point, such as LPS."""
    letters = axes.upper()
    if len(letters) != 3 or sorted(DIRECTIONS[each][0] for each in letters if each in DIRECTIONS) != [0, 1, 2]:
        raise InputError(f'The axes "{axes}" are unknown.', "Say where x, y and z point, such as LPS or RAS.")
    turn = np.zeros((3, 3))
    for column, letter in enumerate(letters):
        row, sign = DIRECTIONS[letter]
        turn[row, column] = sign
    if np.linalg.det(turn) < 0:
        raise InputError(f'The axes "{axes}" are left-handed.', "Name right-handed ones, such as LPS or RAS.")
    return turn


def find_meshes(folder: Path) -> dict[str, Path]:
    """Files by level; of several of one level (parts of a vertebra beside the whole one) the largest mesh."""
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}.", "Give a folder with a mesh per vertebra.")
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        level = level_of(path)
        if level is not None and path.suffix.lower() in SUFFIXES:
            found.setdefault(level, []).append(path)
    if not found:
        raise InputError(f"{folder} holds no mesh of a vertebra.", f"Name them C1 to L6, as {', '.join(SUFFIXES)}.")
    return {level: max(paths, key=_reach) if len(paths) > 1 else paths[0] for level, paths in found.items()}


def surface_points(path: Path, axes: str) -> np.ndarray:
    """Points (n, 3) in mm spread over a mesh's surface, x to the left, y to the back, z upward."""
    mesh = _load(path)
    # No vertebra is smaller than a millimeter: such numbers are meters.
    mesh.apply_scale(1000.0 if float(np.ptp(mesh.bounds, axis=0).max()) < 1.0 else 1.0)
    count = int(np.clip(mesh.area * POINTS_PER_MM2, 10_000, 4_000_000))
    points = np.asarray(_trimesh().sample.sample_surface(mesh, count, seed=0)[0])
    return points @ to_patient(axes).T


def _reach(path: Path) -> float:
    """Volume of the box around a mesh."""
    return float(np.prod(np.ptp(_load(path).bounds, axis=0)))


def _load(path: Path) -> Any:
    try:
        mesh = _trimesh().load(path, force="mesh")
    except ResourceError:
        raise
    except Exception as error:  # the readers of the many formats raise whatever they meet
        raise InputError(f"{path} cannot be read as a mesh: {error}.", "Leave it out or mend it.") from error
    if len(mesh.faces) < 4 or not np.isfinite(mesh.vertices).all():
        raise InputError(f"{path} holds no surface.", "Leave it out or mend it.")
    return mesh


def _trimesh() -> Any:
    try:
        import trimesh
    except ImportError as error:
        raise ResourceError(
            "Reading meshes needs the Python package trimesh.", 'Install it: pip install "SpineLib[research]".'
        ) from error
    return trimesh
