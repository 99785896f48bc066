# SPDX-License-Identifier: Apache-2.0
"""A small synthetic CT with a fracture, as a volume node, and the result that its own truth makes."""

import functools
from typing import Any

from SpineLib.core.anatomy import DISC, VERTEBRAE
from SpineLib.core.mask import Mask
from SpineLib.core.result import Fracture, SpineResult, Structure, Vertebra
from SpineLib.core.volume import Volume
from SpineLib.synthesis.ct.case import SyntheticCT, make_case
from SpineLib.synthesis.ct.options import CtOptions
from SpineLib.tasks.ct_fracture import NAME
from SpineLib.tasks.scan_image import scan_image
from SpineLib.tasks.scan_measuring import measured

BROKEN = "L1"
SEED, SHAPE, SPACING_MM = 5, (56, 60, 74), (2.5, 2.5, 2.5)
UPRIGHT_SEED = 4_000_003
UNSURE_OF = "T10"


@functools.cache
def synthetic_case() -> SyntheticCT:
    """T9 to L4 of one person, L1 crushed."""
    return make_case(SEED, CtOptions(SHAPE, SPACING_MM, 12.0, BROKEN, "usual", "crush", False, False))


@functools.cache
def upright_case() -> SyntheticCT:
    """T10 to L5 of another person on a level grid, L2 crushed: enough for the shipped models."""
    return make_case(UPRIGHT_SEED, CtOptions((64, 64, 90), SPACING_MM, 0.0, "L2", "usual", "crush", False, False))


@functools.cache
def true_result() -> SpineResult:
    """What a faultless network would find: masks and fractures from the truth, measured as the task measures.

    The name of T10 is in doubt; L1 is surely fractured, the others hardly.
    """
    case = synthetic_case()
    volume = Volume(case.voxels, case.affine, "ct")
    found = [
        _vertebra(case, anatomy.name, anatomy.code) for anatomy in VERTEBRAE if (case.labels == anatomy.code).any()
    ]
    structures = (Structure(DISC.name, Mask.from_array(case.labels == DISC.code), 1.0),)
    vertebrae, measurements, _ = measured(found, structures, volume, scan_image(volume))
    provenance = {"software": "test", "model": {"id": "truth", "license": "Apache-2.0"}, "device": "cpu"}
    warnings = ("1 of 8 names is uncertain; check it.",)
    return SpineResult(NAME, SHAPE, case.affine, structures, vertebrae, measurements, warnings, provenance)


def _vertebra(case: SyntheticCT, level: str, code: int) -> Vertebra:
    whole = case.labels == code
    fracture = Fracture(
        Mask.from_array(whole & (case.fractured > 0)),
        0.97 if level == BROKEN else 0.02,
        2 if level == BROKEN else 0,
        "crush" if level == BROKEN else "",
    )
    unsure = level == UNSURE_OF
    return Vertebra(
        level,
        0.6 if unsure else 0.95,
        Mask.from_array(whole),
        "T11" if unsure else None,
        body=Mask.from_array(whole & (case.parts == 1)),
        fracture=fracture,
    )


def add_scan(case: SyntheticCT | None = None, name: str = "CT") -> Any:
    """The volume node of a case."""
    import slicer

    case = case or synthetic_case()
    return slicer.util.addVolumeFromArray(case.voxels.transpose(2, 1, 0), case.affine, name)


def add_vertebrae(
    case: SyntheticCT | None = None, called: str = "{}", levels: tuple[str, ...] = (), name: str = "Vertebrae"
) -> Any:
    """The true vertebrae as a segmentation node, one labelmap for all as Slicer keeps what does not overlap.

    called: how the segments are called, with {} for the level. levels: only these, () for all.
    """
    import slicer
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    case = case or synthetic_case()
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(case.labels.shape)
    image.SetImageToWorldMatrix(slicer.util.vtkMatrixFromArray(case.affine))
    values = case.labels.transpose(2, 1, 0).ravel()
    image.GetPointData().SetScalars(numpy_to_vtk(values, deep=True, array_type=vtk.VTK_UNSIGNED_CHAR))
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.GetSegmentation().SetSourceRepresentationName("Binary labelmap")
    for anatomy in VERTEBRAE:
        if (case.labels == anatomy.code).any() and (not levels or anatomy.name in levels):
            segment = slicer.vtkSegment()
            segment.SetName(called.format(anatomy.name))
            segment.SetLabelValue(anatomy.code)
            segment.AddRepresentation("Binary labelmap", image)
            node.GetSegmentation().AddSegment(segment, f"Segment_{anatomy.code}")
    return node
