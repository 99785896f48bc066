# SPDX-License-Identifier: Apache-2.0
"""A scan with what was found in it, as a PNG for looking at: a sagittal and a coronal view side by side.

Both views follow the spine: each row is cut through the vertebrae's centers, so that a crooked column is seen whole.
Grids that lie askew are shown along their own nearest axes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import binary_dilation

from SpineLib.core.anatomy import FRACTURE
from SpineLib.core.errors import InputError
from SpineLib.core.mask import Mask
from SpineLib.core.result import SpineResult, Vertebra
from SpineLib.core.upright import Upright, upright
from SpineLib.core.volume import Volume
from SpineLib.io.output import safe_output
from SpineLib.reporting.overlay import FILL, SHOWN_PERCENTILES, color_of, with_disclaimer

HIGHEST, WIDEST = 1100, 900
"""Pixels of one view, at most."""
MOST_PIXELS_PER_MM = 4.0
SLAB_MM = 5.0
"""Thickness over which gray values are averaged."""
GAP = 8
SIDES = (("A", "P"), ("R", "L"))
"""What lies at the viewer's left and right in the sagittal and in the coronal view."""
RIGHT, FRONT, UP = range(3)


@dataclass(frozen=True)
class _Cut:
    """A view whose rows are cut out of the scan at `depth` along `through` (voxels, one for each slice from below).

    across: the axis shown from left to right; the view starts at its upper end, for it runs to the right or the front.
    """

    through: int
    across: int
    depth: np.ndarray
    spacing_mm: tuple[float, float, float]
    shape: tuple[int, int, int]

    def gray(self, voxels: np.ndarray) -> np.ndarray:
        """`(rows, columns)` of the voxels `(right, front, up)`, averaged over a slab."""
        half = round(SLAB_MM / self.spacing_mm[self.through] / 2)
        plane = np.zeros((self.shape[UP], self.shape[self.across]), dtype=np.float32)
        for row, depth in enumerate(self.depth):
            slab = np.moveaxis(voxels[:, :, row], self.through, 0)[max(0, depth - half) : depth + half + 1]
            plane[row] = slab.mean(axis=0, dtype=np.float32)
        return plane[::-1, ::-1]

    def mask(self, mask: Mask) -> np.ndarray:
        """`(rows, columns)`: the mask where the view cuts it."""
        rows, inside = self._place(mask)
        depth = self.depth[rows] - mask.origin[self.through]
        box = np.moveaxis(mask.box, self.through, 0)
        cut = np.zeros((box.shape[1], box.shape[2]), dtype=bool)
        for row in np.flatnonzero((depth >= 0) & (depth < box.shape[0])):
            cut[:, row] = box[depth[row], :, row]
        inside[rows, mask.origin[self.across] :][:, : cut.shape[0]] = cut.T
        return inside[::-1, ::-1]

    def shadow(self, mask: Mask) -> np.ndarray:
        """`(rows, columns)`: where the mask lies at whatever depth."""
        rows, inside = self._place(mask)
        cast = mask.box.any(axis=self.through)
        inside[rows, mask.origin[self.across] :][:, : cast.shape[0]] = cast.T
        return inside[::-1, ::-1]

    def _place(self, mask: Mask) -> tuple[slice, np.ndarray]:
        rows = slice(mask.origin[UP], mask.origin[UP] + mask.box.shape[UP])
        return rows, np.zeros((self.shape[UP], self.shape[self.across]), dtype=bool)


def write_scan_overlay(volume: Volume, result: SpineResult, path: str | Path) -> None:
    """Write both views in gray with the vertebrae in their colors and fractures outlined in red.

    Head up; in the sagittal view the front is on the left, in the coronal one the patient's right; one millimeter is
    as long along both axes. Vertebrae are shown where the views cut them, fractures at whatever depth they lie.
    Raises InputError when volume and result differ in size, ResourceError when the file cannot be written.
    """
    if volume.voxels.shape != result.shape:
        raise InputError(
            f"The scan has {volume.voxels.shape} voxels but its result {result.shape}.",
            "Give the scan that the result was made from.",
        )
    turn = upright(volume.affine, result.shape)
    voxels = turn.view(volume.voxels)
    masks = {id(part): turn.mask(part.mask) for part in result.vertebrae if not part.mask.is_empty}
    shown = [part for part in result.vertebrae if id(part) in masks]
    centers = _centers(shown, turn)
    pictures = []
    for through, across, sides in ((RIGHT, FRONT, SIDES[0]), (FRONT, RIGHT, SIDES[1])):
        cut = _Cut(through, across, _depth(centers, through, turn.shape), turn.spacing_mm, turn.shape)
        pictures.append(_view(cut, voxels, shown, masks, turn, sides))
    height, width = max(each.shape[0] for each in pictures), sum(each.shape[1] for each in pictures) + GAP
    canvas = np.zeros((height, width, 3), dtype=np.uint8)
    canvas[: pictures[0].shape[0], : pictures[0].shape[1]] = pictures[0]
    canvas[: pictures[1].shape[0], -pictures[1].shape[1] :] = pictures[1]
    drawn = with_disclaimer(canvas)
    with safe_output(path) as temporary:
        drawn.save(temporary, format="PNG", compress_level=1)


def _centers(vertebrae: Sequence[Vertebra], turn: Upright) -> np.ndarray:
    """`(n, 3)` voxels (right, front, up), from below: of the bodies where they are known, else of the vertebrae."""
    found = []
    for part in vertebrae:
        mask = turn.mask(part.mask if part.body is None or part.body.is_empty else part.body)
        found.append(np.argwhere(mask.box).mean(axis=0) + mask.origin)
    return np.array(sorted(found, key=lambda center: center[UP])).reshape(-1, 3)


def _depth(centers: np.ndarray, through: int, shape: tuple[int, int, int]) -> np.ndarray:
    """The voxel at which each slice is cut: through the column, straight on beyond its ends."""
    if len(centers) == 0:
        return np.full(shape[UP], shape[through] // 2)
    return np.rint(np.interp(np.arange(shape[UP]), centers[:, UP], centers[:, through])).astype(int)


def _view(
    cut: _Cut,
    voxels: np.ndarray,
    vertebrae: Sequence[Vertebra],
    masks: dict[int, Mask],
    turn: Upright,
    sides: tuple[str, str],
) -> np.ndarray:
    """One view as `(rows, columns, 3)` uint8 with square pixels."""
    planes = [(part, cut.mask(masks[id(part)])) for part in vertebrae]
    gray = _windowed(cut.gray(voxels), [plane for _, plane in planes])
    width_mm, height_mm = cut.shape[cut.across] * cut.spacing_mm[cut.across], cut.shape[UP] * cut.spacing_mm[UP]
    scale = min(HIGHEST / height_mm, WIDEST / width_mm, MOST_PIXELS_PER_MM)
    size = max(1, round(width_mm * scale)), max(1, round(height_mm * scale))
    canvas = np.repeat(np.asarray(Image.fromarray(gray).resize(size, Image.Resampling.BILINEAR))[:, :, None], 3, axis=2)
    labels = []
    for part, plane in planes:
        inside = _enlarged(plane, size)
        color = color_of(part.level)
        canvas[inside] = (canvas[inside] * (1 - FILL) + color * FILL).astype(np.uint8)
        if inside.any():
            labels.append((part.level, inside, color))
    for fracture in _fractures(vertebrae):
        inside = _enlarged(cut.shadow(turn.mask(fracture)), size)
        canvas[binary_dilation(inside, iterations=2) & ~inside] = np.array(FRACTURE.color) * 255
    return _lettered(canvas, labels, sides)


def _fractures(vertebrae: Sequence[Vertebra]) -> Iterator[Mask]:
    for part in vertebrae:
        if part.fracture is not None and not part.fracture.mask.is_empty:
            yield part.fracture.mask


def _windowed(plane: np.ndarray, inside: Sequence[np.ndarray]) -> np.ndarray:
    """Gray as uint8; the range is that of the spine and what lies around it, so that air does not take half of it."""
    column = np.any(inside, axis=0) if inside else np.zeros(plane.shape, dtype=bool)
    near = plane
    if column.any():
        rows, columns = (np.flatnonzero(column.any(axis=axis)) for axis in (1, 0))
        near = plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    low, high = np.percentile(near[np.isfinite(near)], SHOWN_PERCENTILES) if np.isfinite(near).any() else (0.0, 1.0)
    scale = 255.0 / (high - low) if high > low else 0.0
    return np.clip((np.nan_to_num(plane) - low) * scale, 0, 255).astype(np.uint8)


def _enlarged(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.fromarray(plane.astype(np.uint8)).resize(size, Image.Resampling.NEAREST)) > 0


def _lettered(
    canvas: np.ndarray, labels: Sequence[tuple[str, np.ndarray, np.ndarray]], sides: tuple[str, str]
) -> np.ndarray:
    """Names to the left of the vertebrae in their colors, and the sides of the patient in the upper corners."""
    picture = Image.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(max(10, picture.height // 60))
    edge = {"font": font, "stroke_width": 1, "stroke_fill": "black"}
    for name, inside, color in labels:
        rows, columns = np.nonzero(inside)
        left = max(float(columns.min()) - 6, draw.textlength(name, font=font) + 2)
        fill = tuple(int(channel) for channel in color)
        draw.text((left, float(rows.mean())), name, fill=fill, anchor="rm", **edge)
    draw.text((4, 4), sides[0], fill="white", anchor="la", **edge)
    draw.text((picture.width - 4, 4), sides[1], fill="white", anchor="ra", **edge)
    return np.asarray(picture)
