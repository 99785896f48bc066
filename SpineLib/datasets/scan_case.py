# SPDX-License-Identifier: Apache-2.0
"""One labeled scan."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from SpineLib import io
from SpineLib.core.errors import InputError
from SpineLib.core.volume import Volume
from SpineLib.datasets.same_grid import on_grid_of


class LabeledScan(NamedTuple):
    """A scan with its answer; arrays uint8 `(I, J, K)` of the volume's shape, in its order.

    labels: codes of `core.anatomy`. parts: 1 body, 2 posterior elements, or None where they are not told apart.
    fractured: 1 where a fracture is, or None where fractures are not marked.
    """

    volume: Volume
    labels: np.ndarray
    parts: np.ndarray | None
    fractured: np.ndarray | None


@dataclass(frozen=True)
class ScanCase:
    """A labeled scan that is read when it is needed.

    image: file, or folder of a DICOM series. labels() -> volume of label codes. codes: those that the data set defines,
    all of `core.anatomy`. unlabeled: codes of discs or sacrum where the set leaves them without labels. whole_only:
    whether vertebrae that the scan's ends cut have no labels. parts, fractured: files of the masks of that name in
    `LabeledScan`. fractures: label -> Genant grade of each fractured vertebra, -1 where the grade is unknown. is_hu:
    whether the voxels are Hounsfield units. Scans of one `patient_group` stay together. suspect: why the labels are
    doubted, or "".
    """

    name: str
    patient_group: str
    image: Path
    labels: Callable[[], Volume]
    codes: frozenset[int]
    parts: Path | None = None
    fractured: Path | None = None
    fractures: dict[int, int] = field(default_factory=dict)
    is_hu: bool = True
    suspect: str = ""
    unlabeled: frozenset[int] = frozenset()
    whole_only: bool = False

    def read(self) -> LabeledScan:
        """Read image and answer. Raises InputError for a file that cannot be read, labels that do not lie on the image
        and codes that the data set does not define."""
        volume = io.read(self.image)
        labels = self._codes_on(volume, "labels", self.labels(), self.codes)
        parts = self._mask_on(volume, "parts", self.parts, frozenset((1, 2)))
        fractured = self._mask_on(volume, "fractures", self.fractured, frozenset((1,)))
        return LabeledScan(volume, labels, parts, fractured)

    def _mask_on(self, image: Volume, what: str, path: Path | None, codes: frozenset[int]) -> np.ndarray | None:
        return None if path is None else self._codes_on(image, what, io.read(path), codes)

    def _codes_on(self, image: Volume, what: str, masks: Volume, codes: frozenset[int]) -> np.ndarray:
        found = on_grid_of(image, masks)
        if found is None:
            raise InputError(
                f"The {what} of {self.name} do not lie on the grid of its image.",
                "Get both files again, or take them out of the folder.",
            )
        with np.errstate(invalid="ignore"):
            whole = np.ascontiguousarray(found.astype(np.uint8))
        fits = whole == found
        unknown = set(np.unique(whole[fits]).tolist()) - codes - {0} | set(np.unique(found[~fits]).tolist())
        if unknown:
            shown = ", ".join(f"{value:g}" for value in sorted(unknown)[:5])
            raise InputError(
                f"The {what} of {self.name} hold values that this data set does not define: {shown}.",
                "Check that the folder is of the data set it is read as, or remove the scan.",
            )
        return whole
