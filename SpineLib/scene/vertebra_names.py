# SPDX-License-Identifier: Apache-2.0
"""The vertebrae's names at their centers, as one list of points, to be read in 3D and in slices through the middle."""

from typing import Any

import numpy as np
import slicer
import vtk

from SpineLib.core.mask import Mask
from SpineLib.core.result import SpineResult
from SpineLib.reporting.vertebra_table import rows_of

POINTS = "vtkMRMLMarkupsFiducialNode"
COLOR = (1.0, 1.0, 1.0)
TEXT_SCALE, GLYPH_SCALE = 3.0, 0.7


def draw(result: SpineResult) -> list[Any]:
    """One node for a scan's vertebrae, none where there are none; a doubtful name shows its second reading, too."""
    if not result.vertebrae or 1 in result.shape:
        return []
    node = slicer.mrmlScene.AddNewNodeByClass(POINTS, "Names of the vertebrae")
    node.CreateDefaultDisplayNodes()
    for row, vertebra in zip(rows_of(result), result.vertebrae, strict=True):
        center = row.center or _middle(vertebra.mask, result.affine)
        node.AddControlPoint(vtk.vtkVector3d(*center), row.name)
    display = node.GetDisplayNode()
    display.SetSelectedColor(*COLOR)
    display.SetColor(*COLOR)
    display.SetTextScale(TEXT_SCALE)
    display.SetGlyphScale(GLYPH_SCALE)
    # The centers lie inside the vertebrae.
    display.SetOccludedVisibility(True)
    display.SetOccludedOpacity(1.0)
    return [node]


def _middle(mask: Mask, affine: np.ndarray) -> np.ndarray:
    """The center of a mask, RAS mm."""
    return affine[:3, :3] @ (np.argwhere(mask.box).mean(axis=0) + mask.origin) + affine[:3, 3]
