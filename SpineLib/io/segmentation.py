# SPDX-License-Identifier: Apache-2.0
"""The `.seg.nrrd` file: masks with names, colors and terminology as Slicer stores them, overlaps in layers apart.

The format is described in Slicer's developer guide, "Segmentations", and in the docstrings of slicerio.
"""

import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import find_objects

from SpineLib.core.anatomy import BY_NAME, FRACTURE, VERTEBRAL_BODIES, Anatomy
from SpineLib.core.errors import InputError
from SpineLib.core.mask import Mask
from SpineLib.core.result import SpineResult, Structure, Vertebra
from SpineLib.core.volume import RAS_TO_LPS
from SpineLib.io.output import safe_output

TERMINOLOGY_CONTEXT = "Segmentation category and type - 3D Slicer General Anatomy list"
ANATOMIC_CONTEXT = "Anatomic codes - DICOM master list"
ANATOMICAL_STRUCTURE = ["SCT", "123037004", "Anatomical Structure"]
OWNER_TAG = "Spine.Task"
"""Segment tag that marks what the product made, so that a further run leaves hand-made segments alone."""
PLAIN_COLOR = (0.8, 0.8, 0.8)
COMPRESSION = 4
"""Masks shrink to a few thousandths at any level; the higher ones only take longer."""


def write_segmentation(result: SpineResult, path: str | Path) -> None:
    """Write all parts of `result` (see `parts_of`) to `path` (`NAME.seg.nrrd`), in the geometry of its input.

    Segments carry the ids of `segment_ids`. Raises ResourceError when the file cannot be written.
    """
    import slicerio

    parts = parts_of(result)
    voxels, places = _layers([part.mask for part in parts], result.shape)
    segments = [
        {**_segment(identifier, part, *place), "tags": {OWNER_TAG: result.task}}
        for identifier, part, place in zip(segment_ids(result), parts, places, strict=True)
    ]
    to_lps = RAS_TO_LPS @ result.affine
    content = {
        "voxels": voxels if len(voxels) > 1 else voxels[0],
        "ijkToLPS": to_lps,
        "containedRepresentationNames": ["Binary labelmap"],
        "conversionParameters": [_reference_geometry(result)],
        "segments": segments,
    }
    with safe_output(path) as temporary:
        slicerio.write_segmentation(str(temporary), content, compression_level=COMPRESSION)


@dataclass(frozen=True)
class Segment:
    """A segment of a file: id, name, SNOMED CT concept of its type ("" where it has none), mask."""

    id: str
    name: str
    snomed: str
    mask: Mask


def read_masks(path: str | Path) -> tuple[dict[str, Mask], np.ndarray, tuple[int, int, int]]:
    """Masks by segment id, affine (index -> RAS mm) and shape of a `.seg.nrrd` file. Raises InputError."""
    segments, affine, shape = read_segments(path)
    return {each.id: each.mask for each in segments}, affine, shape


def read_segments(path: str | Path) -> tuple[list[Segment], np.ndarray, tuple[int, int, int]]:
    """Segments, affine (index -> RAS mm) and shape of a `.seg.nrrd` file. Raises InputError."""
    import slicerio
    from nrrd import NRRDError

    path = Path(path)
    try:
        content = slicerio.read_segmentation(str(path))
    except FileNotFoundError as error:
        raise InputError(f"The segmentation {path} does not exist.", "Check the path and its spelling.") from error
    except (NRRDError, OSError, ValueError, LookupError, EOFError, StopIteration, zlib.error) as error:
        raise InputError(f"{path.name} is not a segmentation or is damaged.", "Segment the image again.") from error
    if "containedRepresentationNames" not in content:
        raise InputError(f"{path.name} is not a segmentation but an image.", "Give the file NAME.seg.nrrd of a result.")
    voxels = content["voxels"]
    shape = voxels.shape[-3:]
    layers = voxels.reshape(-1, *shape)
    # One look at each layer finds all boxes: a look for each segment would take seconds on a large scan.
    boxes = [find_objects(layer) for layer in layers]
    segments = []
    for segment in content["segments"]:
        index, label = segment.get("layer", 0), segment["labelValue"]
        box = boxes[index][label - 1] if label <= len(boxes[index]) else None
        concept = segment.get("terminology", {}).get("type", ("", "", ""))[1]
        mask = mask_of(layers[index], box, label)
        segments.append(Segment(segment["id"], segment.get("name", segment["id"]), concept, mask))
    affine = RAS_TO_LPS @ np.array(content["ijkToLPS"])
    return segments, affine, (int(shape[0]), int(shape[1]), int(shape[2]))


def mask_of(layer: np.ndarray, box: tuple[slice, ...] | None, label: int) -> Mask:
    """The mask of a label that lies in a box of a layer; box: as `find_objects` tells it, None where there is none."""
    shape = (int(layer.shape[0]), int(layer.shape[1]), int(layer.shape[2]))
    if box is None:
        return Mask.empty(shape)
    i, j, k = (int(part.start) for part in box)
    return Mask(layer[box] == label, (i, j, k), shape)


def parts_of(result: SpineResult) -> list[Structure | Vertebra]:
    """Everything of a result that has a mask, in the order of the segments.

    After the structures and the vertebrae come what lies inside the vertebrae: the union of their bodies, where they
    are told apart, so that bodies and posterior elements can be, and their fractures, each with its probability as its
    confidence, where the mask is not empty.
    """
    return [*result.structures, *result.vertebrae, *_bodies_of(result), *_fractures_of(result)]


def _bodies_of(result: SpineResult) -> list[Structure]:
    known = [(part.body, part.confidence) for part in result.vertebrae if part.body is not None]
    if not known:
        return []
    mask = Mask.union([body for body, _ in known])
    return [Structure(VERTEBRAL_BODIES.name, mask, min(confidence for _, confidence in known))]


def _fractures_of(result: SpineResult) -> list[Structure]:
    return [
        Structure(f"{FRACTURE.name} {part.level}", part.fracture.mask, part.fracture.probability)
        for part in result.vertebrae
        if part.fracture is not None and not part.fracture.mask.is_empty
    ]


def segment_ids(result: SpineResult) -> list[str]:
    """One id a part: its name, numbered from the second of the same name on."""
    taken: Counter[str] = Counter()
    identifiers: list[str] = []
    for part in parts_of(result):
        name = name_of(part)
        taken[name] += 1
        identifiers.append(name if taken[name] == 1 else f"{name}_{taken[name]}")
    return identifiers


def name_of(part: Structure | Vertebra) -> str:
    """The segment's name: a structure's name, a vertebra's level."""
    return part.level if isinstance(part, Vertebra) else part.name


def _layers(masks: list[Mask], shape: tuple[int, int, int]) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Label layers `(layers, I, J, K)` uint8 and each mask's (layer, label): the first layer where nothing is hit."""
    layers = [np.zeros(shape, dtype=np.uint8)]
    used = [0]
    places = []
    for mask in masks:
        free = (
            index for index, layer in enumerate(layers) if used[index] < 255 and not layer[mask.window][mask.box].any()
        )
        index = next(free, len(layers))
        if index == len(layers):
            layers.append(np.zeros(shape, dtype=np.uint8))
            used.append(0)
        used[index] += 1
        layers[index][mask.window][mask.box] = used[index]
        places.append((index, used[index]))
    return np.stack(layers), places


def _segment(identifier: str, part: Structure | Vertebra, layer: int, label: int) -> dict[str, Any]:
    name = name_of(part)
    anatomy = BY_NAME.get(name)
    segment: dict[str, Any] = {
        "id": identifier,
        "name": name,
        "nameAutoGenerated": False,
        "color": list(anatomy.color if anatomy else PLAIN_COLOR),
        "colorAutoGenerated": False,
        "layer": layer,
        "labelValue": label,
        "extent": _extent(part.mask),
    }
    if anatomy:
        segment["terminology"] = _terminology(anatomy)
    return segment


def _extent(mask: Mask) -> list[int]:
    """First and last index of each axis; an empty mask has last = first - 1."""
    return [
        bound for start, size in zip(mask.origin, mask.box.shape, strict=True) for bound in (start, start + size - 1)
    ]


def _terminology(anatomy: Anatomy) -> dict[str, Any]:
    return {
        "contextName": TERMINOLOGY_CONTEXT,
        "category": ANATOMICAL_STRUCTURE,
        "type": ["SCT", anatomy.snomed, anatomy.meaning],
        "anatomicContextName": ANATOMIC_CONTEXT,
    }


def _reference_geometry(result: SpineResult) -> dict[str, str]:
    """The parameter by which Slicer knows the image the segments were drawn on: matrix to RAS, then the extent."""
    extent = [bound for size in result.shape for bound in (0, size - 1)]
    numbers = [repr(float(value)) for value in result.affine.ravel()] + [str(bound) for bound in extent]
    return {
        "name": "Reference image geometry",
        "value": ";".join(numbers) + ";",
        # Slicer passes over a parameter that no "&" follows, and slicerio writes it only between two of them.
        "description": "Image geometry description string determining the geometry of the labelmap.&",
    }
