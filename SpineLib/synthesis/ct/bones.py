# SPDX-License-Identifier: Apache-2.0
"""Bones on the canvas: vertebrae with labels and fractures, the sacrum, and other bones of solids without labels."""

from dataclasses import dataclass, fields

import numpy as np
from scipy import ndimage

from SpineLib.core.anatomy import BY_NAME, DISC, SACRUM
from SpineLib.core.box import corners
from SpineLib.synthesis.ct.broken import Piece
from SpineLib.synthesis.ct.discs import paint_discs
from SpineLib.synthesis.ct.fractures import Fracture
from SpineLib.synthesis.ct.grid import Canvas, Grain, Window, slabs, within
from SpineLib.synthesis.ct.look_alikes import altered, carve
from SpineLib.synthesis.ct.person import Person
from SpineLib.synthesis.ct.sacrum import Marrow, evenly_spongy, sacral_marrow
from SpineLib.synthesis.ct.vertebra import Vertebra
from SpineLib.synthesis.projection import Placed

BODY, POSTERIOR = 1, 2
DENSER = {"L": 1.0, "T": 1.15, "C": 1.5}
"""Spongy bone by region as a multiple of the lumbar one."""
ARCH_DENSER = np.float32(1.5)
"""Spongy bone of the arch as a multiple of the body's."""
ROUGH_MM = 0.35
"""How uneven the processes are."""
JOINT_MM = (0.7, 2.0)
"""Cartilage and fluid between the joint facets of neighbors, by person."""
NEAR_SKULL = ("C1", "C2")
"""These stand off from the skull, which is painted before them, in the same way."""
JOINT_WALL_MM = np.float32(0.9)
FAR = np.float32(1e3)


def paint_spine(canvas: Canvas, person: Person, values: dict[str, float], rng: np.random.Generator) -> None:
    """Discs, sacrum, then the vertebrae from the lowest upward; each keeps off the one below it."""
    grain, fine, rough = Grain(rng, 0.9), Grain(rng, 0.45), Grain(rng, 2.5)
    paint_discs(canvas, person.vertebrae, values, rng)
    joint_mm, below = np.float32(rng.uniform(*JOINT_MM)), None
    # By its own random numbers, so that all others stay as they are.
    marrow = sacral_marrow(canvas, values, grain, rng.spawn(1)[0])
    paint_solids(canvas, person.sacrum, values, grain, SACRUM.code, marrow)
    # What a vertebra covers of a real sacrum is the vertebra's, as it looks.
    taken = (0, DISC.code, SACRUM.code) if person.sacrum_looks is not None else (0, DISC.code)
    for vertebra in person.vertebrae:
        found = _make_bone(canvas, vertebra, values, (grain, fine, rough))
        if found is not None:
            if below is not None:
                _keep_off(*found, *below, joint_mm)
            if vertebra.level in NEAR_SKULL:
                canvas.blend(found[0], canvas.share(found[1].outer - joint_mm), values["muscle"])
            _paint_bone(canvas, vertebra, *found, taken)
        below = found


def paint_solids(
    canvas: Canvas,
    solids: list[Placed],
    values: dict[str, float],
    grain: Grain,
    label: int = 0,
    marrow: Marrow | None = None,
) -> None:
    """Solids as one bone: walls end where the solids overlap. marrow: what it holds, if not evenly spongy bone."""
    drawn = _union(canvas, solids, np.eye(3), np.zeros(3))
    if drawn is None:
        return
    window, outer, inner = drawn
    for slab in slabs(window):
        own = within(slab, window)
        if outer[own].min() < canvas.edge_mm:
            spongy = marrow(slab) if marrow else evenly_spongy(values, grain, slab)
            _fill(canvas, slab, outer[own], inner[own], values["cortical"], spongy)
    if label:
        here = canvas.labels[window]
        here[outer <= 0] = label


def _fill(
    canvas: Canvas, window: Window, outer: np.ndarray, inner: np.ndarray, shell: np.ndarray | float, core: np.ndarray
) -> None:
    """Matter within `outer`, of which `core` fills what is within `inner`."""
    whole, spongy = canvas.share(outer), canvas.share(inner)
    here = canvas.values[window]
    here += (shell - here) * whole + (core - shell) * spongy


def _union(
    canvas: Canvas, solids: list[Placed], rotation: np.ndarray, center: np.ndarray, also: np.ndarray | None = None
) -> tuple[Window, np.ndarray, np.ndarray] | None:
    """Outer and inner signed distances of solids placed in a frame, on the window that holds them and points `also`."""
    placed = [part.within(rotation, center) for part in solids]
    boxes = [part.corners for part in placed]
    window = canvas.grid.window(np.concatenate([*boxes, also] if also is not None else boxes), canvas.edge_mm)
    if window is None:
        return None
    outer = np.full([part.stop - part.start for part in window], FAR)
    inner = outer.copy()
    for part, box in zip(placed, boxes, strict=True):
        own = canvas.grid.window(box, canvas.edge_mm)
        if own is None:
            continue
        distances = part.solid.distances(*canvas.grid.coordinates(own, part.rotation, part.center))
        here = within(own, window)
        for field, distance in zip((outer, inner), distances, strict=True):
            np.minimum(field[here], distance, out=field[here])
    return window, outer, inner


@dataclass
class Bone:
    """A vertebra on its window: signed distances, density of wall and core (HU), what is body, what is broken."""

    outer: np.ndarray
    inner: np.ndarray
    shell: np.ndarray
    spongy: np.ndarray
    is_body: np.ndarray
    fractured: np.ndarray


def _make_bone(
    canvas: Canvas, vertebra: Vertebra, values: dict[str, float], grains: tuple[Grain, Grain, Grain]
) -> tuple[Window, Bone] | None:
    """A vertebra on its window; None where it lies outside the canvas."""
    pose = vertebra.pose
    box = None if vertebra.body is None else _body_box(vertebra) @ pose.rotation.T + pose.center
    drawn = _union(canvas, list(vertebra.parts.values()), pose.rotation, pose.center, box)
    if drawn is None:
        return None
    window, outer, inner = drawn
    grain, fine, rough = grains
    uneven = np.float32(ROUGH_MM) * rough.on(window)
    arch = ARCH_DENSER * np.float32(DENSER[vertebra.level[0]] * values["trabecular"])
    nowhere = np.zeros((2, *outer.shape), bool)
    shell, spongy = np.full_like(outer, values["cortical"]), np.full_like(outer, arch)
    bone = Bone(outer + uneven, inner + uneven, shell, spongy, *nowhere)
    own = None if box is None else canvas.grid.window(box, canvas.edge_mm)
    if own is not None:
        part = Bone(*(getattr(bone, each.name)[within(own, window)] for each in fields(Bone)))
        _add_body(part, vertebra, canvas.grid.coordinates(own, pose.rotation, pose.center), rough.on(own), values)
    if vertebra.fracture is not None and vertebra.fracture.process is not None:
        bone.fractured |= _broken_off(canvas, vertebra, window) & ~bone.is_body
    bone.spongy *= 1 + np.float32(0.14) * grain.on(window) + np.float32(0.1) * fine.on(window)
    return window, bone


def _keep_off(window: Window, bone: Bone, below: Window, other: Bone, joint_mm: np.float32) -> None:
    """Take away, in place, what of a bone comes nearer to the one below it than the space of their joints."""
    shared = tuple(
        slice(max(own.start, its.start), min(own.stop, its.stop)) for own, its in zip(window, below, strict=True)
    )
    if any(part.start >= part.stop for part in shared):
        return
    here, cut = within(shared, window), joint_mm - other.outer[within(shared, below)]
    np.maximum(bone.outer[here], cut, out=bone.outer[here])
    np.maximum(bone.inner[here], cut + JOINT_WALL_MM, out=bone.inner[here])


def _paint_bone(canvas: Canvas, vertebra: Vertebra, window: Window, bone: Bone, taken: tuple[int, ...]) -> None:
    """It takes those voxels whose label is one of `taken`."""
    _fill(canvas, window, bone.outer, bone.inner, bone.shell, bone.spongy)
    labels = canvas.labels[window]
    free = (bone.outer <= 0) & np.isin(labels, taken)
    labels[free] = BY_NAME[vertebra.level].code
    canvas.parts[window][free] = np.where(bone.is_body[free], BODY, POSTERIOR)
    canvas.fractured[window][free] = bone.fractured[free]


def _add_body(
    bone: Bone, vertebra: Vertebra, place: list[np.ndarray], rough: np.ndarray, values: dict[str, float]
) -> None:
    """Join the body to the arch, in place; `place` are the voxels' x, y, z in the vertebra's own frame."""
    assert vertebra.body is not None
    healthy = vertebra.healthy(*place)
    solid, core = (carve(vertebra.look_alike, *place, field) for field in vertebra.body.distances(*healthy))
    bone.is_body[:] = solid <= 0
    bone.shell[solid <= bone.outer] = values["endplate"]
    np.minimum(bone.outer, solid, out=bone.outer)
    np.minimum(bone.inner, core, out=bone.inner)
    trabecular = np.float32(DENSER[vertebra.level[0]] * values["trabecular"])
    spongy = _body_bone(vertebra, place, healthy, trabecular, values["cement"])
    bone.spongy[bone.is_body] = spongy[bone.is_body]
    if vertebra.fracture is not None:
        _break_body(bone, vertebra.fracture, vertebra.pose.size.height, place, healthy[2], rough)


def _body_box(vertebra: Vertebra) -> np.ndarray:
    """Corners around the body, however deformed."""
    assert vertebra.body is not None
    half = vertebra.body.half * (1.3 if vertebra.shape else 1.0)
    back = vertebra.shape.retropulsion_mm if vertebra.shape else 0.0
    return corners(-half, half + np.array([0, back, 0]))


def _body_bone(
    vertebra: Vertebra,
    place: list[np.ndarray],
    healthy: tuple[np.ndarray, ...],
    trabecular: np.float32,
    cement_hu: float,
) -> np.ndarray:
    """Spongy bone of a body: denser toward the endplates, with its vein, and what lies in it."""
    size = vertebra.pose.size
    x, y, z = healthy
    spongy = trabecular * (np.float32(0.9) + np.float32(1.2) * (z / np.float32(size.height)) ** 2)
    vein = np.exp(-((x / 4) ** 2) - ((y - np.float32(0.3 * size.upper_depth)) / 7) ** 2 - (z / 2) ** 2)
    spongy -= np.float32(0.6) * spongy * vein
    spongy = altered(vertebra.look_alike, *place, spongy)
    if vertebra.cement:
        ball = np.sqrt((x / 9) ** 2 + ((y + 4) / 8) ** 2 + (z / 6) ** 2)
        clouds = np.sin(x * np.float32(0.7)) * np.sin(y * np.float32(0.8) + z * np.float32(0.6))
        spongy = np.where(ball + np.float32(0.35) * clouds < 1, np.float32(cement_hu), spongy)
    return spongy


def _break_body(
    bone: Bone, fracture: Fracture, height_mm: float, place: list[np.ndarray], healthy_z: np.ndarray, rough: np.ndarray
) -> None:
    """Gaps, packed bone and the fracture's mask, in place."""
    if fracture.shape is not None:
        depth = np.float32(height_mm / 2) - (np.abs(healthy_z) if fracture.shape.both else healthy_z)
        # How far down a collapse reaches cannot be seen, so the body that lost height is fractured as a whole.
        bone.fractured[:] = True
        bone.spongy += np.float32(fracture.band_hu) * np.exp(-(((depth - np.float32(0.2 * height_mm)) / 3) ** 2))
    # With its surface, but without the arch behind it.
    near_body = ndimage.binary_dilation(bone.is_body) if fracture.gaps else bone.is_body
    for gap in fracture.gaps:
        away = sum(np.float32(part) * axis for part, axis in zip(gap.normal, place, strict=True))
        away = np.abs(away - np.float32(gap.offset) + np.float32(0.8) * rough) / np.float32(np.linalg.norm(gap.normal))
        open_share = np.clip(np.float32(gap.width_mm / 2 + 1) - away, 0, 1) * near_body
        # Blood and marrow fill the gap.
        bone.spongy += open_share * (np.float32(45) - bone.spongy)
        bone.shell += open_share * (np.float32(45) - bone.shell)
        bone.fractured |= away < gap.width_mm / 2 + 1.5
    bone.fractured &= bone.is_body


def _broken_off(canvas: Canvas, vertebra: Vertebra, window: Window) -> np.ndarray:
    """The broken end of a process, and the bone before the break that faces it."""
    found = np.zeros([part.stop - part.start for part in window], bool)
    for part in vertebra.parts.values():
        placed = part.within(vertebra.pose.rotation, vertebra.pose.center)
        own = canvas.grid.window(placed.corners, canvas.edge_mm)
        if isinstance(placed.solid, Piece) and own is not None:
            place = canvas.grid.coordinates(own, placed.rotation, placed.center)
            found[within(own, window)] |= placed.solid.is_fractured(*place)
    return found
