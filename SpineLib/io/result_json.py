# SPDX-License-Identifier: Apache-2.0
"""The result as JSON, for other programs: names, landmarks, measurements, warnings and provenance, no patient data."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from SpineLib.core.anatomy import VERTEBRAL_BODIES
from SpineLib.core.errors import InputError
from SpineLib.core.film import Film
from SpineLib.core.mask import Mask
from SpineLib.core.result import DISCLAIMER, SCHEMA_VERSION, Fracture, Measurement, SpineResult, Structure, Vertebra
from SpineLib.io.output import safe_output
from SpineLib.io.segmentation import read_masks, segment_ids

CORNERS = ("top_left", "top_right", "bottom_left", "bottom_right")
"""Landmarks that make up `vertebrae[].corners`, in this order, as seen in the image."""


def write_json(result: SpineResult, path: str | Path, film: Film | None = None) -> None:
    """Write `result` to `path` (`NAME.json`).

    film: the picture of the input where it is a film; the file then tells its size and where in it each mask lies.
    Landmarks are written as they are: pixels (x, y) of films, RAS mm of scans. Raises ResourceError when the file
    cannot be written.
    """
    text = json.dumps(to_dict(result, film), indent=2, ensure_ascii=False, allow_nan=False)
    with safe_output(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def to_dict(result: SpineResult, film: Film | None = None) -> dict[str, Any]:
    """The content of the JSON file."""
    identifiers = iter(segment_ids(result))
    structure_ids = [next(identifiers) for _ in result.structures]
    vertebra_ids = [next(identifiers) for _ in result.vertebrae]
    if any(part.body is not None for part in result.vertebrae):
        next(identifiers)
    return _plain(
        {
            "schema_version": SCHEMA_VERSION,
            "disclaimer": DISCLAIMER,
            "task": result.task,
            "image": _image(result, film),
            "structures": [
                _structure(part, identifier, film)
                for part, identifier in zip(result.structures, structure_ids, strict=True)
            ],
            "vertebrae": [
                {**_vertebra(part, identifier, film), "fracture": _fracture(part.fracture, identifiers)}
                for part, identifier in zip(result.vertebrae, vertebra_ids, strict=True)
            ],
            "measurements": [vars(measurement) for measurement in result.measurements],
            "warnings": result.warnings,
            "provenance": result.provenance,
        }
    )


def read_result(segmentation_path: str | Path, json_path: str | Path) -> SpineResult:
    """The result that `write_segmentation` and `write_json` wrote. Raises InputError when the files do not fit."""
    content = _read_json(Path(json_path))
    masks, affine, shape = read_masks(segmentation_path)
    try:
        return SpineResult(
            task=content["task"],
            shape=shape,
            affine=affine,
            structures=tuple(
                Structure(part["name"], masks[part["segment"]], part["confidence"]) for part in content["structures"]
            ),
            vertebrae=tuple(_read_vertebra(part, masks) for part in content["vertebrae"]),
            measurements=tuple(_read_measurement(entry) for entry in content["measurements"]),
            warnings=tuple(content["warnings"]),
            provenance=content["provenance"],
        )
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{Path(segmentation_path).name} and {Path(json_path).name} do not belong together.",
            "Give the two files of one result.",
        ) from error


def _image(result: SpineResult, film: Film | None) -> dict[str, Any]:
    image: dict[str, Any] = {
        "coordinates": "pixels" if 1 in result.shape else "ras_mm",
        "shape": result.shape,
        "affine": result.affine,
    }
    if film is not None:
        image["rows"], image["columns"] = film.pixels.shape
    return image


def _structure(part: Structure, identifier: str, film: Film | None) -> dict[str, Any]:
    return {
        "name": part.name,
        "segment": identifier,
        "confidence": part.confidence,
        **_extent_of(part.mask, film),
    }


def _vertebra(part: Vertebra, identifier: str, film: Film | None) -> dict[str, Any]:
    has_corners = all(name in part.landmarks for name in CORNERS)
    return {
        "level": part.level,
        "segment": identifier,
        "confidence": part.confidence,
        "second_level": part.second_level,
        "second_confidence": part.second_confidence,
        "corners": [part.landmarks[name] for name in CORNERS] if has_corners else None,
        "landmarks": part.landmarks,
        "unmeasured": part.unmeasured,
        "body_voxels": None if part.body is None else part.body.count,
        **_extent_of(part.mask, film),
    }


def _fracture(fracture: Fracture | None, identifiers: Iterator[str]) -> dict[str, Any] | None:
    """identifiers: those of the fractures that have a segment, the next one first."""
    if fracture is None:
        return None
    return {
        "probability": fracture.probability,
        "genant_grade": fracture.genant_grade,
        "kind": fracture.kind,
        "segment": None if fracture.mask.is_empty else next(identifiers),
        "voxels": fracture.mask.count,
    }


def _extent_of(mask: Mask, film: Film | None) -> dict[str, Any]:
    """Voxel count and, on a film, the box [left, top, right, bottom] in pixels, both ends inside."""
    if film is None or mask.is_empty:
        return {"voxels": mask.count}
    box = []
    for axis, flip, size in zip(film.axes, film.flips, film.pixels.shape[::-1], strict=True):
        first, last = mask.origin[axis], mask.origin[axis] + mask.box.shape[axis] - 1
        box.append((size - 1 - last, size - 1 - first) if flip else (first, last))
    return {"voxels": mask.count, "box": [box[0][0], box[1][0], box[0][1], box[1][1]]}


def _plain(value: Any) -> Any:
    """Only what JSON knows: arrays and tuples become lists, what is not a number (NaN, infinite) becomes null."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (str, int, bool)) or value is None else str(value)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The result {path} cannot be opened: {error.strerror}.", "Check the path.") from error
    except ValueError as error:
        raise InputError(f"{path.name} is not a result or is damaged.", "Segment the image again.") from error
    if not isinstance(content, dict) or content.get("schema_version") != SCHEMA_VERSION:
        raise InputError(f"{path.name} is not a result of schema version {SCHEMA_VERSION}.", "Segment the image again.")
    return content


def _read_vertebra(part: dict[str, Any], masks: dict[str, Mask]) -> Vertebra:
    """One vertebra; its body is what it has in common with the union of all bodies."""
    landmarks = {name: tuple(point) for name, point in part["landmarks"].items()}
    mask = masks[part["segment"]]
    has_body = part.get("body_voxels") is not None
    body = mask.within(masks[VERTEBRAL_BODIES.name]) if has_body else None
    fracture = _read_fracture(part.get("fracture"), masks, mask.shape)
    second, its_confidence = part["second_level"], part.get("second_confidence")
    why = part.get("unmeasured", "")
    return Vertebra(part["level"], part["confidence"], mask, second, landmarks, body, fracture, its_confidence, why)


def _read_fracture(part: dict[str, Any] | None, masks: dict[str, Mask], shape: tuple[int, int, int]) -> Fracture | None:
    if part is None:
        return None
    none = Mask.empty(shape)
    mask = none if part["segment"] is None else masks[part["segment"]]
    return Fracture(mask, part["probability"], part["genant_grade"], part["kind"])


def _read_measurement(entry: dict[str, Any]) -> Measurement:
    value = math.nan if entry["value"] is None else entry["value"]
    return Measurement(**{**entry, "value": value, "levels": tuple(entry["levels"])})
