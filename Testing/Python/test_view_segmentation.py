# SPDX-License-Identifier: Apache-2.0
"""A segmentation shows in the slice and 3D views with its color, in its place and with its opacity."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest_plugins = ["mrml_fixtures"]

ORANGE = (1.0, 0.5, 0.0)


@pytest.fixture
def segment_in(scene: Any) -> Callable[[np.ndarray], tuple[Any, Any]]:
    """A black volume of the mask's shape (slices, rows, columns) and a segmentation of it with an orange segment."""
    import slicer

    def segment(mask: np.ndarray) -> tuple[Any, Any]:
        volume = slicer.util.addVolumeFromArray(np.zeros(mask.shape, np.int16), name="Film")
        volume.CreateDefaultDisplayNodes()
        segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Mask")
        segmentation.CreateDefaultDisplayNodes()
        segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        name = segmentation.GetSegmentation().AddEmptySegment("Spine", "Spine", ORANGE)
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask.astype(np.uint8), segmentation, name, volume)
        return volume, segmentation

    return segment


@pytest.fixture
def film_mask() -> np.ndarray:
    mask = np.zeros((1, 100, 100), bool)
    mask[0, 60:90, 40:50] = True
    return mask


def colored(picture: np.ndarray) -> np.ndarray:
    """Where the picture has the hue of the segment: red well above green, green well above blue."""
    red, green, blue = (picture[..., channel].astype(int) for channel in range(3))
    return (red > green + 20) & (green > blue + 20)


def test_slice_view_shows_the_segment_in_its_color(segment_in: Any, film_mask: np.ndarray, slice_view: Any) -> None:
    volume, segmentation = segment_in(film_mask)
    segmentation.GetDisplayNode().SetOpacity2DFill(1.0)
    slice_view.show(volume)
    picture = slice_view.picture()
    inside = np.median(picture[colored(picture)], axis=0)
    assert inside == pytest.approx(np.array(ORANGE) * 255, abs=12)


def test_slice_view_shows_the_segment_in_its_place(segment_in: Any, film_mask: np.ndarray, slice_view: Any) -> None:
    """The film of 100 x 100 pixels fills the view of 500 x 500."""
    volume, _ = segment_in(film_mask)
    slice_view.show(volume)
    rows, columns = np.nonzero(colored(slice_view.picture()))
    scale = 500 / 100
    assert (columns.max() - columns.min()) / scale == pytest.approx(10, abs=1.5)
    assert (rows.max() - rows.min()) / scale == pytest.approx(30, abs=1.5)
    # addVolumeFromArray gives an identity matrix: column index grows to the right of the patient (left of the view),
    # row index to the front (top of the view)
    assert columns.mean() / scale == pytest.approx(100 - 45, abs=1.5)
    assert rows.mean() / scale == pytest.approx(100 - 75, abs=1.5)


def test_hidden_segment_leaves_no_pixel(segment_in: Any, film_mask: np.ndarray, slice_view: Any) -> None:
    volume, segmentation = segment_in(film_mask)
    slice_view.show(volume)
    assert colored(slice_view.picture()).any()
    segmentation.GetDisplayNode().SetSegmentVisibility("Spine", False)
    assert not colored(slice_view.picture()).any()


def test_segment_follows_the_parent_transform_with_its_volume(
    segment_in: Any, film_mask: np.ndarray, slice_view: Any, scene: Any
) -> None:
    import vtk

    volume, segmentation = segment_in(film_mask)
    slice_view.show(volume)
    before = np.argwhere(colored(slice_view.picture())).mean(axis=0)
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 10.0)
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(matrix)
    for node in (volume, segmentation):
        node.SetAndObserveTransformNodeID(transform.GetID())
    after = np.argwhere(colored(slice_view.picture())).mean(axis=0)
    # 10 mm to the right of the patient are 50 pixels to the left of the view
    assert after - before == pytest.approx([0, -50], abs=3)


def test_three_d_view_shows_the_surface_in_its_color(segment_in: Any, three_d_view: Any) -> None:
    mask = np.zeros((20, 20, 20), bool)
    mask[5:15, 5:15, 5:15] = True
    _, segmentation = segment_in(mask)
    empty = colored(three_d_view.picture()).mean()
    segmentation.CreateClosedSurfaceRepresentation()
    three_d_view.fit()
    share = colored(three_d_view.picture()).mean()
    assert empty < 0.001 and share > 0.05


def test_picture_can_be_saved(segment_in: Any, film_mask: np.ndarray, slice_view: Any, tmp_path: Path) -> None:
    from PIL import Image

    volume, _ = segment_in(film_mask)
    slice_view.show(volume)
    slice_view.save(tmp_path / "slice.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "slice.png").convert("RGB")), slice_view.picture()[..., :3])
