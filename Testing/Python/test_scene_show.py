# SPDX-License-Identifier: Apache-2.0
"""Results become segmentation nodes: right place, right names, beside their input, updated rather than piled up."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scene_fixtures import ORIENTATIONS, add_film

from SpineLib.core.errors import InputError
from SpineLib.core.mask import Mask
from SpineLib.core.result import SpineResult, Structure, Vertebra
from SpineLib.io import write_segmentation

pytest_plugins = ["scene_fixtures"]
SHAPE = (20, 30, 1)
PICTURE = np.zeros((30, 20), dtype=np.int16)


def block(rows: slice, columns: slice = slice(5, 12)) -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[columns, rows] = True
    return mask


SPINE, L1, L2 = block(slice(2, 27)), block(slice(5, 13)), block(slice(11, 20), slice(4, 13))


def spine_result(affine: np.ndarray = ORIENTATIONS["flat"], mask: np.ndarray = SPINE) -> SpineResult:
    return SpineResult("ap", SHAPE, affine, (Structure("Spine", Mask.from_array(mask), 0.9),))


def levels_result() -> SpineResult:
    vertebrae = (Vertebra("L1", 0.9, Mask.from_array(L1)), Vertebra("L2", 0.8, Mask.from_array(L2)))
    return SpineResult("ap", SHAPE, ORIENTATIONS["flat"], vertebrae=vertebrae)


@pytest.fixture
def show(scene: Any) -> Any:
    from SpineLib.scene.show import show_result

    return show_result


def mask_in(node: Any, segment: str, volume: Any) -> np.ndarray:
    import slicer

    return slicer.util.arrayFromSegmentBinaryLabelmap(node, segment, volume).transpose(2, 1, 0) != 0


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_mask_lies_on_the_same_voxels_in_every_orientation(show: Any, orientation: str) -> None:
    affine = ORIENTATIONS[orientation]
    volume = add_film(PICTURE, affine)
    node = show(spine_result(affine), volume)
    np.testing.assert_array_equal(mask_in(node, "Spine", volume), SPINE)


def test_names_colors_and_terminology_are_set(show: Any) -> None:
    import slicer
    import vtk

    segment = show(levels_result(), add_film(PICTURE)).GetSegmentation().GetSegment("L1")
    entry = vtk.reference("")
    segment.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), entry)
    assert segment.GetName() == "L1"
    assert segment.GetColor() == pytest.approx((0.47, 0.45, 0.84))
    assert "SCT^66794005^First lumbar vertebra" in str(entry)


def test_overlapping_vertebrae_are_both_whole(show: Any) -> None:
    volume = add_film(PICTURE)
    node = show(levels_result(), volume)
    assert (L1 & L2).any()
    np.testing.assert_array_equal(mask_in(node, "L1", volume), L1)
    np.testing.assert_array_equal(mask_in(node, "L2", volume), L2)


def test_the_result_hangs_under_the_same_transform(show: Any, scene: Any) -> None:
    import slicer

    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(ORIENTATIONS["oblique"]))
    volume = add_film(PICTURE)
    volume.SetAndObserveTransformNodeID(transform.GetID())
    node = show(spine_result(), volume)
    assert node.GetParentTransformNode() is transform
    bounds, expected = np.zeros(6), np.zeros(6)
    node.GetRASBounds(bounds)
    volume.GetRASBounds(expected)
    assert (bounds[0::2] >= expected[0::2] - 1e-6).all() and (bounds[1::2] <= expected[1::2] + 1e-6).all()


def test_the_result_lies_beside_its_input_in_the_hierarchy(show: Any, scene: Any) -> None:
    hierarchy = scene.GetSubjectHierarchyNode()
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "Study")
    volume = add_film(PICTURE)
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), study)
    node = show(spine_result(), volume)
    assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == study


def test_the_reference_geometry_is_the_films(show: Any) -> None:
    volume = add_film(PICTURE, ORIENTATIONS["oblique"])
    node = show(spine_result(ORIENTATIONS["oblique"]), volume)
    assert node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole()) is volume


def test_a_further_result_updates_the_same_node(show: Any, scene: Any) -> None:
    volume = add_film(PICTURE)
    node = show(spine_result(), volume)
    again = show(spine_result(mask=L1), volume, node)
    assert again is node
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1
    assert list(node.GetSegmentation().GetSegmentIDs()) == ["Spine"]
    np.testing.assert_array_equal(mask_in(node, "Spine", volume), L1)


def test_a_second_click_keeps_every_vertebra_and_gives_it_its_name_again(show: Any) -> None:
    """After the first one the segments share a labelmap, in which each has a value of its own."""
    apart = L2 & ~L1
    vertebrae = (Vertebra("L1", 0.9, Mask.from_array(L1)), Vertebra("L2", 0.8, Mask.from_array(apart)))
    result = SpineResult("ct", SHAPE, ORIENTATIONS["flat"], vertebrae=vertebrae)
    volume = add_film(PICTURE)
    node = show(result, volume)
    node.GetSegmentation().GetSegment("L1").SetName("T13")
    for _ in range(2):
        show(result, volume, node)
        for level, mask in (("L1", L1), ("L2", apart)):
            np.testing.assert_array_equal(mask_in(node, level, volume), mask)
            assert node.GetSegmentation().GetSegment(level).GetName() == level


def test_hand_made_segments_stay_and_earlier_results_go(show: Any) -> None:
    volume = add_film(PICTURE)
    node = show(spine_result(), volume)
    node.GetSegmentation().AddEmptySegment("Mine", "Mine")
    show(levels_result(), volume, node)
    assert sorted(node.GetSegmentation().GetSegmentIDs()) == ["L1", "L2", "Mine"]


def test_a_hand_made_segment_of_a_vertebras_name_stays_and_the_vertebra_comes_beside_it(show: Any) -> None:
    volume = add_film(PICTURE)
    node = show(spine_result(), volume)
    node.GetSegmentation().AddEmptySegment("L1", "L1")
    for _ in range(2):
        show(levels_result(), volume, node)
        assert sorted(node.GetSegmentation().GetSegmentIDs()) == ["L1", "L1-2", "L2"]
        np.testing.assert_array_equal(mask_in(node, "L1-2", volume), L1)


def test_a_result_that_was_loaded_from_a_file_is_replaced(show: Any, scene: Any, tmp_path: Path) -> None:
    write_segmentation(levels_result(), tmp_path / "film.seg.nrrd")
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(tmp_path / "film.seg.nrrd"))
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    assert storage.ReadData(node)
    show(spine_result(), add_film(PICTURE), node)
    assert list(node.GetSegmentation().GetSegmentIDs()) == ["Spine"]


def test_a_color_chosen_by_the_user_survives_an_update(show: Any) -> None:
    volume = add_film(PICTURE)
    node = show(spine_result(), volume)
    node.GetSegmentation().GetSegment("Spine").SetColor(0, 0, 1)
    show(spine_result(mask=L1), volume, node)
    assert node.GetSegmentation().GetSegment("Spine").GetColor() == (0, 0, 1)


def test_a_film_gets_a_labelmap_only(show: Any) -> None:
    node = show(spine_result(), add_film(PICTURE))
    segmentation = node.GetSegmentation()
    assert segmentation.ContainsRepresentation("Binary labelmap")
    assert not segmentation.ContainsRepresentation("Closed surface")
    assert not node.GetDisplayNode().GetVisibility3D()


def test_nothing_found_gives_an_empty_segment_to_draw_in(show: Any) -> None:
    volume = add_film(PICTURE)
    node = show(spine_result(mask=np.zeros(SHAPE, dtype=bool)), volume)
    assert list(node.GetSegmentation().GetSegmentIDs()) == ["Spine"]
    assert not mask_in(node, "Spine", volume).any()


def test_the_scene_can_be_taken_back(show: Any, scene: Any) -> None:
    volume = add_film(PICTURE)
    scene.SetUndoOn()
    try:
        show(spine_result(), volume)
        assert scene.GetNumberOfUndoLevels() == 1
    finally:
        scene.SetUndoOff()
        scene.ClearUndoStack()


def test_a_volume_that_changed_meanwhile_is_refused(show: Any) -> None:
    with pytest.raises(InputError, match="changed during the work"):
        show(spine_result(), add_film(PICTURE[:-1]))


@pytest.mark.parametrize("orientation", ["flat", "oblique", "left-handed and oblique"])
def test_segmentation_files_bring_everything_back(show: Any, scene: Any, tmp_path: Path, orientation: str) -> None:
    import slicer

    affine = ORIENTATIONS[orientation]
    volume = add_film(PICTURE, affine)
    path = tmp_path / "Spine.seg.nrrd"
    assert slicer.util.saveNode(show(spine_result(affine), volume), str(path))
    again = slicer.util.loadSegmentation(str(path))
    np.testing.assert_array_equal(mask_in(again, "Spine", volume), SPINE)
    assert again.GetSegmentation().GetSegment("Spine").GetColor() == pytest.approx((0.95, 0.84, 0.57), abs=1e-3)


def test_a_scene_bundle_brings_everything_back(show: Any, scene: Any, tmp_path: Path) -> None:
    import slicer

    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Placed")
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(ORIENTATIONS["oblique"]))
    volume = add_film(PICTURE)
    volume.SetAndObserveTransformNodeID(transform.GetID())
    show(levels_result(), volume)
    path = tmp_path / "scene.mrb"
    assert slicer.util.saveScene(str(path))
    scene.Clear(False)
    slicer.util.loadScene(str(path), {"clear": True})
    volume = slicer.util.getNode("Film")
    node = slicer.util.getNode("Film spine")
    assert node.GetParentTransformNode().GetName() == "Placed"
    np.testing.assert_array_equal(mask_in(node, "L1", volume), L1)
    np.testing.assert_array_equal(mask_in(node, "L2", volume), L2)


@pytest.mark.parametrize("orientation", ["flat", "coronal", "oblique"])
def test_the_mask_is_seen_on_the_film(show: Any, qt_host: Any, orientation: str) -> None:
    from SpineLib.scene.views import show_on_views

    affine = ORIENTATIONS[orientation] @ np.diag([8.0, 16.0, 1.0, 1.0])
    volume = add_film(PICTURE, affine)
    volume.CreateDefaultDisplayNodes()
    node = show(spine_result(affine), volume)
    show_on_views(volume, node)
    shown = {"flat": "Red", "coronal": "Green", "oblique": "Green"}[orientation]
    view = qt_host.app.layoutManager().slice_views[shown]
    with_mask = is_yellowish(view.picture())
    node.GetDisplayNode().SetVisibility(False)
    assert with_mask.mean() > 0.02
    assert not is_yellowish(view.picture()).any()


def is_yellowish(picture: np.ndarray) -> np.ndarray:
    return picture[..., 0].astype(int) - picture[..., 2] > 20
