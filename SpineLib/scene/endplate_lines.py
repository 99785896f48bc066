# SPDX-License-Identifier: Apache-2.0
"""The endplates that heights were measured between, as curves."""

from typing import Any

import slicer
import vtk

from SpineLib.core.anatomy import FRACTURE
from SpineLib.core.result import SpineResult, Vertebra
from SpineLib.measurement.heights import PLACES

CURVE = "vtkMRMLMarkupsCurveNode"
PLAIN_COLOR = (1.0, 0.93, 0.35)
THICKNESS_MM = 0.8


def draw(result: SpineResult) -> list[Any]:
    """Two curves a vertebra, each of three points, where fractures were looked for and heights could be measured; red
    where height is lost (Genant grade above 0)."""
    return [_draw(name, points, color) for vertebra in result.vertebrae for name, points, color in _lines_of(vertebra)]


def _lines_of(vertebra: Vertebra) -> list[tuple[str, list[tuple[float, ...]], tuple[float, float, float]]]:
    """Name, points (RAS mm) and color of each line."""
    if vertebra.fracture is None:
        return []
    color = FRACTURE.color if vertebra.fracture.genant_grade else PLAIN_COLOR
    lines = []
    for side in ("upper", "lower"):
        names = [f"{side}_endplate_{place}" for place in PLACES]
        if all(name in vertebra.landmarks for name in names):
            points = [vertebra.landmarks[name] for name in names]
            lines.append((f"{vertebra.level} {side} endplate", points, color))
    return lines


def _draw(name: str, points: list[tuple[float, ...]], color: tuple[float, float, float]) -> Any:
    node = slicer.mrmlScene.AddNewNodeByClass(CURVE, name)
    node.CreateDefaultDisplayNodes()
    node.SetCurveTypeToLinear()
    for point in points:
        node.AddControlPoint(vtk.vtkVector3d(*point))
    display = node.GetDisplayNode()
    display.SetColor(*color)
    display.SetSelectedColor(*color)
    display.SetPointLabelsVisibility(False)
    display.SetPropertiesLabelVisibility(False)
    display.SetGlyphScale(0.5)
    display.SetCurveLineSizeMode(display.UseLineDiameter)
    display.SetLineDiameter(THICKNESS_MM)
    return node
