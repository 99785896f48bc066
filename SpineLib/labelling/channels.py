# SPDX-License-Identifier: Apache-2.0
"""The order of the CT networks' output channels: training writes it, labeling reads it."""

from SpineLib.core.anatomy import VERTEBRAE

LEVEL_CHANNELS: tuple[str, ...] = ("", *(vertebra.name for vertebra in VERTEBRAE[:25]), "Sacrum", "T13")
"""Of the localizer: nothing, C1 .. L6, sacrum, T13."""

PARTS: tuple[str, ...] = ("", "body", "posterior", "disc", "sacrum")
"""The first channels of the vertebra network; three more are the way to the vertebra's center along i, j, k."""

OFFSET_UNIT_MM = 10.0
