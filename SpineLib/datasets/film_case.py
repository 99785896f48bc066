# SPDX-License-Identifier: Apache-2.0
"""One labeled film."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FilmCase:
    """A labeled film that is read when it is needed.

    pixels() -> `(rows, columns)` gray; mask() -> bool of the same shape. Films of one `patient_group` stay together.
    suspect: why the label is doubted, or "".
    """

    name: str
    patient_group: str
    pixels: Callable[[], np.ndarray]
    mask: Callable[[], np.ndarray]
    suspect: str = ""
