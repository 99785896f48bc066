# SPDX-License-Identifier: Apache-2.0
"""The host's scene loads, saves and arranges data as Slicer's does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest_plugins = ["mrml_fixtures"]


@pytest.fixture
def segmented_film(scene: Any) -> tuple[Any, Any]:
    """A film of 40 x 60 pixels and its segmentation with one segment of 10 x 20 pixels."""
    import slicer

    film = slicer.util.addVolumeFromArray(np.zeros((1, 40, 60), np.int16), name="Film")
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Mask")
    segmentation.CreateDefaultDisplayNodes()
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(film)
    segment = segmentation.GetSegmentation().AddEmptySegment("Spine", "Spine", [1.0, 0.5, 0.0])
    mask = np.zeros((1, 40, 60), np.uint8)
    mask[0, 10:20, 30:50] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentation, segment, film)
    return film, segmentation


def test_each_test_begins_with_an_empty_scene_and_working_views(scene: Any) -> None:
    assert scene.GetNumberOfNodesByClass("vtkMRMLVolumeNode") == 0
    assert scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode") == 3


def test_segmentation_survives_saving_and_loading(segmented_film: Any, scene: Any, tmp_path: Path) -> None:
    import slicer

    film, segmentation = segmented_film
    path = tmp_path / "mask.seg.nrrd"
    assert slicer.util.saveNode(segmentation, str(path))
    loaded = slicer.util.loadSegmentation(path)
    segment = loaded.GetSegmentation().GetSegment("Spine")
    assert segment.GetColor() == pytest.approx((1.0, 0.5, 0.0))
    assert slicer.util.arrayFromSegmentBinaryLabelmap(loaded, "Spine", film).sum() == 200


def test_scene_bundle_survives_saving_and_loading(segmented_film: Any, scene: Any, tmp_path: Path) -> None:
    import slicer

    path = tmp_path / "scene.mrb"
    assert slicer.util.saveScene(str(path))
    scene.Clear(False)
    slicer.util.loadScene(str(path), {"clear": True})
    film, segmentation = slicer.util.getNode("Film"), slicer.util.getNode("Mask")
    assert slicer.util.arrayFromVolume(film).shape == (1, 40, 60)
    assert slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, "Spine", film).sum() == 200


@pytest.mark.parametrize(
    ("shape", "class_name"), [((10, 20), "vtkMRMLScalarVolumeNode"), ((10, 20, 3), "vtkMRMLVectorVolumeNode")]
)
def test_picture_loads_as_slicer_loads_it_and_is_shown(
    scene: Any, slice_view: Any, tmp_path: Path, shape: tuple[int, ...], class_name: str
) -> None:
    import slicer
    from PIL import Image

    pixels = np.arange(np.prod(shape)).astype(np.uint8).reshape(shape)
    Image.fromarray(pixels).save(tmp_path / "film.png")
    volume = slicer.util.loadVolume(tmp_path / "film.png")
    assert (volume.GetName(), volume.GetClassName()) == ("film", class_name)
    assert np.array_equal(slicer.util.arrayFromVolume(volume)[0], pixels)
    directions = np.zeros((3, 3))
    volume.GetIJKToRASDirections(directions)
    assert np.array_equal(directions, np.diag([-1, -1, 1]))
    assert slice_view.logic.GetSliceCompositeNode().GetBackgroundVolumeID() == volume.GetID()


def test_missing_file_is_an_error(qt_host: Any, tmp_path: Path) -> None:
    import slicer

    with pytest.raises(RuntimeError):
        slicer.util.loadVolume(str(tmp_path / "absent.nrrd"))


def test_data_nodes_have_one_item_in_the_subject_hierarchy(segmented_film: Any, scene: Any) -> None:
    film, _ = segmented_film
    hierarchy = scene.GetSubjectHierarchyNode()
    item = hierarchy.GetItemByDataNode(film)
    assert item and hierarchy.GetItemName(item) == "Film"
    scene.RemoveNode(film)
    assert hierarchy.GetItemDataNode(item) is None


def test_terminologies_know_the_spine(qt_host: Any) -> None:
    import slicer

    terminologies = slicer.modules.terminologies.logic()
    entry = slicer.vtkSlicerTerminologyEntry()
    serialized = (
        "Segmentation category and type - DICOM master list~SCT^123037004^Anatomical Structure"
        "~SCT^51282000^Vertebra~^^~Anatomic codes - DICOM master list~^^~^^"
    )
    assert terminologies.DeserializeTerminologyEntry(serialized, entry)
    assert entry.GetTypeObject().GetCodeMeaning() == "Vertebra"
