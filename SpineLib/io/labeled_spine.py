# SPDX-License-Identifier: Apache-2.0
"""A segmentation of vertebrae that was made before: `.seg.nrrd`, or a map of labels in any volume format."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.ndimage import find_objects

from SpineLib.core.errors import InputError
from SpineLib.core.level_order import positions
from SpineLib.core.mask import Mask
from SpineLib.core.segment_names import LEVELS, by_anatomy, label_names
from SpineLib.io.reading import read
from SpineLib.io.regrid import check_axes
from SpineLib.io.segmentation import mask_of, read_segments

HEADER_BYTES = 1 << 16
HIGHEST_LABEL = 1000
"""Images have higher values; maps of labels have not."""
FARTHEST_MM = 90.0
"""From the center of a vertebra to the next, twice what a tall person's loin has."""


@dataclass(frozen=True)
class LabeledSpine:
    """masks: name of the anatomy -> its mask, not empty; among them at least one level. affine: 4x4, index of the
    masks -> RAS mm."""

    masks: dict[str, Mask]
    affine: np.ndarray

    @property
    def levels(self) -> list[str]:
        """The vertebrae, from the head downward."""
        return list(positions(LEVELS & self.masks.keys()))


def read_labeled_spine(path: str | Path) -> LabeledSpine:
    """The vertebrae of a segmentation, and its sacrum, discs and vertebral bodies where it has them.

    Segments are known by their names ("L1", "vertebrae_L1") and SNOMED CT terms, labels as VerSe's codes or as those
    of TotalSegmentator. Raises InputError for a file that cannot be read, one without a vertebra that can be named,
    and labels that run up the spine, which then mean something else.
    """
    path = Path(path)
    check_file(path)
    return _from_segments(path) if _is_segmentation(path) else _from_labels(path)


def check_file(path: Path) -> None:
    """Raise InputError where there is no such file."""
    if not path.is_file():
        raise InputError(f"There is no segmentation {path}.", "Check the path and its spelling.")


def spine_of(segments: Sequence[tuple[str, str, Mask]], affine: np.ndarray, source: str) -> LabeledSpine:
    """The spine of segments (name, SNOMED CT concept or "", mask). Raises InputError, which names the source, where no
    vertebra is among them or their axes are askew."""
    check_axes(affine, source)
    filled = (segment for segment in segments if not segment[2].is_empty)
    spine = LabeledSpine({name: Mask.union(masks) for name, masks in by_anatomy(filled).items()}, affine)
    if not spine.levels:
        raise no_vertebra(source)
    return spine


def no_vertebra(source: str) -> InputError:
    """The error for a segmentation in which nothing is known."""
    return InputError(
        f"{source} holds no vertebra that can be named.",
        "Name its segments C1 to L6, or give VerSe's or TotalSegmentator's labels.",
    )


def _is_segmentation(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            header = file.read(HEADER_BYTES).split(b"\n\n")[0]
    except OSError as error:
        raise InputError(
            f"The segmentation {path} cannot be opened: {error.strerror}.", "Check that you may read the file."
        ) from error
    return header.startswith(b"NRRD") and b"\nSegment0_" in header


def _from_segments(path: Path) -> LabeledSpine:
    segments, affine, _ = read_segments(path)
    return spine_of([(each.name, each.snomed, each.mask) for each in segments], affine, path.name)


def _from_labels(path: Path) -> LabeledSpine:
    volume = read(path)
    labels = _whole_numbers(volume.voxels, path.name)
    boxes = find_objects(labels)
    names = label_names(label for label, box in enumerate(boxes, 1) if box is not None)
    masks = [(name, "", mask_of(labels, boxes[label - 1], label)) for label, name in names.items()]
    spine = spine_of(masks, volume.affine, path.name)
    if not _is_a_row(spine):
        raise InputError(
            f"The labels of {path.name} are neither VerSe's nor those of TotalSegmentator (version 2): what they would "
            "stand for lies in no row from the head downward.",
            "Give a segmentation whose segments have names (.seg.nrrd).",
        )
    return spine


def _whole_numbers(voxels: np.ndarray, name: str) -> np.ndarray:
    """The voxels as int16 labels. Raises InputError where they are those of an image."""
    low, high = float(voxels.min()), float(voxels.max())
    if low >= 0 and high <= HIGHEST_LABEL:
        labels = voxels.astype(np.int16)
        if voxels.dtype.kind in "iu" or np.array_equal(labels, voxels):
            return labels
    raise InputError(f"{name} is an image, not a segmentation.", "Give a .seg.nrrd, or a map of labels.")


def _is_a_row(spine: LabeledSpine) -> bool:
    """Whether the vertebrae lie as their names say: the highest above the lowest, none farther from the one before it
    than vertebrae can be."""
    centers = [spine.masks[level].center_ras_mm(spine.affine) for level in spine.levels]
    places = list(positions(spine.levels).values())
    steps = zip(pairwise(centers), pairwise(places), strict=True)
    near = all(np.linalg.norm(below - above) <= FARTHEST_MM * (last - first) for (above, below), (first, last) in steps)
    return near and bool(centers[0][2] >= centers[-1][2])
