# SPDX-License-Identifier: Apache-2.0
"""One made-up film with its answer: body, projection, exposure, and the column's mask as training films are labeled."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SpineLib.core.errors import InputError
from SpineLib.synthesis.body import build_body
from SpineLib.synthesis.curve import Pose, build_poses, sample_curve
from SpineLib.synthesis.morphometry import LABELED
from SpineLib.synthesis.projection import Camera, add_points, add_solid, enlarge, integrate_field
from SpineLib.synthesis.thorax import build_cage, clavicles, ribs, strand_points
from SpineLib.synthesis.vertebra import corners, vertebra_parts
from SpineLib.training.datasets.ap_radiographs import column_mask


@dataclass(frozen=True)
class ViewOptions:
    """What is asked of a film; None leaves it to the seed. `rows` is the film's height in pixels."""

    rows: int = 1536
    field: str = "trunk"
    """`trunk` (narrow, T1..L5 fills the height) or `full` (skull to hips with arms)."""

    def validate(self) -> None:
        """Raise InputError for a value that cannot be used."""
        if not 64 <= self.rows <= 8000:
            raise InputError(f"A film of {self.rows} rows cannot be made.", "Ask for 64 to 8000 rows.")
        if self.field not in ("trunk", "full"):
            raise InputError(f"The field '{self.field}' is unknown.", "Use 'trunk' or 'full'.")


@dataclass(frozen=True)
class SyntheticFilm:
    """`pixels` uint16 `(rows, columns)`, bone bright; `mask` bool; `corners` by level, (4, 2) pixels (right, down)."""

    pixels: np.ndarray
    mask: np.ndarray
    corners: dict[str, np.ndarray]
    spacing_mm: float


def make_film(seed: int, options: ViewOptions | None = None) -> SyntheticFilm:
    """The film of a seed; the same seed and options give the same film."""
    options = options or ViewOptions()
    options.validate()
    rng = np.random.default_rng(seed)
    scale = float(rng.uniform(0.78, 1.06))
    poses = build_poses(sample_curve(rng, scale), rng)
    camera = _camera(poses, options, rng)
    attenuation = _project(poses, camera, rng, scale)
    pixels = _expose(attenuation, camera, rng)
    marked = {pose.level: corners(pose, camera) for pose in poses if pose.level in LABELED}
    outline = np.stack([marked[level] for level in LABELED])
    return SyntheticFilm(pixels, column_mask(outline, camera.shape), marked, camera.spacing_mm)


def _camera(poses: list[Pose], options: ViewOptions, rng: np.random.Generator) -> Camera:
    by_level = {pose.level: pose.center for pose in poses}
    top, bottom = by_level["T1"][2] + 10, by_level["L5"][2] - 12
    above, below = rng.uniform(8, 60), rng.uniform(5, 70)
    if options.field == "full":
        above, below = rng.uniform(180, 260), rng.uniform(150, 300)
    magnification = 1.12
    height_mm = (top + above - bottom + below) * magnification
    x = np.array([pose.center[0] for pose in poses])
    half_width = max(np.ptp(x) / 2 + rng.uniform(45, 110), 75) if options.field == "trunk" else rng.uniform(190, 260)
    spacing = float(height_mm / options.rows)
    columns = int(2 * half_width * magnification / spacing)
    middle = (x.min() + x.max()) / 2 + rng.normal(0, 8)
    center = (float(middle), float((top + above + bottom - below) / 2))
    return Camera((options.rows, columns), spacing, center, -float(rng.uniform(1500, 2600)), 150.0)


def _project(poses: list[Pose], camera: Camera, rng: np.random.Generator, scale: float) -> np.ndarray:
    girth = float(np.clip(rng.normal(1.0, 0.08), 0.82, 1.25))
    female = bool(rng.random() < 0.7)
    cage = build_cage(poses, girth * scale, girth * scale)
    body = build_body(poses, cage, rng, female, girth)
    total = integrate_field(camera, body.attenuation, body.depth, 2.0, 4.0)
    bone = np.zeros(camera.shape, np.float32)
    density = rng.uniform(0.6, 1.2)
    for pose in poses:
        for part in vertebra_parts(pose, density):
            add_solid(bone, camera, part)
    strands = [strand_points(s, rng, 60) for s in ribs(poses, cage, rng) + clavicles(poses, cage, rng)]
    cloud = np.zeros(camera.shape, np.float32)
    add_points(cloud, camera, np.concatenate([p for p, _ in strands]), np.concatenate([m for _, m in strands]))
    return total + bone + ndimage.gaussian_filter(cloud, 0.5 / camera.spacing_mm * 0.5)


def _expose(attenuation: np.ndarray, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    primary = np.exp(-attenuation)
    spread = 25.0 / camera.spacing_mm
    small = ndimage.zoom(primary, 0.125, order=1)
    veil = enlarge(
        ndimage.gaussian_filter(small, spread * 0.125), attenuation.shape, attenuation.shape[0] / small.shape[0]
    )
    signal = primary + rng.uniform(0.1, 0.5) * np.maximum(veil, 0)
    dose = 2000 / np.median(signal)
    counts = rng.poisson(signal * dose) + rng.normal(0, 3, signal.shape)
    depth = -np.log(np.maximum(counts, 1) / dose)
    low, high = np.percentile(depth, [rng.uniform(2, 15), 99.8])
    film = np.clip((depth - low) / (high - low), 0, 1) ** rng.uniform(0.8, 1.3)
    return np.round(film * 65535).astype(np.uint16)
