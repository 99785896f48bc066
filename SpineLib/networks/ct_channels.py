# SPDX-License-Identifier: Apache-2.0
"""The order of the CT networks' output channels: training writes it, inference and labeling read it."""

from SpineLib.core.anatomy import VERTEBRAE

COORDINATES: dict[str, float] = {
    **{vertebra.name: float(vertebra.code) for vertebra in VERTEBRAE[:24]},
    "T13": 19.5,
    "L6": 24.6,
    "Sacrum": 25.6,
}
"""Places along the spine, from the head downward, one step a vertebra: C1 is 1, T1 8, L1 20. Extra vertebrae lie
between their neighbors."""
LEVELS: tuple[str, ...] = tuple(name for name in COORDINATES if name != "Sacrum")
COORDINATE_MIDDLE, COORDINATE_UNIT = 14.0, 8.0
"""The localizer's channels are: logit of the spine; coordinate as (coordinate - middle) / unit; logarithm of the spread
of that coordinate, in steps, as of a Laplace distribution."""
LOCALIZER_CHANNELS = 3

PARTS: tuple[str, ...] = ("", "body", "posterior", "disc", "sacrum")
"""The first channels of the vertebra network; three more are the way to the vertebra's center along i, j, k."""

OFFSET_UNIT_MM = 10.0
