# SPDX-License-Identifier: Apache-2.0
"""Who is scanned: the phantom's body with the vertebrae, fractures and implants that the seed draws."""

from dataclasses import dataclass, replace

import numpy as np

from SpineLib.synthesis import metal
from SpineLib.synthesis.body import SoftBody
from SpineLib.synthesis.build_body import Build, build_body
from SpineLib.synthesis.ct.fractures import COLLAPSING, KINDS, Fracture, sample_fracture, settle
from SpineLib.synthesis.ct.look_alikes import LookAlike, sample_look_alike
from SpineLib.synthesis.ct.options import CtOptions
from SpineLib.synthesis.ct.real_curves import draw_tilts, load_curves
from SpineLib.synthesis.ct.sacrum import whole_sacrum
from SpineLib.synthesis.ct.shape_draw import draw_looks
from SpineLib.synthesis.ct.shaped import Looks
from SpineLib.synthesis.ct.shaped_pelvis import Pelvis, carve, shaped_pelvis
from SpineLib.synthesis.ct.tissues import OSTEOPOROSIS_SHARE
from SpineLib.synthesis.ct.variants import VARIANTS
from SpineLib.synthesis.ct.vertebra import Vertebra, make_vertebra
from SpineLib.synthesis.curve import CurveOptions, Pose, build_poses
from SpineLib.synthesis.head_and_arms import arms, head, shoulder_blades
from SpineLib.synthesis.pelvis import hips
from SpineLib.synthesis.projection import Placed
from SpineLib.synthesis.shapes.store import SACRUM, load_shapes
from SpineLib.synthesis.thorax import Strand, build_cage, clavicles, ribs

VARIANT_SHARES = {"usual": 0.8, "L6": 0.08, "four lumbar": 0.06, "T13": 0.06}
FRACTURED_SHARE, IMPLANT_SHARE, ARMS_DOWN_SHARE = 0.5, 0.08, 0.3
KIND_SHARES = (0.3, 0.16, 0.12, 0.14, 0.1, 0.1, 0.08)


@dataclass(frozen=True)
class Person:
    """A body in the world of `curve`; `vertebrae` from the lowest upward. `sacrum_looks`: of a real sacrum."""

    variant: str
    build: Build
    vertebrae: list[Vertebra]
    sacrum: list[Placed]
    solids: list[Placed]
    strands: list[Strand]
    metal: list[Strand]
    body: SoftBody
    osteoporotic: bool
    sacrum_looks: Looks | None = None

    @property
    def poses(self) -> list[Pose]:
        return [vertebra.pose for vertebra in self.vertebrae]


def sample_person(
    rng: np.random.Generator, options: CtOptions, level: str | None, real_rng: np.random.Generator
) -> tuple[Person, str]:
    """The person and the level that the scan is centered near, which is drawn where it is None.

    `real_rng` draws which real shapes and curve the person has, where the options name files of them.
    """
    shape_rng, curve_rng = real_rng.spawn(2)
    variant = options.variant or str(rng.choice(list(VARIANT_SHARES), p=list(VARIANT_SHARES.values())))
    build = _sample_build(rng)
    build = build if options.size is None else replace(build, scale=options.size)
    real = draw_tilts(load_curves(options.curves), curve_rng) if options.curves else None
    poses = build_poses(_sample_curve(rng, build.scale), rng, VARIANTS[variant], real)
    looks = draw_looks(load_shapes(options.shapes), poses, shape_rng) if options.shapes else {}
    if level is None or level not in {pose.level for pose in poses}:
        level = _sample_level(poses, rng)
    osteoporotic = bool(rng.random() < OSTEOPOROSIS_SHARE)
    fractures = _sample_fractures(poses, level, options.fracture, osteoporotic, rng)
    alike = _sample_look_alikes(poses, fractures, rng)
    shapes = {name: cause.shape for name, cause in (*alike.items(), *fractures.items()) if cause.shape}
    poses = settle(poses, shapes)
    implanted = options.implants if options.implants is not None else bool(rng.random() < IMPLANT_SHARE)
    cement = {name for name, each in fractures.items() if each.kind in COLLAPSING and implanted}
    vertebrae = [
        make_vertebra(pose, fractures.get(at), alike.get(at), at in cement, looks.get(at))
        for pose, at in ((pose, pose.level) for pose in poses)
    ]
    slope = float(np.rad2deg(np.arctan2(-poses[0].rotation[1, 2], poses[0].rotation[2, 2])) + 10)
    pelvis = shaped_pelvis(looks, poses[0], slope, build.scale)
    body, solids, strands = _surroundings(poses, build, pelvis, rng)
    bones = [pelvis.sacrum] if pelvis else whole_sacrum(slope, build.scale)
    rods = _rods(poses, level, rng) if implanted and not cement else []
    return Person(variant, build, vertebrae, bones, solids, strands, rods, body, osteoporotic, looks.get(SACRUM)), level


def _sample_build(rng: np.random.Generator) -> Build:
    """Adults of all girths, as they come to CT."""
    girth = float(np.clip(rng.normal(1.08, 0.13), 0.85, 1.45))
    fat = float(np.clip(rng.gamma(3.5, 5.0) * girth, 4, 50))
    return Build(float(rng.uniform(0.88, 1.08)), girth, bool(rng.random() < 0.5), fat)


def _sample_curve(rng: np.random.Generator, scale: float) -> CurveOptions:
    """Mostly near straight; some with scoliosis, some with a hunched back."""
    curved = rng.random() < 0.25
    pattern = str(rng.choice(["thoracic", "double", "thoracolumbar"])) if curved else "straight"
    cobb = float(np.clip(10 + rng.gamma(2.0, 11.0), 10, 70) if curved else rng.uniform(0, 9))
    kyphosis = float(rng.uniform(48, 70) if rng.random() < 0.15 else rng.normal(36, 8))
    lordosis = float(np.clip(rng.normal(44, 10), 15, 68))
    return CurveOptions(
        float(rng.choice([-1.0, 1.0])) * cobb, pattern, kyphosis, lordosis, scale, float(rng.normal(0, 6))
    )


def _sample_level(poses: list[Pose], rng: np.random.Generator) -> str:
    """Lumbar and thoracic spines are scanned more often than necks."""
    weights = np.array([{"L": 4.0, "T": 2.0, "C": 1.0}[pose.level[0]] for pose in poses])
    return str(rng.choice([pose.level for pose in poses], p=weights / weights.sum()))


def _sample_fractures(
    poses: list[Pose], level: str, wanted: str | None, osteoporotic: bool, rng: np.random.Generator
) -> dict[str, Fracture]:
    """By level; those asked for lie at the scan's middle, others within three levels of it."""
    if wanted == "none" or (wanted is None and rng.random() > FRACTURED_SHARE):
        return {}
    breakable = [pose for pose in poses if pose.level not in ("C1", "C2")]
    middle = next((index for index, pose in enumerate(breakable) if pose.level == level), len(breakable) - 1)
    count = 1 if wanted else int(1 + rng.poisson(1.2 if osteoporotic else 0.3))
    found = {}
    for number in range(count):
        index = int(np.clip(middle + (0 if wanted else rng.integers(-3, 4)), 0, len(breakable) - 1))
        kind = wanted or str(rng.choice(KINDS if number == 0 else COLLAPSING, p=KIND_SHARES if number == 0 else None))
        pose = breakable[index]
        found[pose.level] = sample_fracture(pose, kind, rng)
    return found


def _sample_look_alikes(
    poses: list[Pose], fractures: dict[str, Fracture], rng: np.random.Generator
) -> dict[str, LookAlike]:
    """By level: in some twelve percent of the whole vertebrae below the neck."""
    whole = [pose for pose in poses if pose.level not in fractures and pose.level[0] != "C"]
    return {pose.level: sample_look_alike(pose.size, rng) for pose in whole if rng.random() < 0.12}


def _surroundings(
    poses: list[Pose], build: Build, pelvis: Pelvis | None, rng: np.random.Generator
) -> tuple[SoftBody, list[Placed], list[Strand]]:
    """The soft body, and the bones that are no part of the spine."""
    cage = build_cage(poses, build.girth * build.scale, build.girth * build.scale)
    body = build_body(poses, cage, build, rng)
    neck = [pose for pose in poses if pose.level not in ("C1", "C2")]
    hip_solids, hip_strands = hips(build.scale, rng.normal(1.0, 0.04))
    # The last solid of the film's head stands for C1 and C2, which are whole here.
    (*skull, _), jaw, soft_head = head(neck, build.scale)
    body.flesh.extend(soft_head)
    pelvic = hip_strands
    if pelvis is not None:
        pelvic = [] if pelvis.hips else hip_strands
        hip_solids = [*pelvis.hips, *pelvis.femurs] or [carve(solid, pelvis.sacrum) for solid in hip_solids]
    strands = [*ribs(poses, cage, rng), *clavicles(poses, cage, rng), *pelvic, *jaw]
    strands += shoulder_blades(poses, cage, build.scale, rng)
    strands += [_short_rib(pose, side) for pose in poses if pose.level == "T13" for side in (-1.0, 1.0)]
    if rng.random() < ARMS_DOWN_SHARE:
        heads, bones, soft_arms = arms(poses, cage, build.scale, rng)
        hip_solids += heads
        strands += bones
        body.flesh.extend(soft_arms)
    return body, hip_solids + skull, strands


def _short_rib(pose: Pose, side: float) -> Strand:
    """The rib of a thirteenth thoracic vertebra: what tells it from a lumbar one."""
    start = np.array([side * pose.size.upper_width * 0.5, pose.size.upper_depth * 0.4, 0.0])
    steps = np.linspace(0, 1, 200)[:, None]
    way = np.array([side * 62.0, 26.0, -30.0]) * steps + np.array([0, 10.0, 0]) * np.sin(np.pi * steps)
    return Strand(pose.world(start + way), 3.0, 4.2, 1.0)


def _rods(poses: list[Pose], level: str, rng: np.random.Generator) -> list[Strand]:
    """Rods and screws over the levels at the scan's middle; the neck is left out."""
    trunk = [pose for pose in poses if pose.level[0] != "C"]
    middle = next((index for index, pose in enumerate(trunk) if pose.level == level), len(trunk) - 6)
    first = int(np.clip(middle - rng.integers(3, 8), 0, len(trunk) - 16))
    return metal.rods_and_screws(trunk[first : first + 16], rng)
