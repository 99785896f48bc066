# SPDX-License-Identifier: Apache-2.0
"""All that is not bone: air, table, skin, fat, muscles, lungs, organs, vessels, bowel.

Surfaces are smooth, so their signed distances are taken on a coarse grid and brought to the voxels where they matter.
Organs stand where anatomy has them relative to the spine; sizes are those of an average adult, our choice.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SpineLib.synthesis.body import Blob, ring
from SpineLib.synthesis.build_body import TRUNK
from SpineLib.synthesis.ct.grid import Canvas, Grain, Grid, Window, enlarged, slabs
from SpineLib.synthesis.ct.person import Person
from SpineLib.synthesis.solids import MUSCLE, ellipsoid_distance

COARSE_MM = 6.0
SKIN_MM = 1.6
CLEFT_MM = 12.0
"""Size of the muscles of the back between which fat shows."""
Value = float | Callable[[Window], np.ndarray]


@dataclass
class Frame:
    """Where the coarse voxels lie. All arrays float32 of the coarse grid's shape, mm.

    x, y, z: in the world. right of the spine `dx` < 0, behind it `dy` > 0, from the middle of the body at that height.
    """

    grid: Grid
    steps: tuple[int, int, int]
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    dx: np.ndarray
    dy: np.ndarray

    @classmethod
    def of(cls, canvas: Canvas, person: Person) -> "Frame":
        steps = [max(round(COARSE_MM / step), 1) for step in canvas.grid.spacing_mm]
        grid = canvas.grid.every((steps[0], steps[1], steps[2]))
        i, j, k = (slice(0, size) for size in grid.shape)
        x, y, z = grid.coordinates((i, j, k))
        centers = np.array([pose.center for pose in person.poses])
        spine_x, spine_y = (np.interp(z, centers[:, 2], centers[:, axis]).astype(np.float32) for axis in (0, 1))
        return cls(grid, (steps[0], steps[1], steps[2]), x, y, z, x - spine_x, y - spine_y)

    def noise(self, rng: np.random.Generator, size_mm: float) -> np.ndarray:
        """Smooth random numbers of unit spread with grains of `size_mm`."""
        field = rng.standard_normal(self.grid.shape, np.float32)
        field = ndimage.gaussian_filter(field, size_mm / self.grid.spacing_mm, mode="wrap")
        return field / max(float(field.std()), 1e-6)

    def ellipsoid(self, center: tuple[float, ...], axes: tuple[float, ...], by_spine: bool = True) -> np.ndarray:
        """Distance to an ellipsoid whose center counts from the spine, or in the world."""
        x, y = (self.dx, self.dy) if by_spine else (self.x, self.y)
        offsets = (x - np.float32(center[0]), y - np.float32(center[1]), self.z - np.float32(center[2]))
        return ellipsoid_distance(offsets, [np.float32(axis) for axis in axes])

    def blob(self, blob: Blob) -> np.ndarray:
        """Distance to a blob of the phantom."""
        dx, dy, dz = (
            each - np.float32(middle) for each, middle in zip((self.x, self.y, self.z), blob.center, strict=True)
        )
        cos, sin = np.float32(np.cos(blob.tilt)), np.float32(np.sin(blob.tilt))
        return ellipsoid_distance((cos * dx + sin * dz, dy, cos * dz - sin * dx), list(blob.axes.astype(np.float32)))


def paint_soft_tissue(canvas: Canvas, person: Person, values: dict[str, float], rng: np.random.Generator) -> None:
    """Fill the canvas with everything the bones lie in."""
    frame = Frame.of(canvas, person)
    grain = Grain(rng, 1.0)

    def paint(distance: np.ndarray, value: Value) -> None:
        window = _reach(canvas, frame, distance)
        for slab in slabs(window) if window is not None else ():
            share = canvas.share(enlarged(distance, frame.steps, slab))
            canvas.blend(slab, share, value(slab) if callable(value) else value)

    def mottled(name: str, spread: float) -> Value:
        return lambda window: np.float32(values[name]) + np.float32(spread) * grain.on(window)

    _paint_table(canvas, frame, person, values)
    skin, flesh = _outlines(frame, person)
    paint(skin, values["skin"])
    paint(skin + np.float32(SKIN_MM), mottled("fat", 9))
    paint(flesh, mottled("muscle", 7))
    _paint_clefts(canvas, frame, flesh, values["fat"], rng)
    cavity = _cavity(frame, person, flesh)
    # Small vessels run through the fat of the belly.
    paint(cavity, lambda window: np.float32(values["fat"]) + _with_vessels(grain.on(window)))
    _paint_organs(frame, person, cavity, values, mottled, paint, rng)
    chest = person.body.chest
    height = np.clip(frame.z, chest.cage.bottom, chest.cage.top)
    # Behind, the lungs reach down to T12, less far beside the spine.
    lowest = next(pose.center[2] for pose in person.poses if pose.level == "T12")
    lowest = lowest + 0.6 * np.clip(70 - np.abs(frame.dx), 0, 60)
    lungs = np.maximum(chest.distance(frame.x, frame.y, height), np.maximum(lowest - frame.z, frame.z - chest.cage.top))
    # Vessels show as bright dots among the air.
    paint(lungs, lambda window: np.float32(values["lung"]) + 190 * np.maximum(grain.on(window) - 1, 0))
    _paint_heart_and_vessels(frame, person, values, mottled, paint, rng)
    for blob in person.body.air:
        paint(frame.blob(blob), values["gas"])
    paint(_psoas(frame, person), mottled("muscle", 7))
    paint(_canal(frame, person), values["canal"])


def _with_vessels(grain: np.ndarray) -> np.ndarray:
    return 10 * grain + 90 * np.maximum(grain - np.float32(1.5), 0)


def _reach(canvas: Canvas, frame: Frame, distance: np.ndarray) -> Window | None:
    """The window of voxels that a surface touches."""
    inside = distance < canvas.edge_mm
    if not inside.any():
        return None
    window = []
    for axis, step in enumerate(frame.steps):
        found = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
        low, high = max(found[0] - 1, 0) * step, min((found[-1] + 1) * step + 1, canvas.grid.shape[axis])
        window.append(slice(int(min(low, canvas.grid.shape[axis] - 1)), int(high)))
    return window[0], window[1], window[2]


def _paint_table(canvas: Canvas, frame: Frame, person: Person, values: dict[str, float]) -> None:
    """A hollow board, curved upward at its sides, under the back."""
    outline = person.body.outline
    heights = np.linspace(-100, 400, 20)
    back = float((outline.middle_y(heights) + outline.half_depth(heights)).max()) + 4
    depth = frame.y - np.float32(back) + np.float32(0.0009) * frame.x**2
    beside = np.abs(frame.x) - 230
    window = _reach(canvas, frame, np.maximum(np.abs(depth - 12) - 14, beside))
    if window is None:
        return
    depth, beside = (enlarged(field, frame.steps, window) for field in (depth, beside))
    board = np.maximum(np.abs(depth - 12) - 12, beside)
    canvas.blend(window, canvas.share(np.maximum(np.abs(board) - 0.8, beside)), -150.0)
    canvas.blend(window, canvas.share(board + 0.8), values["table"] - 200)


def _outlines(frame: Frame, person: Person) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the skin and to what lies under the fat."""
    outline = person.body.outline
    top = next(pose.center[2] for pose in person.poses if pose.level == "T1")
    z = np.clip(frame.z, TRUNK[0] * top, TRUNK[-1] * top)
    middle_x, middle_y, width, depth = (
        function(z).astype(np.float32)
        for function in (outline.middle_x, outline.middle_y, outline.half_width, outline.half_depth)
    )
    # The phantom's outline holds the muscles; fat comes on top of it, and the lower ribs bulge it.
    flesh = ring(frame.x - middle_x, frame.y - middle_y + np.float32(outline.fat_mm), width, depth)
    flesh = np.minimum(flesh, _around_ribs(frame, person))
    skin = flesh - np.float32(outline.fat_mm)
    for blob in person.body.flesh:
        distance = frame.blob(blob)
        skin = np.minimum(skin, distance - 5)
        flesh = np.minimum(flesh, distance if blob.value == MUSCLE else distance + 14)
    return skin, flesh


def _around_ribs(frame: Frame, person: Person) -> np.ndarray:
    """Distance to the muscles on the cage, fading below it."""
    cage = person.body.chest.cage
    z = np.clip(frame.z, cage.bottom, cage.top)
    middle_x, middle_y, width, depth = (
        function(z).astype(np.float32) for function in (cage.middle_x, cage.middle_y, cage.half_width, cage.half_depth)
    )
    ends = np.maximum(cage.bottom + 15 - frame.z, 0) * np.float32(0.7) + np.maximum(frame.z - cage.top, 0)
    return ring(frame.x - middle_x, frame.y - middle_y, width, depth) - 8 + ends


def _paint_clefts(canvas: Canvas, frame: Frame, flesh: np.ndarray, fat: float, rng: np.random.Generator) -> None:
    """Fat between the muscles of the back: sheets where a random field crosses zero, and one in the middle."""
    around = np.maximum(np.maximum(flesh + 3, 6 - frame.dy), np.abs(frame.dx) - 95)
    window = _reach(canvas, frame, around)
    if window is None:
        return
    fields = (frame.noise(rng, CLEFT_MM), frame.noise(rng, CLEFT_MM), around, frame.dx, frame.dy)
    thickness = np.float32(rng.uniform(0.2, 1.6))
    for slab in slabs(window):
        sheets, uneven, beyond, dx, dy = (enlarged(field, frame.steps, slab) for field in fields)
        # A sheet is thick here and gone there.
        cleft = np.abs(sheets) * np.float32(CLEFT_MM) - thickness * (uneven + np.float32(0.2))
        cleft = np.minimum(cleft, np.maximum(np.abs(dx) - 1, 60 - dy))
        canvas.blend(slab, canvas.share(np.maximum(cleft, beyond)), fat)


def _cavity(frame: Frame, person: Person, flesh: np.ndarray) -> np.ndarray:
    """Distance to the belly's and the chest's inside, in front of the spine."""
    scale = person.build.scale
    top = next(pose.center[2] for pose in person.poses if pose.level == "T1")
    wall = np.where(frame.z > 0.35 * top, 13 * scale, 11 * scale).astype(np.float32)
    beside = np.clip(np.abs(frame.dx) - 30 * scale, 0, 50 * scale)
    behind = frame.dy + 2 * scale - np.float32(0.5) * beside
    return np.maximum(
        np.maximum(flesh + wall, behind), np.maximum(frame.z - top + 0.5 * frame.dy + 15, -135 * scale - frame.z)
    )


def _paint_organs(
    frame: Frame,
    person: Person,
    cavity: np.ndarray,
    values: dict[str, float],
    mottled: Callable[[str, float], Value],
    paint: Callable[[np.ndarray, Value], None],
    rng: np.random.Generator,
) -> None:
    scale = person.build.scale
    right_dome, left_dome = person.body.chest.domes
    uneven = 3.5 * frame.noise(rng, 13.0)
    loops = frame.noise(rng, 9.5)
    belly = np.maximum(cavity + 4, frame.z - (left_dome - 75 * scale))
    paint(np.maximum(belly, (np.float32(rng.uniform(-0.3, 0.8)) - loops) * 9), mottled("bowel", 14))
    gas = np.maximum(np.maximum(belly + 6, frame.dy + 62 * scale), (np.float32(rng.uniform(0.9, 2.0)) - loops) * 9)
    paint(gas, mottled("gas", 40))
    paint(
        frame.ellipsoid((0, -78 * scale, -75 * scale), (42 * scale, 30 * scale, 32 * scale)) + uneven, values["canal"]
    )

    def within(center: tuple[float, ...], axes: tuple[float, ...]) -> np.ndarray:
        size = rng.uniform(0.88, 1.12) * scale
        center = (center[0] * scale, center[1] * scale, center[2])
        organ = frame.ellipsoid(center, tuple(axis * size for axis in axes))
        return np.maximum(organ + uneven, cavity + 1)

    paint(within((-78, -62, right_dome - 62 * scale), (92, 82, 88)), mottled("liver", 6))
    paint(within((104, -22, left_dome - 58 * scale), (34, 48, 52)), mottled("spleen", 6))
    paint(within((48, -85, left_dome - 62 * scale), (46, 36, 40)), mottled("bowel", 14))
    middle = next(pose.center[2] for pose in person.poses if pose.level == "L2")
    for side in (-1.0, 1.0):
        z = middle + rng.normal(12, 10) + side * 6
        kidney = frame.ellipsoid((side * 62 * scale, -16 * scale, z), (27 * scale, 25 * scale, 52 * scale)) + uneven / 2
        paint(kidney, mottled("kidney", 6))
        paint(frame.ellipsoid((side * 52 * scale, -20 * scale, z), (12 * scale, 9 * scale, 24 * scale)), values["fat"])


def _paint_heart_and_vessels(
    frame: Frame,
    person: Person,
    values: dict[str, float],
    mottled: Callable[[str, float], Value],
    paint: Callable[[np.ndarray, Value], None],
    rng: np.random.Generator,
) -> None:
    scale = person.build.scale
    heart = np.minimum.reduce([frame.blob(blob) for blob in person.body.vessels[:-1]])
    paint(heart - 4, mottled("muscle", 6))
    paint(heart, mottled("blood", 4))
    by_level = {pose.level: pose.center[2] for pose in person.poses}
    low, high = by_level["L4"], by_level["T5"]
    upward = np.clip((frame.z - low) / (high - low), 0, 1).astype(np.float32)
    radius = scale * np.float32(rng.uniform(8.5, 12.5)) * (np.float32(0.85) + np.float32(0.35) * upward)
    ends = np.maximum(low - frame.z, frame.z - high)
    aorta = np.hypot(frame.dx - scale * (8 + 14 * upward), frame.dy + scale * (33 - 7 * upward)) - radius
    paint(np.maximum(aorta - 1.5, ends), values["muscle"])
    paint(np.maximum(aorta, ends), mottled("blood", 4))
    cava = np.hypot((frame.dx + 19 * scale) / np.float32(1.2), frame.dy + 33 * scale) - np.float32(10 * scale)
    cava = np.maximum(cava, np.maximum(low - frame.z, frame.z - by_level["T10"]))
    paint(cava, values["muscle"] + 0.8 * (values["blood"] - values["muscle"]))


def _psoas(frame: Frame, person: Person) -> np.ndarray:
    """The muscles beside the lumbar bodies, thickening downward."""
    scale = person.build.scale
    top = next(pose.center[2] for pose in person.poses if pose.level == "L1") + 10
    share = np.clip((top - frame.z) / (top + 20), 0, 1.6).astype(np.float32)
    wide = scale * (7 + 14 * np.minimum(share, 1))
    across = (np.abs(frame.dx) - scale * (27 + 14 * share * share)) / wide
    along = (frame.dy + scale * (3 + 10 * share)) / (wide + 2)
    ends = np.maximum(frame.z - top, -110 * scale - frame.z)
    return np.maximum((np.hypot(across, along) - 1) * wide, ends)


def _canal(frame: Frame, person: Person) -> np.ndarray:
    """The tube of the spinal canal."""
    heights, places = [], []
    for pose in person.poses:
        size = pose.size
        place = pose.world(np.array([[0.0, size.lower_depth / 2 - 3 + size.canal_depth / 2, 0.0]]))[0]
        heights.append(place[2])
        places.append((place[0], place[1], size.canal_width / 2 - 1, size.canal_depth / 2 - 1))
    x, y, a, b = (np.interp(frame.z, heights, column).astype(np.float32) for column in np.array(places).T)
    return (np.hypot((frame.x - x) / a, (frame.y - y) / b) - 1) * b
