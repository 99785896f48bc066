# SPDX-License-Identifier: Apache-2.0
"""The whole person: bones, soft body, what is worn; and the line integrals of all that through a camera."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from SpineLib.synthesis import metal
from SpineLib.synthesis.body import SoftBody
from SpineLib.synthesis.bowel import gas_map
from SpineLib.synthesis.build_body import Build, build_body, sample_build
from SpineLib.synthesis.curve import CurveOptions, Pose, build_poses, sample_curve
from SpineLib.synthesis.head_and_arms import arms, head, shoulder_blades
from SpineLib.synthesis.lungs import vessel_trees
from SpineLib.synthesis.pelvis import foramina, hips, sacrum
from SpineLib.synthesis.projection import Camera, Placed, add_points, add_solid, enlarge, integrate_field
from SpineLib.synthesis.solids import MUSCLE
from SpineLib.synthesis.thorax import Strand, build_cage, clavicles, ribs, strand_points
from SpineLib.synthesis.vertebra import vertebra_parts

FINE_MM, BROAD_MM, SOFT_MM = 0.33, 1.0, 2.0
"""Size of the pixels on which vertebrae, broad bones and the soft body are sampled; films may be finer or coarser."""

POINTS_AT_ONCE = 500_000


@dataclass(frozen=True)
class Phantom:
    """A person in the world frame of `curve`: fine and broad solids, strands, soft body."""

    poses: list[Pose]
    build: Build
    fine: list[Placed]
    broad: list[Placed]
    strands: list[Strand]
    body: SoftBody


def build_phantom(
    rng: np.random.Generator, curve: CurveOptions | None = None, implants: bool | None = None, arms_shown: bool = True
) -> Phantom:
    """A person by the generator's draws; `curve` and `implants` may be given."""
    build = sample_build(rng)
    poses = build_poses(curve or sample_curve(rng, build.scale), rng)
    cage = build_cage(poses, build.girth * build.scale, build.girth * build.scale)
    body = build_body(poses, cage, build, rng)
    density = float(rng.uniform(0.7, 1.3))
    hip_solids, hip_strands = hips(build.scale, rng.normal(1.0, 0.04))
    skull, jaw, soft_head = head(poses, build.scale)
    body.flesh.extend(soft_head)
    strands = ribs(poses, cage, rng) + clavicles(poses, cage, rng) + vessel_trees(body.chest, rng)
    strands += (
        hip_strands
        + foramina(build.scale)
        + jaw
        + shoulder_blades(poses, cage, build.scale, rng)
        + metal.belongings(body.chest, rng)
    )
    if arms_shown:
        heads, bones, soft_arms = arms(poses, cage, build.scale, rng)
        strands += bones
        hip_solids += heads
        body.flesh.extend(soft_arms)
    if implants if implants is not None else rng.random() < 0.06:
        strands += metal.rods_and_screws(poses, rng)
    slope = np.rad2deg(np.arctan2(-poses[0].rotation[1, 2], poses[0].rotation[2, 2])) + 10
    return Phantom(
        poses,
        build,
        [part for pose in poses for part in vertebra_parts(pose, density)],
        [_soft_edged(part) for part in sacrum(float(slope), build.scale) + hip_solids + skull],
        strands,
        body,
    )


def _soft_edged(placed: Placed) -> Placed:
    """For sampling at `BROAD_MM`."""
    return replace(placed, solid=replace(placed.solid, edge=3.0))


def line_integrals(phantom: Phantom, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Attenuation summed along each ray, `(rows, columns)`."""
    half = camera.shape[0] * camera.spacing_mm / 2
    depth = phantom.body.depth((camera.center[1] - half, camera.center[1] + half))
    total = integrate_field(camera, phantom.body.attenuation, depth, SOFT_MM, 3.0)
    broad, factor = _grid(camera, BROAD_MM)
    coarse = -MUSCLE * _bowel(phantom, broad, rng)
    for part in phantom.broad:
        add_solid(coarse, broad, part, 2.0)
    total += enlarge(coarse, camera.shape, factor)
    fine, factor = _grid(camera, FINE_MM)
    bone = np.zeros(fine.shape, np.float32)
    for part in phantom.fine:
        add_solid(bone, fine, part)
    bone += ndimage.gaussian_filter(_cast(phantom.strands, fine), 0.3 / fine.spacing_mm)
    bone *= _grain(fine, rng)
    return np.maximum(total + (bone if fine is camera else enlarge(bone, camera.shape, factor)), 0)


def _grid(camera: Camera, pixel_mm: float) -> tuple[Camera, float]:
    factor = pixel_mm / camera.spacing_mm
    return (camera.coarser(factor), factor) if factor > 1.15 else (camera, 1.0)


def _cast(strands: list[Strand], camera: Camera) -> np.ndarray:
    """The line integrals of all strands. Points are cast many at a time, yet few enough to fit small memories."""
    cloud = np.zeros(camera.shape, np.float32)
    batch: list[tuple[np.ndarray, np.ndarray]] = []
    stride = int(np.clip(camera.spacing_mm / 0.5, 1, 4))
    for strand in strands:
        batch.append(strand_points(strand, stride if len(strand.path) > 20 * stride else 1))
        if sum(len(mass) for _, mass in batch) > POINTS_AT_ONCE:
            add_points(cloud, camera, *(np.concatenate(parts) for parts in zip(*batch, strict=True)))
            batch = []
    if batch:
        add_points(cloud, camera, *(np.concatenate(parts) for parts in zip(*batch, strict=True)))
    return cloud


def _bowel(phantom: Phantom, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    scale = phantom.build.scale
    waist = float(phantom.body.outline.half_width(80 * scale))
    top = next(pose.center[2] for pose in phantom.poses if pose.level == "L2")
    return gas_map(camera, waist, top, scale, rng)


def _grain(camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """The unevenness of spongy bone, as a factor around 1."""
    noise = ndimage.gaussian_filter(rng.standard_normal(camera.shape, np.float32), 0.5 / camera.spacing_mm)
    return 1 + np.float32(0.06) * noise / max(float(noise.std()), 1e-6)
