# SPDX-License-Identifier: Apache-2.0
"""From a scan to what the networks see, and back. Training and inference prepare values by the same code."""

import numpy as np

LOWEST_HU, HIGHEST_HU, UNIT_HU = -1000.0, 1500.0, 500.0


def network_values(voxels_hu: np.ndarray) -> np.ndarray:
    """HU of any type and shape -> float32 from -2 (air) to 3 (metal and the densest bone)."""
    values = np.clip(voxels_hu, LOWEST_HU, HIGHEST_HU).astype(np.float32, copy=False)
    values /= np.float32(UNIT_HU)
    return values
