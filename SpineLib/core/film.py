# SPDX-License-Identifier: Apache-2.0
"""A film seen as a picture: rows downward, columns to the right, whatever plane of space its volume lies in."""

from dataclasses import dataclass

import numpy as np

from SpineLib.core.errors import InputError
from SpineLib.core.volume import Volume

COLOR_SPREAD = 40.0
"""Spread (standard deviation) of a pixel's channels, in 8-bit steps, above which the pixel is counted as colored."""
COLORED_SHARE = 0.25
"""Share of colored pixels, of differing hues, above which a picture is taken for a photograph. Our choice."""
STRIP = 256
"""Rows (or columns) of a color picture that are turned gray at a time."""


@dataclass(frozen=True)
class Film:
    """A one-slice volume laid out for viewing.

    pixels: `(rows, columns)`, x = column to the right, y = row downward, pixel centers at integers.
    axes: (column axis, row axis) of the volume; flips: whether each runs against the volume's index.
    """

    pixels: np.ndarray
    axes: tuple[int, int]
    flips: tuple[bool, bool]

    def to_voxels(self, picture: np.ndarray) -> np.ndarray:
        """Lay a `(rows, columns)` picture, a mask say, back into the volume's `(I, J, K)` order."""
        columns_first = picture.T
        for axis, flip in enumerate(self.flips):
            if flip:
                columns_first = np.flip(columns_first, axis)
        if self.axes[0] > self.axes[1]:
            columns_first = columns_first.T
        return np.expand_dims(columns_first, 3 - sum(self.axes))

    def to_index(self, x: float, y: float) -> tuple[float, float, float]:
        """Voxel index (i, j, k) of the picture point (x, y)."""
        index = [0.0, 0.0, 0.0]
        rows, columns = self.pixels.shape
        index[self.axes[0]] = columns - 1 - x if self.flips[0] else x
        index[self.axes[1]] = rows - 1 - y if self.flips[1] else y
        return index[0], index[1], index[2]


def film_of(volume: Volume) -> Film:
    """The picture of a one-slice volume.

    Coronal planes show the patient's right on the viewer's left, sagittal ones the front on the left, both the head on
    top. Planes without an up (plain pictures and DICOM films lie flat in RAS) keep the stored order: i to the right,
    j downward. Raises InputError when the volume has more than one slice.
    """
    if not volume.is_film:
        raise InputError(
            f"The image has {volume.voxels.shape} voxels, so it is a 3D scan and not a film.",
            "Choose a radiograph with a single image.",
        )
    slice_axis = int(np.argmin(volume.voxels.shape))
    in_plane = [axis for axis in range(3) if axis != slice_axis]
    directions = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    upward = [abs(directions[2, axis]) for axis in in_plane]
    if max(upward) < 0.5:
        axes, flips = (in_plane[0], in_plane[1]), (False, False)
    else:
        row_axis = in_plane[int(np.argmax(upward))]
        column_axis = next(axis for axis in in_plane if axis != row_axis)
        across = directions[:, column_axis]
        # To the viewer's right lies the patient's left (-R) in a coronal plane, the back (-A) in a sagittal one.
        leading = 0 if abs(across[0]) >= abs(across[1]) else 1
        axes = (column_axis, row_axis)
        flips = (bool(across[leading] > 0), bool(directions[2, row_axis] > 0))
    return Film(_lay_out(volume.voxels, axes, flips), axes, flips)


def _lay_out(voxels: np.ndarray, axes: tuple[int, int], flips: tuple[bool, bool]) -> np.ndarray:
    slice_axis = 3 - sum(axes)
    plane = np.take(voxels, 0, axis=slice_axis)
    if axes[0] > axes[1]:
        plane = plane.T
    for axis, flip in enumerate(flips):
        if flip:
            plane = np.flip(plane, axis)
    return np.ascontiguousarray(plane.T)


def luminance(colors: np.ndarray) -> np.ndarray:
    """Gray values `(...)` of a color picture `(..., 1|2|3|4)` in 0..255 (or 0..65535): ITU-R BT.601 weights.

    One channel is returned as it is; of two or four the last is transparency and is left out. Raises InputError for
    what is evidently a color photograph; a tint, a colored marker or an annotation passes.
    """
    channels = colors.shape[-1]
    if channels <= 2:
        return colors[..., 0]
    rgb = colors[..., :3]
    if _is_photograph(rgb):
        raise InputError(
            "The picture is a color photograph, not a radiograph.", "Export the film itself as DICOM or as a gray PNG."
        )
    whole_steps = np.issubdtype(rgb.dtype, np.integer)
    gray = np.empty_like(rgb[..., 0], dtype=rgb.dtype if whole_steps else np.float32)
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    # Strip by strip: as float32 a film of 20,000 x 20,000 pixels at once would take 6 GB.
    for start in range(0, len(rgb), STRIP):
        strip = rgb[start : start + STRIP].astype(np.float32) @ weights
        gray[start : start + STRIP] = np.rint(strip) if whole_steps else strip
    return gray


def _is_photograph(rgb: np.ndarray) -> bool:
    """Many strongly colored pixels whose hues differ: a uniformly tinted film has one hue only."""
    stride = max(1, int(np.sqrt(rgb[..., 0].size / 250_000)))
    sample = rgb[::stride, ::stride].reshape(-1, 3).astype(np.float32)
    sample = sample * (255.0 / 65535.0) if rgb.dtype == np.uint16 else sample
    chroma = sample - sample.mean(axis=1, keepdims=True)
    strength = np.linalg.norm(chroma, axis=1)
    colored = strength > COLOR_SPREAD
    if colored.mean() < COLORED_SHARE:
        return False
    hues = chroma[colored] / strength[colored, None]
    return bool(np.linalg.norm(hues.mean(axis=0)) < 0.9)
