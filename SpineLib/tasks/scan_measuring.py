# SPDX-License-Identifier: Apache-2.0
"""The measurements of a scan's vertebrae, and the landmarks they rest on."""

from collections.abc import Sequence
from dataclasses import replace

from SpineLib.core.anatomy import SACRUM
from SpineLib.core.result import Measurement, Structure, Vertebra
from SpineLib.core.volume import Volume
from SpineLib.tasks.scan_image import ScanImage


def measured(
    vertebrae: Sequence[Vertebra], structures: Sequence[Structure], volume: Volume, scan: ScanImage
) -> tuple[tuple[Vertebra, ...], tuple[Measurement, ...]]:
    """The vertebrae with their landmarks, RAS mm, and all measurements; densities only of Hounsfield units."""
    from SpineLib.measurement.scan_measurements import measure

    sacrum = next((part.mask for part in structures if part.name == SACRUM.name), None)
    voxels = None
    if scan.is_hu:
        voxels = volume.voxels if scan.shift == 0 else volume.voxels.astype("float32") + scan.shift
    found, readings = measure(vertebrae, volume.affine, voxels, sacrum=sacrum)
    named = tuple(replace(each, landmarks={**each.landmarks, **readings[each.level].landmarks}) for each in vertebrae)
    return named, tuple(found)
