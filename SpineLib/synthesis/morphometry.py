# SPDX-License-Identifier: Apache-2.0
"""Sizes of an average adult's vertebrae in mm, one table line each, from the lowest upward.

Rounded from the tables of Panjabi et al., "Cervical human vertebrae" (Spine 1991), "Thoracic human vertebrae" (Spine
1991) and "Human lumbar vertebrae" (Spine 1992). Disc heights and the slopes of the processes are our choice.
"""

from typing import NamedTuple


class Size(NamedTuple):
    """Widths run left to right, depths front to back, heights along the spine; all in mm, slopes in degrees."""

    level: str
    upper_width: float
    lower_width: float
    upper_depth: float
    lower_depth: float
    height: float
    disc_below: float
    pedicle_width: float
    pedicle_height: float
    canal_width: float
    canal_depth: float
    process_span: float
    """Tip to tip of the transverse processes."""
    spinous_length: float
    spinous_slope: float
    """Downward slope of the spinous process."""


SIZES: tuple[Size, ...] = (
    Size("L5", 47.3, 49.4, 34.7, 33.2, 25.0, 10.5, 15.5, 17.0, 27.1, 19.7, 92.5, 30.0, 15.0),
    Size("L4", 46.6, 49.5, 35.5, 33.9, 26.0, 11.5, 12.5, 15.5, 25.4, 18.6, 78.6, 36.0, 12.0),
    Size("L3", 44.1, 48.0, 35.2, 34.8, 26.0, 11.0, 10.1, 14.4, 24.3, 17.5, 85.7, 37.0, 12.0),
    Size("L2", 42.6, 45.5, 34.6, 34.9, 25.5, 10.0, 8.6, 15.0, 23.8, 18.2, 76.1, 36.0, 14.0),
    Size("L1", 41.2, 43.3, 34.1, 35.3, 25.0, 9.0, 8.6, 15.9, 23.7, 19.0, 71.2, 35.0, 18.0),
    Size("T12", 39.0, 42.1, 32.8, 33.4, 23.9, 7.5, 8.8, 16.7, 22.2, 18.1, 46.9, 34.0, 20.0),
    Size("T11", 34.9, 39.1, 31.9, 31.8, 22.2, 6.5, 8.8, 16.6, 19.4, 16.0, 51.8, 34.0, 26.0),
    Size("T10", 31.9, 35.4, 30.5, 31.6, 20.8, 5.5, 7.7, 14.9, 18.2, 15.5, 58.4, 36.0, 34.0),
    Size("T9", 30.6, 33.0, 29.3, 31.0, 19.7, 5.0, 7.0, 13.9, 17.9, 15.4, 59.9, 40.0, 44.0),
    Size("T8", 29.5, 30.5, 27.9, 29.4, 19.1, 4.8, 6.7, 12.5, 17.7, 15.9, 59.9, 44.0, 52.0),
    Size("T7", 27.8, 29.1, 27.4, 28.5, 18.6, 4.6, 6.0, 12.1, 17.3, 15.8, 60.4, 45.0, 56.0),
    Size("T6", 26.2, 28.2, 26.0, 26.9, 17.8, 4.5, 6.0, 12.2, 17.3, 16.2, 61.4, 45.0, 55.0),
    Size("T5", 24.9, 27.0, 24.3, 25.8, 16.9, 4.4, 6.0, 11.9, 17.2, 16.2, 61.3, 44.0, 52.0),
    Size("T4", 24.5, 26.0, 23.3, 24.5, 16.5, 4.4, 6.3, 12.1, 17.0, 16.2, 62.0, 43.0, 46.0),
    Size("T3", 24.6, 25.9, 22.7, 23.3, 16.1, 4.5, 6.8, 11.9, 18.4, 15.8, 65.0, 42.0, 40.0),
    Size("T2", 24.9, 27.4, 19.6, 21.6, 15.8, 4.8, 8.2, 11.4, 19.5, 15.5, 69.4, 42.0, 34.0),
    Size("T1", 25.5, 27.8, 18.5, 19.7, 14.9, 5.0, 8.5, 9.6, 21.8, 16.4, 75.3, 42.0, 28.0),
    Size("C7", 21.8, 23.4, 18.1, 16.8, 13.5, 5.2, 6.5, 7.5, 24.5, 15.2, 66.6, 40.0, 24.0),
    Size("C6", 18.5, 22.0, 16.4, 18.5, 11.8, 5.3, 6.0, 7.3, 25.8, 18.1, 52.0, 27.0, 24.0),
    Size("C5", 17.5, 19.4, 15.2, 17.9, 11.6, 5.2, 5.6, 7.0, 24.7, 17.7, 48.0, 22.0, 22.0),
    Size("C4", 17.2, 17.6, 15.3, 15.9, 11.7, 5.1, 5.4, 7.4, 24.7, 17.7, 46.0, 21.0, 22.0),
    Size("C3", 15.8, 17.2, 15.0, 15.6, 12.0, 5.0, 5.6, 7.4, 22.9, 16.2, 45.0, 20.0, 22.0),
)
LABELED = tuple(size.level for size in reversed(SIZES) if size.level[0] in "TL")
"""T1 .. L5: the levels a film of the spine is labeled with."""
