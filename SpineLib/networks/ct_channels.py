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
LEVELS: tuple[str, ...] = tuple(COORDINATES)
"""The localizer's channels are: logit of the spine, then one logit a level in this order. Places are told apart as
levels and not as one number because a voxel may well be of L1 or of T13 but hardly of something between them."""
LOCALIZER_CHANNELS = 1 + len(LEVELS)

PARTS: tuple[str, ...] = ("", "body", "posterior", "disc", "sacrum")
REGIONS: tuple[str, ...] = ("C", "T", "L")
"""What a vertebra belongs to by its own look: neck, ribs, or loin; the letters that its level's name begins with."""
VERTEBRA_CHANNELS = len(PARTS) + 3 + len(REGIONS)
"""Of the vertebra network: logits of the parts, the way to the vertebra's center along i, j, k, logits of the
regions."""
FRACTURE_CLASSES: tuple[str, ...] = ("", "body", "posterior", "fractured")
"""Of the fracture network: nothing of a vertebra, healthy bone of body and posterior elements, fractured bone. It
learns sooner what is broken when it must tell what is whole, too."""
OFFSET_UNIT_MM = 10.0
