# SPDX-License-Identifier: Apache-2.0
"""NIfTI, NRRD and MetaImage files keep their geometry; films of one slice may lie in any plane and order."""

import gzip
import itertools
import struct

import numpy as np
import pytest
import SimpleITK as sitk
from io_fixtures import gray_film

from SpineLib.core.errors import InputError
from SpineLib.core.film import film_of
from SpineLib.io import read

SUFFIXES = ["nii", "nii.gz", "nrrd", "mha", "mhd"]
TILT = np.array([[0.936, -0.280, 0.210], [0.318, 0.929, -0.189], [-0.142, 0.244, 0.959]])


def _orthonormal(matrix):
    left, _, right = np.linalg.svd(matrix)
    return left @ right


def _image(array, direction=None, spacing=(0.5, 0.7, 2.0), origin=(10.0, -20.0, 30.0)):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    if direction is not None:
        image.SetDirection(np.asarray(direction, dtype=float).ravel().tolist())
    return image


def _ras(image, index):
    x, y, z = image.TransformContinuousIndexToPhysicalPoint([float(value) for value in index])
    return np.array([-x, -y, z, 1.0])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_oblique_film_keeps_every_voxel_where_it_was(tmp_path, suffix):
    film = gray_film()[None]
    image = _image(film, _orthonormal(TILT))
    sitk.WriteImage(image, tmp_path / f"film.{suffix}", useCompression=True)
    volume = read(tmp_path / f"film.{suffix}")
    assert volume.modality == "radiograph"
    assert volume.spacing_known
    assert np.array_equal(volume.voxels[:, :, 0].T, film[0])
    for index in [(0, 0, 0), (29, 39, 0), (7, 11, 0)]:
        assert np.allclose(volume.affine @ [*index, 1.0], _ras(image, index), atol=1e-4)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_several_slices_are_a_scan(tmp_path, suffix):
    scan = np.stack([gray_film().astype(np.int16) - 1000] * 5)
    sitk.WriteImage(_image(scan), tmp_path / f"scan.{suffix}")
    volume = read(tmp_path / f"scan.{suffix}")
    assert (volume.modality, volume.voxels.shape, volume.voxels.dtype) == ("ct", (30, 40, 5), np.int16)
    assert volume.spacing_mm == pytest.approx((0.5, 0.7, 2.0))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", list(itertools.product([False, True], repeat=3)))
def test_a_coronal_film_looks_the_same_however_it_is_stored(tmp_path, order, flips):
    film = gray_film()
    # In LPS: columns run to the patient's left, rows downward, so the picture is the one a viewer shows.
    columns_rows_depth = [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
    voxels = film.T[:, :, None].transpose(order)
    direction = np.array([columns_rows_depth[axis] for axis in order], dtype=float)
    for axis, flip in enumerate(flips):
        if flip:
            voxels = np.flip(voxels, axis)
            direction[axis] *= -1
    sitk.WriteImage(_image(voxels.transpose(2, 1, 0).copy(), direction.T), tmp_path / "film.nrrd")
    volume = read(tmp_path / "film.nrrd")
    assert np.array_equal(film_of(volume).pixels, film)


@pytest.mark.parametrize("suffix", ["nrrd", "mha", "nii"])
def test_a_flat_image_of_two_dimensions_is_a_film(tmp_path, suffix):
    image = sitk.GetImageFromArray(gray_film())
    image.SetSpacing((0.2, 0.3))
    sitk.WriteImage(image, tmp_path / f"film.{suffix}")
    volume = read(tmp_path / f"film.{suffix}")
    assert volume.voxels.shape == (30, 40, 1)
    assert volume.spacing_mm[:2] == pytest.approx((0.2, 0.3))
    assert np.array_equal(film_of(volume).pixels, gray_film())


@pytest.mark.parametrize("suffix", ["nrrd", "mha", "nii.gz"])
def test_a_color_film_becomes_gray(tmp_path, suffix):
    film = gray_film(largest=255)
    colors = np.dstack([film] * 3)[None]
    sitk.WriteImage(sitk.GetImageFromArray(colors, isVector=True), tmp_path / f"film.{suffix}")
    voxels = read(tmp_path / f"film.{suffix}").voxels
    assert voxels.shape == (30, 40, 1)
    assert np.abs(voxels[:, :, 0].T.astype(int) - film).max() <= 1


def test_a_film_of_one_millimeter_pixels_claims_no_spacing(tmp_path):
    sitk.WriteImage(_image(gray_film()[None], spacing=(1, 1, 1)), tmp_path / "film.nii.gz")
    assert not read(tmp_path / "film.nii.gz").spacing_known


def test_a_scan_of_one_millimeter_voxels_keeps_its_spacing(tmp_path):
    sitk.WriteImage(_image(np.stack([gray_film()] * 3), spacing=(1, 1, 1)), tmp_path / "scan.nii.gz")
    assert read(tmp_path / "scan.nii.gz").spacing_known


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
@pytest.mark.parametrize(
    ("distance", "matrix", "is_known"), [(0, 0, False), (np.nan, 0, False), (5, 0, True), (0, 1, True)]
)
def test_a_nifti_whose_slices_lie_nowhere_claims_no_spacing(tmp_path, name, distance, matrix, is_known):
    """ITK reads a distance of 0 as 1 mm; with a full matrix the field counts for nothing."""
    sitk.WriteImage(_image(np.zeros((8, 8, 8), np.int16), spacing=(1, 1, 5)), tmp_path / "whole.nii")
    content = bytearray((tmp_path / "whole.nii").read_bytes())
    struct.pack_into("<f", content, 88, distance)
    struct.pack_into("<h", content, 254, matrix)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert read(tmp_path / name).spacing_known == is_known


def test_a_scaled_nifti_gives_its_true_values(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.Nifti1Image(gray_film().T[:, :, None], np.diag([0.2, 0.3, 1, 1]))
    image.header.set_slope_inter(0.5, -100)
    nibabel.save(image, tmp_path / "film.nii.gz")
    expected = nibabel.load(tmp_path / "film.nii.gz")
    volume = read(tmp_path / "film.nii.gz")
    assert np.allclose(volume.voxels, expected.get_fdata())
    assert np.allclose(volume.affine, expected.affine)


def test_a_fourth_dimension_of_one_is_ignored_and_a_longer_one_refused(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    for name, times in [("one", 1), ("many", 4)]:
        array = np.repeat(gray_film().T[:, :, None, None], times, axis=3)
        nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / f"{name}.nii")
    assert np.array_equal(read(tmp_path / "one.nii").voxels[:, :, 0].T, gray_film())
    with pytest.raises(InputError, match="series of 4 images"):
        read(tmp_path / "many.nii")


def test_sheared_axes_are_named_as_the_fault(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    sheared = np.array([[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    image = nibabel.Nifti1Image(gray_film().T[:, :, None], sheared)
    image.set_qform(None)
    nibabel.save(image, tmp_path / "film.nii")
    with pytest.raises(InputError, match="right angles"):
        read(tmp_path / "film.nii")


def test_a_vector_field_is_refused(tmp_path):
    field = np.zeros((2, 10, 10, 6), dtype=np.float32)
    sitk.WriteImage(sitk.GetImageFromArray(field, isVector=True), tmp_path / "field.nrrd")
    with pytest.raises(InputError, match="6 values per pixel"):
        read(tmp_path / "field.nrrd")


@pytest.mark.parametrize("suffix", ["nii.gz", "nrrd"])
def test_slicer_places_an_oblique_film_at_the_same_spot(tmp_path, suffix):
    slicer = pytest.importorskip("slicer", reason="needs slicer-core")
    import vtk

    sitk.WriteImage(_image(gray_film()[None], _orthonormal(TILT)), tmp_path / f"film.{suffix}")
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(tmp_path / f"film.{suffix}"))
    node = slicer.vtkMRMLScalarVolumeNode()
    assert storage.ReadData(node)
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    in_slicer = [[matrix.GetElement(row, column) for column in range(4)] for row in range(4)]
    assert np.allclose(read(tmp_path / f"film.{suffix}").affine, in_slicer, atol=1e-4)
