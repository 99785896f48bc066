# SPDX-License-Identifier: Apache-2.0
"""What a CT task costs: windows and seconds against the spine's length and against the scan's volume.

One synthetic trunk is made once and changed: for the length it keeps its size and loses its body above a height, for
the volume it keeps its height and is cropped around the spine. Windows are what the networks look at, so they are the
same on any machine; seconds are those that this machine's processor spends, whatever else it does meanwhile.
"""

import re
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

AIR_HU = -1000
HEADROOM = 1.35
"""Of the axes above the highest point, for the legend."""
SHARES_OF_LENGTH = (0.25, 0.4, 0.55, 0.7, 0.85, 1.0)
SHARES_OF_WIDTH = (0.5, 0.625, 0.75, 0.875, 1.0)
LOCALIZER, VERTEBRAE, CLOSER = "Looking for the spine", "Segmenting the vertebrae", "Looking closer at the borders"
"""Steps of the task, as it announces them, in which networks look."""
FIRST_WINDOW = re.compile(r"Window 1 of (\d+)")


class Trunk(NamedTuple):
    """voxels: int16 `(I, J, K)`, HU. spine: bool of that shape, vertebrae and sacrum. affine: index -> RAS mm."""

    voxels: np.ndarray
    spine: np.ndarray
    affine: np.ndarray


class WindowCount:
    """Listens to a task's progress: how many windows each step takes."""

    def __init__(self) -> None:
        self.of_step: Counter[str] = Counter()
        self._step = ""

    def __call__(self, fraction: float, message: str) -> None:
        if not message.startswith("Window "):
            self._step = message
        elif first := FIRST_WINDOW.fullmatch(message):
            self.of_step[self._step] += int(first.group(1))


def measure_cost(task: str, trunk: Trunk) -> dict[str, list[dict]]:
    """Cost "by_length" of the spine in a scan of one size, and "by_volume" of the scan at half of its height."""
    height = trunk.voxels.shape[2]
    slab = Trunk(
        trunk.voxels[:, :, height // 4 : -height // 4], trunk.spine[:, :, height // 4 : -height // 4], np.eye(4)
    )
    slab = slab._replace(affine=trunk.affine @ _moved_by((0, 0, height // 4)))
    _cost(task, _cropped(slab, SHARES_OF_WIDTH[0]))  # loads the models
    return {
        "by_length": [_cost(task, _shortened(trunk, share)) for share in SHARES_OF_LENGTH],
        "by_volume": [_cost(task, _cropped(slab, share)) for share in SHARES_OF_WIDTH],
    }


def _cost(task: str, trunk: Trunk) -> dict:
    from SpineLib import tasks
    from SpineLib.core.volume import Volume

    windows = WindowCount()
    volume = Volume(np.asfortranarray(trunk.voxels), trunk.affine, "ct")
    start = time.process_time()
    result = tasks.run(task, volume, progress=windows)
    seconds = time.process_time() - start
    heights = np.flatnonzero(trunk.spine.any(axis=(0, 1)))
    return {
        "shape": trunk.voxels.shape,
        "megavoxels": round(trunk.voxels.size / 1e6, 1),
        "spine_mm": round(float(np.ptp(heights) + 1) * volume.spacing_mm[2]),
        "windows_localizer": windows.of_step[LOCALIZER],
        "windows_vertebrae": windows.of_step[VERTEBRAE],
        "windows_closer": windows.of_step[CLOSER],
        "processor_seconds": round(seconds, 2),
        "vertebrae": [vertebra.level for vertebra in result.vertebrae],
    }


def _shortened(trunk: Trunk, share: float) -> Trunk:
    """The same scan with air above a share of its height."""
    top = round(trunk.voxels.shape[2] * share)
    voxels, spine = trunk.voxels.copy(), trunk.spine.copy()
    voxels[:, :, top:], spine[:, :, top:] = AIR_HU, False
    return Trunk(voxels, spine, trunk.affine)


def _cropped(trunk: Trunk, share: float) -> Trunk:
    """As high, but only a share of its width and depth, around the spine."""
    size = np.array(trunk.voxels.shape[:2])
    kept = np.rint(size * share).astype(int)
    middle = [int(np.average(np.arange(size[axis]), weights=trunk.spine.sum(axis=(1 - axis, 2)))) for axis in (0, 1)]
    low = np.clip(middle - kept // 2, 0, size - kept)
    box = tuple(slice(int(start), int(start + length)) for start, length in zip(low, kept, strict=True))
    return Trunk(trunk.voxels[box], trunk.spine[box], trunk.affine @ _moved_by((*low, 0)))


def _moved_by(indices: tuple[int, ...]) -> np.ndarray:
    moved = np.eye(4)
    moved[:3, 3] = indices
    return moved


def draw_cost(cost: dict[str, list[dict]], picture: Path) -> None:
    """Draw what `measure_cost` found: windows on the left axes, seconds on the right ones."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    length, volume = cost["by_length"], cost["by_volume"]
    size = " x ".join(map(str, length[0]["shape"]))
    _draw(left, length, "spine_mm", f"length of the spine in a scan of {size}, mm")
    _draw(right, volume, "megavoxels", f"megavoxels of a scan with {volume[0]['spine_mm']} mm of spine")
    figure.savefig(picture, dpi=110)


def _draw(axis, points: list[dict], key: str, label: str) -> None:
    places = [point[key] for point in points]
    beside = axis.twinx()
    drawn = [
        *axis.plot(
            places, [each["windows_vertebrae"] for each in points], "o-", color="tab:blue", label="windows, vertebrae"
        ),
        *axis.plot(
            places, [each["windows_localizer"] for each in points], "s-", color="tab:cyan", label="windows, localizer"
        ),
        *beside.plot(
            places, [each["processor_seconds"] for each in points], "^:", color="tab:gray", label="processor seconds"
        ),
    ]
    axis.set(xlabel=label, ylabel="windows", xlim=(0, None), ylim=(0, HEADROOM * axis.dataLim.y1))
    beside.set(ylabel="processor seconds", ylim=(0, HEADROOM * beside.dataLim.y1))
    axis.grid(alpha=0.3)
    axis.legend(handles=drawn, fontsize="x-small", loc="upper left")
