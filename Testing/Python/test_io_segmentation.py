# SPDX-License-Identifier: Apache-2.0
"""The `.seg.nrrd` file opens in Slicer with names, colors, terminology, overlaps and geometry."""

import numpy as np
import pytest

from SpineLib.core.anatomy import BY_NAME
from SpineLib.core.errors import InputError
from SpineLib.core.mask import Mask
from SpineLib.core.result import Fracture, SpineResult, Structure, Vertebra
from SpineLib.io import write_segmentation
from SpineLib.io.segmentation import read_masks, segment_ids

OBLIQUE = np.array(
    [[-0.48, 0.196, 0.42, 12.5], [-0.1272, -0.6503, -0.378, -40.25], [0.0568, -0.1708, 1.918, 7.75], [0, 0, 0, 1]]
)


def _block(shape, *bounds):
    array = np.zeros(shape, dtype=bool)
    array[tuple(slice(low, high) for low, high in bounds)] = True
    return Mask.from_array(array)


def _scan_result():
    shape = (20, 24, 12)
    return SpineResult(
        "ct_spine",
        shape,
        OBLIQUE,
        structures=(Structure("Spine", _block(shape, (2, 18), (2, 20), (1, 11)), 0.9),),
        vertebrae=(
            Vertebra("L1", 0.8, _block(shape, (4, 12), (5, 12), (2, 6))),
            Vertebra("T12", 0.7, _block(shape, (4, 12), (10, 18), (4, 9))),
            Vertebra("L2", 0.6, Mask.from_array(np.zeros(shape))),
            Vertebra("T13", 0.5, _block(shape, (14, 17), (5, 9), (2, 6))),
        ),
    )


def _film_result():
    shape = (30, 40, 1)
    mask = _block(shape, (10, 18), (3, 37), (0, 1))
    return SpineResult("ap_radiograph", shape, np.diag([-0.2, -0.3, 1.0, 1.0]), (Structure("Spine", mask, 1.0),))


def _masks(result):
    return {part.name: part.mask for part in result.structures} | {part.level: part.mask for part in result.vertebrae}


@pytest.mark.parametrize("result", [_scan_result(), _film_result()], ids=["scan", "film"])
def test_masks_and_geometry_come_back(tmp_path, result):
    write_segmentation(result, tmp_path / "Größe.seg.nrrd")
    masks, affine, shape = read_masks(tmp_path / "Größe.seg.nrrd")
    assert shape == result.shape
    assert np.allclose(affine, result.affine)
    assert set(masks) == set(_masks(result))
    for name, mask in _masks(result).items():
        assert np.array_equal(masks[name].to_array(), mask.to_array())


def test_a_result_without_any_part_is_written_and_read(tmp_path):
    write_segmentation(SpineResult("ap_radiograph", (5, 6, 1), np.eye(4)), tmp_path / "film.seg.nrrd")
    masks, _, shape = read_masks(tmp_path / "film.seg.nrrd")
    assert (masks, shape) == ({}, (5, 6, 1))


def test_parts_of_one_name_get_ids_of_their_own(tmp_path):
    shape = (9, 9, 1)
    discs = tuple(Structure("Disc", _block(shape, (1, 3), (2 * n, 2 * n + 1), (0, 1)), 1.0) for n in range(3))
    result = SpineResult("ap_radiograph", shape, np.eye(4), discs)
    assert segment_ids(result) == ["Disc", "Disc_2", "Disc_3"]
    write_segmentation(result, tmp_path / "film.seg.nrrd")
    masks, _, _ = read_masks(tmp_path / "film.seg.nrrd")
    assert [mask.origin[1] for mask in masks.values()] == [0, 2, 4]


@pytest.mark.parametrize("content", [b"", b"no segmentation", b"NRRD0004\ntype: uchar\n"])
def test_a_file_that_is_no_segmentation_is_refused(tmp_path, content):
    (tmp_path / "film.seg.nrrd").write_bytes(content)
    with pytest.raises(InputError, match="is not a segmentation"):
        read_masks(tmp_path / "film.seg.nrrd")


def test_a_plain_nrrd_and_a_missing_file_are_refused(tmp_path):
    nrrd = pytest.importorskip("nrrd")
    nrrd.write(str(tmp_path / "film.nrrd"), np.zeros((3, 4, 1), dtype=np.uint8))
    with pytest.raises(InputError, match="is not a segmentation"):
        read_masks(tmp_path / "film.nrrd")
    with pytest.raises(InputError, match="does not exist"):
        read_masks(tmp_path / "other.seg.nrrd")


def _open_in_slicer(path):
    slicer = pytest.importorskip("slicer", reason="needs slicer-core")
    scene = slicer.vtkMRMLScene()
    # The logic registers the conversions; without it Slicer knows no conversion parameters.
    logic = slicer.vtkSlicerSegmentationsModuleLogic()
    logic.SetMRMLScene(scene)
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = slicer.vtkMRMLSegmentationStorageNode()
    scene.AddNode(storage)
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    return (scene, logic), node.GetSegmentation()


def _slicer_mask(segmentation, identifier, affine, shape):
    """A segment of Slicer's as an array on the grid of the image, placed by its own geometry."""
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    image = segmentation.GetSegment(identifier).GetRepresentation("Binary labelmap")
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    to_world = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
    array = np.zeros(shape, dtype=bool)
    extent = image.GetExtent()
    if extent[1] < extent[0]:
        return array
    sizes = [extent[2 * axis + 1] - extent[2 * axis] + 1 for axis in range(3)]
    labels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(sizes[::-1]).transpose(2, 1, 0)
    inside = np.argwhere(labels == segmentation.GetSegment(identifier).GetLabelValue()) + np.array(extent[::2])
    world = np.c_[inside, np.ones(len(inside))] @ to_world.T
    index = world @ np.linalg.inv(affine).T
    assert np.allclose(index, np.rint(index), atol=1e-3)
    i, j, k = np.rint(index[:, :3]).astype(int).T
    array[i, j, k] = True
    return array


@pytest.mark.parametrize("result", [_scan_result(), _film_result()], ids=["scan", "film"])
def test_slicer_opens_every_segment_where_it_belongs(tmp_path, result):
    write_segmentation(result, tmp_path / "Größe.seg.nrrd")
    _scene, segmentation = _open_in_slicer(tmp_path / "Größe.seg.nrrd")
    assert segmentation.GetNumberOfSegments() == len(_masks(result))
    for number, (name, mask) in enumerate(_masks(result).items()):
        assert segmentation.GetNthSegmentID(number) == name
        seen = _slicer_mask(segmentation, name, result.affine, result.shape)
        assert np.array_equal(seen, mask.to_array()), name


def test_slicer_shows_names_colors_and_terminology(tmp_path):
    vtk = pytest.importorskip("vtk")
    write_segmentation(_scan_result(), tmp_path / "scan.seg.nrrd")
    _scene, segmentation = _open_in_slicer(tmp_path / "scan.seg.nrrd")
    for name in ("Spine", "L1", "T12", "T13"):
        segment = segmentation.GetSegment(name)
        assert segment.GetName() == name
        assert not segment.GetNameAutoGenerated()
        assert not segment.GetColorAutoGenerated()
        assert segment.GetColor() == pytest.approx(BY_NAME[name].color, abs=1e-4)
        tag = vtk.reference("")
        assert segment.GetTag(segment.GetTerminologyEntryTagName(), tag)
        fields = str(tag).split("~")
        assert fields[1] == "SCT^123037004^Anatomical Structure"
        assert fields[2] == f"SCT^{BY_NAME[name].snomed}^{BY_NAME[name].meaning}"


def test_overlapping_segments_lie_in_layers_of_their_own(tmp_path):
    write_segmentation(_scan_result(), tmp_path / "scan.seg.nrrd")
    _scene, segmentation = _open_in_slicer(tmp_path / "scan.seg.nrrd")
    layers = {segmentation.GetLayerIndex(name) for name in ("Spine", "L1", "T12")}
    assert len(layers) == 3
    assert segmentation.GetNumberOfLayers() == 3


def test_slicer_knows_the_image_geometry_that_the_segments_belong_to(tmp_path):
    vtk = pytest.importorskip("vtk")
    slicer = pytest.importorskip("slicer", reason="needs slicer-core")
    result = _scan_result()
    write_segmentation(result, tmp_path / "scan.seg.nrrd")
    _scene, segmentation = _open_in_slicer(tmp_path / "scan.seg.nrrd")
    text = segmentation.GetConversionParameter("Reference image geometry")
    geometry = slicer.vtkOrientedImageData()
    assert slicer.vtkSegmentationConverter.DeserializeImageGeometry(text, geometry)
    matrix = vtk.vtkMatrix4x4()
    geometry.GetImageToWorldMatrix(matrix)
    to_world = [[matrix.GetElement(row, column) for column in range(4)] for row in range(4)]
    assert np.allclose(to_world, result.affine)
    assert geometry.GetExtent() == (0, 19, 0, 23, 0, 11)


def test_a_film_has_no_closed_surface(tmp_path):
    write_segmentation(_film_result(), tmp_path / "film.seg.nrrd")
    _scene, segmentation = _open_in_slicer(tmp_path / "film.seg.nrrd")
    assert segmentation.ContainsRepresentation("Binary labelmap")
    assert not segmentation.ContainsRepresentation("Closed surface")


def _fractured_result():
    """Three vertebrae with bodies, one fractured, one whole, one not looked at for fractures."""
    shape = (20, 24, 30)
    masks = [_block(shape, (4, 12), (5, 20), (1 + 9 * n, 8 + 9 * n)) for n in range(3)]
    bodies = [_block(shape, (4, 12), (12, 20), (1 + 9 * n, 8 + 9 * n)) for n in range(3)]
    nothing = Mask.from_array(np.zeros(shape))
    broken = Fracture(_block(shape, (5, 11), (13, 19), (3, 5)), 0.91, 2, "wedge")
    vertebrae = (
        Vertebra("L2", 0.9, masks[0], body=bodies[0], fracture=broken),
        Vertebra("L1", 0.8, masks[1], body=bodies[1], fracture=Fracture(nothing, 0.04, 0)),
        Vertebra("T12", 0.7, masks[2], body=bodies[2]),
    )
    return SpineResult("ct_fracture", shape, OBLIQUE, vertebrae=vertebrae)


def test_fractures_with_a_mask_and_the_bodies_become_segments():
    assert segment_ids(_fractured_result()) == ["L2", "L1", "T12", "Vertebral bodies", "Fracture L2"]


def test_bodies_and_fractures_overlap_their_vertebrae_in_the_file(tmp_path):
    result = _fractured_result()
    write_segmentation(result, tmp_path / "scan.seg.nrrd")
    masks, _, _ = read_masks(tmp_path / "scan.seg.nrrd")
    bodies = sum(part.body.to_array() for part in result.vertebrae)
    assert np.array_equal(masks["Vertebral bodies"].to_array(), bodies)
    assert np.array_equal(masks["Fracture L2"].to_array(), result.vertebrae[0].fracture.mask.to_array())
    assert np.array_equal(masks["L2"].to_array(), result.vertebrae[0].mask.to_array())


def test_slicer_shows_a_fracture_in_red_with_the_term_of_its_vertebra(tmp_path):
    vtk = pytest.importorskip("vtk")
    write_segmentation(_fractured_result(), tmp_path / "scan.seg.nrrd")
    _scene, segmentation = _open_in_slicer(tmp_path / "scan.seg.nrrd")
    segment = segmentation.GetSegment("Fracture L2")
    red, green, blue = segment.GetColor()
    assert red > 0.8 and green == blue < 0.1
    tag = vtk.reference("")
    segment.GetTag(segment.GetTerminologyEntryTagName(), tag)
    assert str(tag).split("~")[2] == "SCT^14293000^Second lumbar vertebra"
    layers = {segmentation.GetLayerIndex(name) for name in ("L2", "Vertebral bodies", "Fracture L2")}
    assert len(layers) == 3


def test_more_segments_than_labels_fit_into_a_layer_are_kept(tmp_path):
    shape = (300, 2, 2)
    discs = tuple(Structure("Disc", _block(shape, (n, n + 1), (0, 2), (0, 2)), 1.0) for n in range(300))
    write_segmentation(SpineResult("ct_spine", shape, np.eye(4), discs), tmp_path / "scan.seg.nrrd")
    masks, _, _ = read_masks(tmp_path / "scan.seg.nrrd")
    assert [mask.origin[0] for mask in masks.values()] == list(range(300))
