# SPDX-License-Identifier: Apache-2.0
"""Curved tubes on the canvas: ribs, rims of the hips, shoulder blades; rods and screws."""

import numpy as np
from scipy import ndimage

from SpineLib.core.anatomy import DISC
from SpineLib.synthesis.ct.grid import Canvas, Grain
from SpineLib.synthesis.thorax import Strand

STEP_MM = 3.0
"""Distance of the path's points at which a tube's sections are drawn."""
JOINT_MM = 1.5
"""Between ribs and vertebrae, hip bones and sacrum."""
FAR = np.float32(1e3)


def paint_bone_strands(canvas: Canvas, strands: list[Strand], values: dict[str, float], grain: Grain) -> None:
    """Hollow tubes of cortical bone around spongy bone; the spine, painted already, stays as it is, and so do its
    joints."""
    scratch = np.full(canvas.values.size, FAR)
    steps = max(1, round(JOINT_MM / canvas.edge_mm))
    labeled = canvas.labels > 0
    taken = labeled | ndimage.binary_dilation(labeled & (canvas.labels != DISC.code), iterations=steps)
    flat_values, flat_taken = canvas.values.reshape(-1), taken.reshape(-1)
    for strand in strands:
        place, distance = _sections(canvas, strand, scratch)
        outside = ~flat_taken[place]
        place, distance = place[outside], distance[outside]
        whole, spongy = canvas.share(distance), canvas.share(distance + np.float32(max(strand.wall, 0.8)))
        uneven = grain.tile.reshape(-1)[place % grain.tile.size]
        core = np.float32(0.8 * values["trabecular"]) * (1 + np.float32(0.2) * uneven)
        here = flat_values[place]
        # Points may come twice; they are all read before any is written, so that does no harm.
        flat_values[place] = here + (values["cortical"] - here) * whole + (core - values["cortical"]) * spongy


def paint_metal(canvas: Canvas, strands: list[Strand], value: float) -> None:
    """Massive tubes over everything else; labels keep the bone that a screw runs in."""
    scratch = np.full(canvas.values.size, FAR)
    flat_values = canvas.values.reshape(-1)
    for strand in strands:
        place, distance = _sections(canvas, strand, scratch)
        here = flat_values[place]
        flat_values[place] = here + (np.float32(value) - here) * canvas.share(distance)


def _sections(canvas: Canvas, strand: Strand, scratch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices of the voxels a strand touches and their signed distances (mm) to its surface.

    `scratch` holds `FAR` for every voxel, before and after.
    """
    grid = canvas.grid
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(strand.path, axis=0), axis=1))])
    count = max(int(lengths[-1] / STEP_MM) + 1, 3)
    at = np.linspace(0, lengths[-1], count)
    path = np.stack([np.interp(at, lengths, strand.path[:, axis]) for axis in range(3)], axis=1)
    tangent = np.gradient(path, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1), 1e-6)[:, None]
    side = np.cross(tangent, [0.0, 0.0, 1.0])
    side /= np.maximum(np.linalg.norm(side, axis=1), 1e-6)[:, None]
    above = np.cross(side, tangent)
    reach = max(strand.outward, strand.upward) + canvas.edge_mm
    found = grid.indices(path)
    margin = reach / grid.spacing_mm
    near = ((found > -margin) & (found < np.array(grid.shape) + margin)).all(axis=1)
    if not near.any():
        return np.zeros(0, np.intp), np.zeros(0, np.float32)
    found, tangent, side, above = found[near], tangent[near], side[near], above[near]
    offsets = np.indices([2 * int(np.ceil(size)) + 1 for size in margin]).reshape(3, -1).T - np.ceil(margin).astype(int)
    offsets = offsets[np.linalg.norm(offsets * grid.spacing_mm, axis=1) <= reach + grid.spacing_mm.max()]
    voxels = np.round(found).astype(np.int32)[:, None] + offsets.astype(np.int32)
    frames = np.stack([side, above, tangent], axis=1) @ grid.to_world[:3, :3]
    base = np.einsum("nab,nb->na", frames, np.round(found) - found).astype(np.float32)
    own = base[:, None] + np.swapaxes(frames @ offsets.T, 1, 2).astype(np.float32)
    radius = np.hypot(own[..., 0] / np.float32(strand.outward), own[..., 1] / np.float32(strand.upward))
    distance = (radius - 1) * np.float32(min(strand.outward, strand.upward))
    keep = (np.abs(own[..., 2]) < 0.8 * STEP_MM) & (distance < canvas.edge_mm)
    keep &= ((voxels >= 0) & (voxels < np.array(grid.shape))).all(axis=-1)
    place = np.ravel_multi_index(tuple(voxels[keep].T), grid.shape)
    np.minimum.at(scratch, place, distance[keep])
    nearest = scratch[place]
    scratch[place] = FAR
    return place, nearest
