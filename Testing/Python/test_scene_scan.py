# SPDX-License-Identifier: Apache-2.0
"""Scans as nodes: taken as they are, shown in 3D with their fractures, endplates drawn, views brought there."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scan_fixtures import BROKEN, UNSURE_OF, add_scan, synthetic_case, true_result
from scene_fixtures import ORIENTATIONS, rotation

from SpineLib import io
from SpineLib.core.anatomy import FRACTURE
from SpineLib.core.errors import InputError

pytest_plugins = ["scene_fixtures"]
SPACED = np.diag([0.8, 0.9, 2.0, 1.0])


@pytest.fixture
def volume_of(scene: Any) -> Any:
    from SpineLib.scene.volume_from_node import volume_from_node

    return volume_from_node


@pytest.fixture
def shown(scene: Any) -> tuple[Any, Any]:
    """The scan and the segmentation of its true result."""
    from SpineLib.scene.show import show_result

    volume = add_scan()
    return volume, show_result(true_result(), volume)


def under_transform(node: Any, matrix: np.ndarray) -> Any:
    import slicer

    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Placed")
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    node.SetAndObserveTransformNodeID(transform.GetID())
    return transform


def lines(node: Any) -> list[Any]:
    from SpineLib.scene.vertebra_marks import marks_of

    return [mark for mark in marks_of(node) if mark.IsA("vtkMRMLMarkupsCurveNode")]


def names(node: Any) -> dict[str, np.ndarray]:
    """What is written in the scene beside a segmentation, and where, RAS mm."""
    from SpineLib.scene.vertebra_marks import marks_of

    (points,) = (mark for mark in marks_of(node) if mark.IsA("vtkMRMLMarkupsFiducialNode"))
    each = range(points.GetNumberOfControlPoints())
    return {points.GetNthControlPointLabel(n): np.array(points.GetNthControlPointPositionWorld(n)) for n in each}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_geometry_and_values_survive_node_volume_and_file(volume_of: Any, orientation: str, tmp_path: Path) -> None:
    import slicer

    from SpineLib.scene.volume_from_node import write_volume

    voxels = np.arange(-60, 60, dtype=np.int16).reshape(4, 5, 6)
    volume = volume_of(slicer.util.addVolumeFromArray(voxels, ORIENTATIONS[orientation]))
    write_volume(volume, tmp_path / "scan.nrrd")
    again = io.read(tmp_path / "scan.nrrd")
    assert volume.modality == again.modality == "ct"
    assert volume.view is None and volume.spacing_known
    np.testing.assert_allclose(again.affine, ORIENTATIONS[orientation], atol=1e-6)
    np.testing.assert_array_equal(again.voxels, voxels.transpose(2, 1, 0))


def test_a_scan_shown_inverted_keeps_its_values(volume_of: Any) -> None:
    node = add_scan()
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetAndObserveColorNodeID("vtkMRMLColorTableNodeInvertedGrey")
    np.testing.assert_array_equal(volume_of(node).voxels, synthetic_case().voxels)


def test_a_scan_may_be_moved_and_turned_but_not_stretched_or_bent(volume_of: Any, scene: Any) -> None:
    node = add_scan()
    transform = under_transform(node, ORIENTATIONS["oblique"] @ np.linalg.inv(np.diag([0.5, 0.25, 2.0, 1.0])))
    np.testing.assert_allclose(volume_of(node).affine, synthetic_case().affine)
    above = scene.AddNewNodeByClass("vtkMRMLBSplineTransformNode", "Bent")
    transform.SetAndObserveTransformNodeID(above.GetID())
    with pytest.raises(InputError, match="bends or stretches"):
        volume_of(node)
    transform.SetAndObserveTransformNodeID(None)
    under_transform(node, np.diag([1.0, 1.0, 1.2, 1.0]))
    with pytest.raises(InputError, match="Placed bends or stretches") as raised:
        volume_of(node)
    assert "Harden" in raised.value.hint


def test_a_tilted_gantry_is_told(volume_of: Any) -> None:
    import slicer

    slightly, sheared = SPACED.copy(), SPACED.copy()
    # What the shell reads from DICOM files: 0.4 degrees.
    slightly[1, 2], sheared[1, 2] = 0.014, 0.5
    assert volume_of(slicer.util.addVolumeFromArray(np.zeros((4, 5, 6), np.int16), slightly)).affine[1, 2] == 0.014
    with pytest.raises(InputError, match="right angles"):
        volume_of(slicer.util.addVolumeFromArray(np.zeros((4, 5, 6), np.int16), sheared))


def test_several_values_per_voxel_are_told(volume_of: Any) -> None:
    import slicer

    node = slicer.util.addVolumeFromArray(np.zeros((4, 5, 6, 2), np.int16), SPACED, "Two", "vtkMRMLVectorVolumeNode")
    with pytest.raises(InputError, match="2 values per voxel"):
        volume_of(node)


def test_the_header_tells_an_mri_and_a_single_slice_of_a_ct(volume_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import slicer
    from scene_fixtures import add_film
    from test_scene_volume import Headers

    from SpineLib import tasks

    for kind, node in (("MR", add_scan()), ("CT", add_film(np.zeros((8, 8), np.int16)))):
        node.SetAttribute("DICOM.instanceUIDs", "1.2.3")
        monkeypatch.setattr(slicer, "dicomDatabase", Headers(**{"0008,0060": kind}), raising=False)
        assert volume_of(node).modality == kind.lower()
    with pytest.raises(InputError, match="single slice of a scan"):
        tasks.choose(volume_of(node))


def test_every_segment_has_its_terminology_and_fractures_their_own_color(shown: tuple[Any, Any]) -> None:
    import slicer
    import vtk

    segmentation = shown[1].GetSegmentation()
    names = list(segmentation.GetSegmentIDs())
    assert {"Disc", "T9", BROKEN, "L4", "Vertebral bodies", f"Fracture {BROKEN}"} <= set(names)
    for name in names:
        entry = vtk.reference("")
        segmentation.GetSegment(name).GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), entry)
        assert "SCT^" in str(entry), name
    assert segmentation.GetSegment(f"Fracture {BROKEN}").GetColor() == pytest.approx(FRACTURE.color)
    np.testing.assert_array_equal(
        slicer.util.arrayFromSegmentBinaryLabelmap(shown[1], BROKEN, shown[0]).transpose(2, 1, 0) != 0,
        synthetic_case().labels == 20,
    )


def test_fractures_are_opaque_inside_translucent_vertebrae_in_3d(shown: tuple[Any, Any]) -> None:
    node = shown[1]
    display = node.GetDisplayNode()
    assert display.GetVisibility3D()
    assert node.GetSegmentation().ContainsRepresentation("Closed surface")
    assert node.GetClosedSurfaceInternalRepresentation(BROKEN).GetNumberOfPoints() > 100
    assert display.GetSegmentOpacity3D(f"Fracture {BROKEN}") == 1.0
    assert display.GetSegmentOpacity3D(BROKEN) < 0.6
    assert not display.GetSegmentVisibility("Vertebral bodies")


def test_without_fractures_vertebrae_are_opaque_and_have_no_lines(shown: tuple[Any, Any]) -> None:
    from SpineLib.scene.show import show_result

    healthy = tuple(replace(each, fracture=None) for each in true_result().vertebrae)
    node = show_result(replace(true_result(), task="ct", vertebrae=healthy), *shown)
    assert node.GetDisplayNode().GetSegmentOpacity3D(BROKEN) == 1.0
    assert node.GetSegmentation().GetSegment(f"Fracture {BROKEN}") is None
    assert lines(node) == []


def test_the_fracture_is_seen_red_in_the_3d_view(shown: tuple[Any, Any], three_d_view: Any) -> None:
    def is_red(picture: np.ndarray) -> np.ndarray:
        red, green, blue = (picture[..., channel].astype(int) for channel in range(3))
        return (red > 90) & (red > 2 * green) & (red > 2 * blue)

    for line in lines(shown[1]):
        line.GetDisplayNode().SetVisibility(False)
    three_d_view.fit()
    assert is_red(three_d_view.picture()).sum() > 20
    shown[1].GetDisplayNode().SetSegmentVisibility3D(f"Fracture {BROKEN}", False)
    assert is_red(three_d_view.picture()).sum() == 0


def test_endplates_are_lines_through_the_measured_points_in_one_folder(shown: tuple[Any, Any], scene: Any) -> None:
    broken = next(each for each in true_result().vertebrae if each.level == BROKEN)
    drawn = {line.GetName(): line for line in lines(shown[1])}
    line = drawn[f"{BROKEN} upper endplate"]
    points = [line.GetNthControlPointPosition(index) for index in range(line.GetNumberOfControlPoints())]
    wanted = [broken.landmarks[f"upper_endplate_{place}"] for place in ("anterior", "middle", "posterior")]
    np.testing.assert_allclose(points, wanted, atol=1e-6)
    assert line.GetDisplayNode().GetColor() == pytest.approx(FRACTURE.color)
    assert line.GetLocked()
    hierarchy = scene.GetSubjectHierarchyNode()
    parents = {hierarchy.GetItemParent(hierarchy.GetItemByDataNode(each)) for each in drawn.values()}
    assert [hierarchy.GetItemName(each) for each in parents] == ["CT spine marks"]


def test_a_further_result_replaces_lines_and_folder(shown: tuple[Any, Any], scene: Any) -> None:
    from SpineLib.scene.show import show_result

    before = len(lines(shown[1]))
    assert show_result(true_result(), *shown) is shown[1]
    assert len(lines(shown[1])) == before > 0
    assert scene.GetNumberOfNodesByClass("vtkMRMLMarkupsCurveNode") == before
    hierarchy = scene.GetSubjectHierarchyNode()
    import vtk

    items = vtk.vtkIdList()
    hierarchy.GetItemChildren(hierarchy.GetSceneItemID(), items, True)
    folders = [hierarchy.GetItemName(items.GetId(index)) for index in range(items.GetNumberOfIds())]
    assert folders.count("CT spine marks") == 1
    assert len(names(shown[1])) == len(true_result().vertebrae)


def test_every_vertebra_has_its_name_at_its_center(shown: tuple[Any, Any]) -> None:
    written = names(shown[1])
    assert f"{UNSURE_OF} (T11?)" in written
    for vertebra in true_result().vertebrae:
        told = next(place for name, place in written.items() if name.split()[0] == vertebra.level)
        np.testing.assert_allclose(told, shown[1].GetSegmentCenterRAS(vertebra.level), atol=25.0)
        body = vertebra.body.to_array()
        index = np.linalg.inv(true_result().affine) @ [*told, 1.0]
        assert body[tuple(np.rint(index[:3]).astype(int))], vertebra.level


def test_names_can_be_read_in_3d_through_the_bone(shown: tuple[Any, Any], three_d_view: Any) -> None:
    from SpineLib.scene.vertebra_marks import marks_of

    three_d_view.fit()
    written = three_d_view.picture()
    for mark in marks_of(shown[1]):
        mark.GetDisplayNode().SetVisibility(mark.IsA("vtkMRMLMarkupsCurveNode"))
    changed = (written.astype(int) - three_d_view.picture()).max(axis=2) > 40
    assert changed.sum() > 20 * len(true_result().vertebrae)


def test_segments_and_lines_follow_the_scans_transform(scene: Any) -> None:
    from SpineLib.scene.show import show_result
    from SpineLib.scene.views import to_world

    volume = add_scan()
    matrix = rotation(20, "A")
    matrix[:3, 3] = 30, -10, 5
    transform = under_transform(volume, matrix)
    node = show_result(true_result(), volume)
    assert node.GetParentTransformNode() is transform
    assert all(line.GetParentTransformNode() is transform for line in lines(node))
    here = next(each for each in true_result().vertebrae if each.level == BROKEN).landmarks["center"]
    np.testing.assert_allclose(names(node)[BROKEN], matrix[:3, :3] @ here + matrix[:3, 3], atol=1e-6)
    point = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(to_world(node, point), matrix[:3, :3] @ point + matrix[:3, 3], atol=1e-9)


def test_show_brings_three_planes_to_the_middle_of_the_spine(shown: tuple[Any, Any], qt_host: Any) -> None:
    import slicer

    from SpineLib.scene.views import show_on_views

    show_on_views(*shown)
    manager = qt_host.app.layoutManager()
    assert manager.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
    middle = shown[1].GetSegmentCenterRAS("L1")
    for name, axis in (("Red", 2), ("Green", 1), ("Yellow", 0)):
        view = manager.sliceWidget(name)
        assert view.sliceLogic().GetSliceCompositeNode().GetBackgroundVolumeID() == shown[0].GetID()
        assert view.mrmlSliceNode().GetSliceToRAS().GetElement(axis, 3) == pytest.approx(middle[axis], abs=1.0)
