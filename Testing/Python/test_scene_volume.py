# SPDX-License-Identifier: Apache-2.0
"""Volume nodes become volumes, and files for the worker, without losing where they lie or what is bright."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from io_fixtures import gray_film, write_dicom
from scene_fixtures import ORIENTATIONS, add_film

from SpineLib import io
from SpineLib.core.errors import InputError

pytest_plugins = ["scene_fixtures"]
PICTURE = np.arange(12 * 20, dtype=np.int16).reshape(12, 20)


@pytest.fixture
def volume_of(scene: Any) -> Any:
    from SpineLib.scene.volume_from_node import volume_from_node

    return volume_from_node


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_geometry_survives_node_volume_and_file(volume_of: Any, orientation: str, tmp_path: Path) -> None:
    from SpineLib.scene.volume_from_node import write_volume

    volume = volume_of(add_film(PICTURE, ORIENTATIONS[orientation]))
    write_volume(volume, tmp_path / "film.nrrd")
    again = io.read(tmp_path / "film.nrrd")
    np.testing.assert_allclose(volume.affine, ORIENTATIONS[orientation], atol=1e-9)
    np.testing.assert_allclose(again.affine, volume.affine, atol=1e-6)
    np.testing.assert_array_equal(again.voxels, volume.voxels)
    assert volume.voxels.shape == (20, 12, 1)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_single_slice_may_lie_along_any_axis(volume_of: Any, axis: int, tmp_path: Path) -> None:
    import slicer

    from SpineLib.scene.volume_from_node import write_volume

    node = slicer.util.addVolumeFromArray(np.expand_dims(PICTURE, axis), ORIENTATIONS["oblique"])
    volume = volume_of(node)
    write_volume(volume, tmp_path / "film.nrrd")
    again = io.read(tmp_path / "film.nrrd")
    assert volume.is_film and again.voxels.shape == volume.voxels.shape
    np.testing.assert_array_equal(again.voxels, volume.voxels)


def test_a_parent_transform_does_not_move_the_film(volume_of: Any, scene: Any) -> None:
    import slicer

    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(ORIENTATIONS["oblique"]))
    node = add_film(PICTURE)
    node.SetAndObserveTransformNodeID(transform.GetID())
    np.testing.assert_allclose(volume_of(node).affine, ORIENTATIONS["flat"])


@pytest.mark.parametrize("channels", [3, 4])
def test_a_gray_picture_in_color_becomes_gray(volume_of: Any, channels: int) -> None:
    gray = np.random.default_rng(0).integers(0, 255, (12, 20), dtype=np.uint8)
    volume = volume_of(add_film(np.repeat(gray[..., None], channels, axis=2)))
    np.testing.assert_array_equal(volume.voxels[:, :, 0].T, gray)


def test_a_color_photograph_is_refused(volume_of: Any) -> None:
    photo = np.zeros((40, 40, 3), dtype=np.uint8)
    photo[:20, :, 0], photo[20:, :, 2] = 250, 250
    with pytest.raises(InputError, match="color photograph"):
        volume_of(add_film(photo))


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.float32])
def test_a_film_shown_inverted_is_turned_round(volume_of: Any, kind: type) -> None:
    node = add_film((PICTURE + 15).clip(0, 255).astype(kind))
    upright = volume_of(node).voxels
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetAndObserveColorNodeID("vtkMRMLColorTableNodeInvertedGrey")
    inverted = volume_of(node).voxels
    assert inverted.dtype == kind
    np.testing.assert_array_equal(inverted.astype(float) + upright, np.full(upright.shape, 15.0 + upright.max()))


def test_the_checkbox_that_inverts_the_display_counts_as_the_inverted_color_table_does(volume_of: Any) -> None:
    node = add_film(PICTURE)
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetInvertDisplayScalarRange(True)
    np.testing.assert_array_equal(volume_of(node).voxels[:, :, 0].T, PICTURE.max() - PICTURE)
    node.GetDisplayNode().SetAndObserveColorNodeID("vtkMRMLColorTableNodeInvertedGrey")
    np.testing.assert_array_equal(volume_of(node).voxels[:, :, 0].T, PICTURE)


class Headers:
    """Slicer's DICOM database, as far as one header goes."""

    isOpen = True

    def __init__(self, **values: str) -> None:
        self.values = values

    def instanceValue(self, _instance: str, tag: str) -> str:
        return self.values.get(tag, "")


@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2"])
def test_bone_is_bright_on_dicom_films_as_slicer_loads_them(
    volume_of: Any, kind: str, tmp_path: Path, monkeypatch: Any
) -> None:
    import slicer

    path = write_dicom(tmp_path / "film.dcm", gray_film(), PhotometricInterpretation=kind)
    node = slicer.util.loadVolume(str(path), {"singleFile": True})
    node.SetAttribute("DICOM.instanceUIDs", "1.2.3")
    monkeypatch.setattr(slicer, "dicomDatabase", Headers(**{"0028,0004": kind}), raising=False)
    np.testing.assert_array_equal(volume_of(node).voxels, io.read(path).voxels)


def test_pixels_of_exactly_one_millimeter_count_as_unknown_spacing(volume_of: Any) -> None:
    assert volume_of(add_film(PICTURE)).spacing_known
    assert not volume_of(add_film(PICTURE, np.diag([-1.0, -1.0, 1.0, 1.0]))).spacing_known


def test_a_picture_file_has_no_known_spacing(volume_of: Any, tmp_path: Path) -> None:
    import slicer
    from PIL import Image

    path = tmp_path / "film.png"
    Image.fromarray(PICTURE.astype(np.uint8)).save(path)
    node = slicer.util.loadVolume(str(path), {"singleFile": True})
    node.SetSpacing(0.2, 0.2, 1.0)
    assert not volume_of(node).spacing_known


@pytest.mark.parametrize(
    ("told", "understood"), [("ap", "ap"), ("lateral", "lateral"), ("oblique", None), (None, None)]
)
def test_the_view_can_be_told_by_an_attribute(volume_of: Any, told: str | None, understood: str | None) -> None:
    node = add_film(PICTURE)
    node.SetAttribute("Spine.View", told)
    assert volume_of(node).view == understood


def test_an_empty_node_is_refused(volume_of: Any, scene: Any) -> None:
    with pytest.raises(InputError, match="empty"):
        volume_of(scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode"))


def test_an_unwritable_place_is_reported(volume_of: Any, tmp_path: Path) -> None:
    from SpineLib.core.errors import ResourceError
    from SpineLib.scene.volume_from_node import write_volume

    with pytest.raises(ResourceError, match="could not be written"):
        write_volume(volume_of(add_film(PICTURE)), tmp_path / "missing" / "film.nrrd")
