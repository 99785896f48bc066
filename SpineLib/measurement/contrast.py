# SPDX-License-Identifier: Apache-2.0
"""Whether the great vessels in front of the lumbar spine hold contrast agent, seen in the image. Our own rule.

Blood without it has some 30 to 60 HU; in the portal-venous phase aorta and vena cava have 120 and more, in the arterial
phase the aorta 250 and more.
"""

import numpy as np
from scipy import ndimage

BLOOD_HU = (110.0, 900.0)
"""A CT angiography of the aorta reaches 700 HU at low tube voltage."""
LEAST_CM3, LEAST_LENGTH_MM = 2.5, 27.0
"""A piece of vessel: what is smaller or shorter may be a calcified wall, a bowel loop or a renal vein."""


def holds_contrast(values_hu: np.ndarray, spacing_mm: float, is_near_bone: np.ndarray) -> bool:
    """values_hu: `(I, J, K)`, K along the body, of a region in front of the vertebral bodies, voxels of `spacing_mm`
    (some 3 mm). is_near_bone: bool of that shape; what bone brightens says nothing."""
    low, high = BLOOD_HU
    # Noise is averaged away; an opening takes off the thin walls of bowel and of calcified vessels.
    smooth = ndimage.gaussian_filter(values_hu, 0.7)
    bright = ndimage.binary_opening((smooth >= low) & (smooth <= high) & ~is_near_bone)
    pieces, count = ndimage.label(bright)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:] * spacing_mm**3 / 1000
    boxes = ndimage.find_objects(pieces)
    return any(
        size >= LEAST_CM3 and (box[2].stop - box[2].start) * spacing_mm >= LEAST_LENGTH_MM
        for size, box in zip(sizes, boxes, strict=True)
    )
