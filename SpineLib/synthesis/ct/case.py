# SPDX-License-Identifier: Apache-2.0
"""One made-up CT with its answer: person, grid, painting, scanner, truth."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from SpineLib.synthesis.ct.bones import paint_solids, paint_spine
from SpineLib.synthesis.ct.grid import Canvas, Grain, Grid
from SpineLib.synthesis.ct.options import CtOptions, thin_slices
from SpineLib.synthesis.ct.person import Person, sample_person
from SpineLib.synthesis.ct.scanner import outside_round, sample_scanner, scan, scan_randomized
from SpineLib.synthesis.ct.soft import paint_soft_tissue
from SpineLib.synthesis.ct.strands import paint_bone_strands, paint_metal
from SpineLib.synthesis.ct.tissues import hounsfield_units, random_intensities
from SpineLib.synthesis.ct.truth import describe_person

RANDOMIZED_SHARE = 0.2
USUAL_VOXELS = 24_000_000
"""Most voxels of a case whose size the seed draws."""


@dataclass(frozen=True)
class SyntheticCT:
    """A case; arrays `(I, J, K)` of one shape.

    voxels: int16, HU, or other intensities where `truth["randomized"]`. labels: uint8, codes of `core.anatomy`
    (vertebrae, sacrum 26, discs 102). parts: uint8, 1 body, 2 posterior elements. fractured: uint8, 1 where a
    fracture is: the whole body where it lost height, else bone near the break, which may be one of a process.
    affine: 4x4, index -> RAS mm. truth: what is written as JSON.
    """

    voxels: np.ndarray
    labels: np.ndarray
    parts: np.ndarray
    fractured: np.ndarray
    affine: np.ndarray
    truth: dict[str, Any]


def make_case(seed: int, options: CtOptions | None = None) -> SyntheticCT:
    """The case of a seed; the same seed and options give the same case, bit by bit.

    Raises InputError for options that cannot be used.
    """
    options = options or CtOptions()
    options.validate()
    # What real shapes and curves draw leaves all other numbers as they are.
    person_rng, view_rng, paint_rng, scan_rng, real_rng = np.random.default_rng(seed).spawn(5)
    person, level = sample_person(person_rng, options, options.level, real_rng)
    grid = sample_grid(person, level, options, view_rng)
    thin = thin_slices(float(grid.spacing_mm[2]))
    is_random = options.randomized if options.randomized is not None else bool(view_rng.random() < RANDOMIZED_SHARE)
    canvas, metal = paint(person, grid.sliced(thin), is_random, paint_rng)
    if is_random:
        voxels = scan_randomized(canvas.values, thin, grid.spacing_mm, scan_rng)
    else:
        scanner = sample_scanner(scan_rng, options.noise_hu)
        voxels = scan(canvas.values, thin, grid.spacing_mm, scanner, metal, scan_rng)
    labels, parts, fractured = (
        np.ascontiguousarray(volume[:, :, thin // 2 :: thin])
        for volume in (canvas.labels, canvas.parts, canvas.fractured)
    )
    cut: set[int] = set()
    if not is_random and scanner.has_round_field:
        outside = outside_round(labels.shape)
        cut = {int(code) for code in np.unique(labels[outside])}
        for volume in (labels, parts, fractured):
            volume[outside] = 0
    truth = {"seed": seed, "randomized": is_random, **describe_person(person, labels, grid.spacing_mm, cut)}
    return SyntheticCT(voxels, labels, parts, fractured, grid.affine, truth)


def sample_grid(person: Person, level: str, options: CtOptions, rng: np.random.Generator) -> Grid:
    """Where the scan lies: near the level's body, the whole trunk wide or a part of it, upright or tilted."""
    in_plane, slice_mm = float(rng.uniform(0.7, 1.6)), float(rng.choice([0.8, 1.0, 1.5, 2.0, 3.0, 5.0]))
    spacing_mm = options.spacing_mm or (in_plane, in_plane, slice_mm)
    wide, tall = float(rng.uniform(130, 400)), float(rng.uniform(120, 420))
    extent = np.array([wide, wide * rng.uniform(0.85, 1.0), tall])
    jitter = np.array([rng.normal(0, 10), rng.uniform(-0.28, -0.08), rng.uniform(-0.3, 0.3)])
    tilt = float(rng.uniform(2, 25)) if rng.random() < 0.35 else 0.0
    axis = rng.normal(size=3)
    tilt = tilt if options.tilt_deg is None else options.tilt_deg
    turn = Rotation.from_rotvec(np.deg2rad(tilt) * axis / np.linalg.norm(axis)).as_matrix()
    shape = options.shape or _fitting(extent, np.array(spacing_mm))
    reach = np.array(shape) * np.array(spacing_mm)
    body = next(pose.center for pose in person.poses if pose.level == level)
    # A wide field shows the belly in front of the spine, a narrow one is centered on it.
    shift = np.array([jitter[0], jitter[1] * max(reach[1] - 90, 0), jitter[2] * max(reach[2] - 80, 0)])
    return Grid.around(body + shift, shape, spacing_mm, turn)


def paint(person: Person, grid: Grid, is_random: bool, rng: np.random.Generator) -> tuple[Canvas, np.ndarray | None]:
    """The person on the grid, and where metal is (None where none is)."""
    units_rng, soft_rng, spine_rng, bone_rng = rng.spawn(4)
    values = random_intensities(units_rng) if is_random else hounsfield_units(units_rng, person.osteoporotic)
    canvas = Canvas(grid, np.full(grid.shape, np.float32(values["air"])))
    paint_soft_tissue(canvas, person, values, soft_rng)
    grain = Grain(bone_rng, 0.8)
    paint_solids(canvas, person.solids, values, grain)
    paint_spine(canvas, person, values, spine_rng)
    paint_bone_strands(canvas, person.strands, values, grain)
    if not person.metal:
        return canvas, None
    before = canvas.values.copy()
    paint_metal(canvas, person.metal, values["metal"])
    return canvas, canvas.values - before > 300


def _fitting(extent_mm: np.ndarray, spacing_mm: np.ndarray) -> tuple[int, int, int]:
    """Voxels for an extent, fewer along every axis where they would be too many."""
    size = np.maximum(extent_mm / spacing_mm, 16)
    size *= min(1.0, (USUAL_VOXELS / np.prod(size)) ** (1 / 3))
    return int(size[0]), int(size[1]), int(size[2])
