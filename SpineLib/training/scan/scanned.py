# SPDX-License-Identifier: Apache-2.0
"""A synthetic case as a clinical scanner would show it: voxels of any size, tilted, brought to the networks' grid.

What is painted on the networks' grid itself lacks the blur, the steps of thick slices and the grain that resampling
leaves in a real scan.
"""

from dataclasses import replace

import numpy as np

from SpineLib.inference.scan_grid import ScanGrid, nearest_on, resampled
from SpineLib.inference.scan_input import LOWEST_HU
from SpineLib.io.itk import image_of
from SpineLib.synthesis.ct.case import SyntheticCT, make_case, sample_spacing
from SpineLib.synthesis.ct.options import CtOptions


def scanned_case(seed: int, options: CtOptions) -> SyntheticCT:
    """The case of a seed with the exact truth on an upright grid of the options' shape and spacing, and the voxels of a
    scan with another spacing and tilt, resampled to it as scans are for inference. The truth ends where the scan does.

    The options must tell a shape and one spacing along all axes.
    """
    assert options.shape is not None and options.spacing_mm is not None
    truth = make_case(seed, replace(options, tilt_deg=0.0))
    spacing_mm = sample_spacing(np.random.default_rng((seed, 1)))
    extent_mm = np.array(options.shape) * np.array(options.spacing_mm)
    i, j, k = (max(8, int(size)) for size in np.rint(extent_mm / np.array(spacing_mm)))
    scan = make_case(seed, replace(options, spacing_mm=spacing_mm, shape=(i, j, k)))
    grid = ScanGrid(options.shape, options.spacing_mm[0], truth.affine[:3, 3])
    beyond = float(scan.voxels.min()) if truth.truth["randomized"] else LOWEST_HU
    voxels = np.rint(resampled(image_of(scan.voxels, scan.affine), grid, beyond)).astype(np.int16)
    shown = nearest_on(image_of(np.ones(scan.voxels.shape, np.uint8), scan.affine), grid)
    labels, parts, fractured = (each * shown for each in (truth.labels, truth.parts, truth.fractured))
    return replace(truth, voxels=voxels, labels=labels, parts=parts, fractured=fractured)
