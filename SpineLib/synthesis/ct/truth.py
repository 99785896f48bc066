# SPDX-License-Identifier: Apache-2.0
"""The exact answer to a case, as it is written beside it."""

from typing import Any

import numpy as np
from scipy import ndimage

from SpineLib.core.anatomy import BY_NAME, DISC, SACRUM
from SpineLib.core.volume import RAS_TO_LPS
from SpineLib.synthesis.ct.fractures import genant_grade
from SpineLib.synthesis.ct.person import Person
from SpineLib.synthesis.ct.vertebra import Vertebra, endplate_points, height_loss, heights_mm

HEIGHTS = ("anterior", "middle", "posterior")


def describe_person(person: Person, labels: np.ndarray, spacing_mm: np.ndarray, cut: set[int]) -> dict[str, Any]:
    """What is in the image: names of labels, and every vertebra of which `labels` (I, J, K) holds a voxel. cut: codes
    of those that reach beyond a round field."""
    boxes = ndimage.find_objects(labels)
    shown = [vertebra for vertebra in reversed(person.vertebrae) if _box(boxes, vertebra) is not None]
    names = {str(BY_NAME[vertebra.level].code): vertebra.level for vertebra in shown}
    names |= {str(each.code): each.name for each in (SACRUM, DISC) if (labels == each.code).any()}
    found = {
        "spacing_mm": [round(float(step), 4) for step in spacing_mm],
        "labels": names,
        "parts": {"1": "vertebral body", "2": "posterior elements"},
        "variant": person.variant,
        "osteoporosis": person.osteoporotic,
        "implants": bool(person.metal) or any(vertebra.cement for vertebra in person.vertebrae),
        "vertebrae": [_describe(vertebra, labels, boxes, cut) for vertebra in shown],
    }
    if person.sacrum_looks is not None and str(SACRUM.code) in names:
        found["sacrum_shape"] = person.sacrum_looks.shape.source
    return found


def _box(boxes: list[Any], vertebra: Vertebra) -> tuple[slice, ...] | None:
    code = BY_NAME[vertebra.level].code
    return boxes[code - 1] if code <= len(boxes) else None


def _describe(vertebra: Vertebra, labels: np.ndarray, boxes: list[Any], cut: set[int]) -> dict[str, Any]:
    box = _box(boxes, vertebra)
    assert box is not None
    is_cut = any(part.start == 0 or part.stop == size for part, size in zip(box, labels.shape, strict=True))
    is_cut |= BY_NAME[vertebra.level].code in cut
    loss = height_loss(vertebra)
    fracture = vertebra.fracture
    found: dict[str, Any] = {
        "level": vertebra.level,
        "label": BY_NAME[vertebra.level].code,
        "voxels": int((labels[box] == BY_NAME[vertebra.level].code).sum()),
        "complete": not is_cut,
        "center_ras_mm": _rounded(RAS_TO_LPS[:3, :3] @ vertebra.pose.center),
        "up_ras": _rounded(RAS_TO_LPS[:3, :3] @ vertebra.pose.rotation[:, 2], 4),
        "endplates_ras_mm": _endplates(vertebra),
        "heights_mm": _heights(heights_mm(vertebra)),
        "expected_heights_mm": _heights(heights_mm(vertebra, deformed=False)),
        "height_loss": _heights(loss, 4),
        "genant_grade": genant_grade(max(loss)) if fracture is not None else 0,
        "fracture": fracture.kind if fracture is not None else None,
        "look_alike": vertebra.look_alike.kind if vertebra.look_alike is not None else None,
        "cement": vertebra.cement,
    }
    if vertebra.looks is not None:
        found["shape"] = f"{vertebra.looks.shape.source} {vertebra.looks.shape.level}"
    if fracture is not None and fracture.shape is not None and fracture.shape.retropulsion_mm:
        found["retropulsion_mm"] = round(fracture.shape.retropulsion_mm, 2)
    return found


def _endplates(vertebra: Vertebra) -> dict[str, dict[str, list[float]]] | None:
    """Lower and upper end of the line along which each height is measured."""
    points = endplate_points(vertebra)
    if points is None:
        return None
    ends = [vertebra.pose.world(pair) @ RAS_TO_LPS[:3, :3] for pair in points]
    return {
        name: {"lower": _rounded(lower), "upper": _rounded(upper)}
        for name, (lower, upper) in zip(HEIGHTS, ends, strict=True)
    }


def _heights(values: tuple[float, float, float] | None, digits: int = 2) -> dict[str, float] | None:
    return None if values is None else dict(zip(HEIGHTS, _rounded(values, digits), strict=True))


def _rounded(values: Any, digits: int = 2) -> list[float]:
    return [round(float(value), digits) for value in values]
