# SPDX-License-Identifier: Apache-2.0
"""A segmentation node's vertebrae on their way to the worker: names, places, transforms, and the node as it was."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scan_fixtures import add_scan, add_vertebrae, synthetic_case, true_result
from scene_fixtures import placed, rotation

from SpineLib.core.anatomy import DISC, VERTEBRAE, VERTEBRAL_BODIES
from SpineLib.core.errors import InputError
from SpineLib.core.mask import Mask
from SpineLib.io.labeled_spine import LabeledSpine, read_labeled_spine
from SpineLib.io.regrid import on_grid

pytest_plugins = ["scene_fixtures"]
CODES = {each.name: each.code for each in VERTEBRAE}


def sent(segmentation: Any, volume: Any, folder: Path) -> LabeledSpine:
    """What the worker reads."""
    from SpineLib.scene.vertebrae_from_node import write_vertebrae

    write_vertebrae(segmentation, volume, folder / "vertebrae.seg.nrrd")
    return read_labeled_spine(folder / "vertebrae.seg.nrrd")


def on_scan(spine: LabeledSpine, name: str) -> np.ndarray:
    case = synthetic_case()
    return on_grid(spine.masks[name], spine.affine, case.labels.shape, case.affine).to_array()


def add_transform(scene: Any, matrix: np.ndarray, *nodes: Any) -> Any:
    import slicer

    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    for node in nodes:
        node.SetAndObserveTransformNodeID(transform.GetID())
    return transform


def assert_true(spine: LabeledSpine) -> None:
    for level in spine.levels:
        assert np.array_equal(on_scan(spine, level), synthetic_case().labels == CODES[level]), level


@pytest.mark.parametrize("called", ["{}", "vertebrae_{}", "Vertebra {}"])
def test_segments_are_known_by_their_names(scene: Any, tmp_path: Path, called: str) -> None:
    spine = sent(add_vertebrae(called=called), add_scan(), tmp_path)
    assert spine.levels == [each.level for each in true_result().vertebrae]
    assert_true(spine)


def test_segments_are_known_by_their_terms(scene: Any, tmp_path: Path) -> None:
    import slicer

    from SpineLib.core.anatomy import BY_NAME
    from SpineLib.scene.show import terminology_entry

    node = add_vertebrae(called="Segment of {}", levels=("L1", "L2"))
    tag = slicer.vtkSegment.GetTerminologyEntryTagName()
    for level in ("L1", "L2"):
        node.GetSegmentation().GetSegment(f"Segment_{CODES[level]}").SetTag(tag, terminology_entry(BY_NAME[level]))
    spine = sent(node, add_scan(), tmp_path)
    assert spine.levels == ["L1", "L2"]
    assert_true(spine)


def test_a_result_of_ours_brings_its_discs_and_bodies_but_no_fracture(scene: Any, tmp_path: Path) -> None:
    from SpineLib.scene.show import show_result

    volume = add_scan()
    spine = sent(show_result(true_result(), volume), volume, tmp_path)
    assert spine.levels == [each.level for each in true_result().vertebrae]
    assert spine.masks.keys() - set(spine.levels) == {DISC.name, VERTEBRAL_BODIES.name}
    bodies = Mask.union([each.body for each in true_result().vertebrae]).to_array()
    assert np.array_equal(on_scan(spine, VERTEBRAL_BODIES.name), bodies)
    assert_true(spine)


def test_transforms_of_both_nodes_are_followed(scene: Any, tmp_path: Path) -> None:
    """The scan moved one way, the vertebrae drawn on it where it is shown."""
    moved = placed(rotation(20, "S") @ rotation(-30, "R"), (15.0, -40.0, 8.0))
    volume, vertebrae = add_scan(), add_vertebrae()
    both = add_transform(scene, moved, volume, vertebrae)
    assert_true(sent(vertebrae, volume, tmp_path))
    # The same place in the world, reached by the node's own coordinates: the parent hardened.
    hardened = add_vertebrae()
    hardened.SetAndObserveTransformNodeID(both.GetID())
    hardened.HardenTransform()
    assert hardened.GetParentTransformNode() is None
    spine = sent(hardened, volume, tmp_path)
    for level in spine.levels:
        found, truth = on_scan(spine, level), synthetic_case().labels == CODES[level]
        assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.85, level
    # Only the vertebrae are moved: they are sent where they are shown.
    volume.SetAndObserveTransformNodeID(None)
    elsewhere = sent(vertebrae, volume, tmp_path)
    center = elsewhere.masks["L1"].center_ras_mm(elsewhere.affine)
    at_first = Mask.from_array(synthetic_case().labels == CODES["L1"]).center_ras_mm(synthetic_case().affine)
    assert center == pytest.approx(moved[:3, :3] @ at_first + moved[:3, 3], abs=1e-3)


def test_segments_of_several_grids_come_together(scene: Any, tmp_path: Path) -> None:
    import slicer

    node, other = add_vertebrae(levels=("T12", "L1")), add_vertebrae(levels=("L2",))
    matrix = slicer.util.vtkMatrixFromArray(synthetic_case().affine @ np.diag([1, 1, 1, 1.0]))
    matrix.SetElement(0, 3, matrix.GetElement(0, 3) + 1.0)
    shifted = other.GetSegmentation().GetSegment(f"Segment_{CODES['L2']}")
    shifted.GetRepresentation("Binary labelmap").SetImageToWorldMatrix(matrix)
    node.GetSegmentation().AddSegment(shifted)
    spine = sent(node, add_scan(), tmp_path)
    assert spine.levels == ["T12", "L1", "L2"]
    truth = Mask.from_array(synthetic_case().labels == CODES["L2"]).center_ras_mm(synthetic_case().affine)
    assert spine.masks["L2"].center_ras_mm(spine.affine) == pytest.approx(truth + np.array([1, 0, 0]), abs=1.3)


def test_the_node_stays_as_it_was(scene: Any, tmp_path: Path) -> None:
    volume, node = add_scan(), add_vertebrae()
    changed = node.GetSegmentation().GetMTime()
    sent(node, volume, tmp_path)
    assert node.GetSegmentation().GetMTime() == changed
    assert node.GetSegmentation().ContainsRepresentation("Closed surface") is False


def test_surfaces_alone_are_enough(scene: Any, tmp_path: Path) -> None:
    volume, node = add_scan(), add_vertebrae(levels=("L1",))
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    node.CreateClosedSurfaceRepresentation()
    node.GetSegmentation().SetSourceRepresentationName("Closed surface")
    node.GetSegmentation().RemoveRepresentation("Binary labelmap")
    spine = sent(node, volume, tmp_path)
    found, truth = on_scan(spine, "L1"), synthetic_case().labels == CODES["L1"]
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.8
    assert not node.GetSegmentation().ContainsRepresentation("Binary labelmap")


def test_a_node_without_a_vertebra_is_told(scene: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Vertebrae holds no vertebra that can be named"):
        sent(add_vertebrae(called="Fracture {}"), add_scan(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_transform_that_shears_is_told(scene: Any, tmp_path: Path) -> None:
    shear = np.eye(4)
    shear[0, 2] = 0.3
    node = add_vertebrae()
    add_transform(scene, shear, node)
    with pytest.raises(InputError, match="not at right angles"):
        sent(node, add_scan(), tmp_path)
