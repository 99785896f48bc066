# SPDX-License-Identifier: Apache-2.0
"""A folder with one CT or MR series becomes one volume, exactly where the headers say; what is no scan is refused."""

import shutil

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from io_fixtures import gray_film, ordinary_user, stored_scan, write_ct, write_dicom, write_enhanced_ct
from pydicom.uid import CTImageStorage, RLELossless, generate_uid
from scipy.spatial.transform import Rotation

from SpineLib.core.errors import InputError
from SpineLib.io import digest_of, read
from SpineLib.io.itk import affine_of

STRAIGHT = np.array([[-0.7, 0, 0, 60], [0, -0.9, 0, 80], [0, 0, 2.5, -300], [0, 0, 0, 1.0]])
OBLIQUE = np.eye(4)
OBLIQUE[:3, :3] = Rotation.from_euler("xyz", [20, -15, 30], degrees=True).as_matrix() @ STRAIGHT[:3, :3]
OBLIQUE[:3, 3] = 12.5, -40.25, 700.125


def _refusal(path):
    with pytest.raises(InputError) as caught:
        read(path)
    assert caught.value.hint.endswith(".")
    assert "\n" not in str(caught.value)
    return caught.value.sentence


@pytest.mark.parametrize("affine", [STRAIGHT, OBLIQUE], ids=["straight", "oblique"])
def test_a_series_becomes_one_volume_in_hounsfield_units(tmp_path, affine):
    stored = stored_scan()
    write_ct(tmp_path / "scan", stored, affine)
    volume = read(tmp_path / "scan")
    assert np.array_equal(volume.voxels, stored.astype(int) - 1024)
    assert volume.voxels.dtype == np.int16
    assert np.allclose(volume.affine, affine, atol=1e-6)
    assert (volume.modality, volume.view, volume.spacing_known) == ("ct", None, True)


def test_simpleitk_places_the_series_alike(tmp_path):
    write_ct(tmp_path / "scan", stored_scan(), OBLIQUE)
    image = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path / "scan")))
    volume = read(tmp_path / "scan")
    assert np.array_equal(sitk.GetArrayFromImage(image).T, volume.voxels)
    assert np.allclose(affine_of(image), volume.affine, atol=1e-4)


def test_slices_stored_from_the_head_downward_are_put_in_order(tmp_path):
    downward = STRAIGHT @ np.diag([1, 1, -1, 1])
    stored = stored_scan()
    write_ct(tmp_path / "scan", stored, downward)
    volume = read(tmp_path / "scan")
    assert np.array_equal(volume.voxels, stored[:, :, ::-1].astype(int) - 1024)
    assert np.allclose(volume.affine @ [0, 0, 5, 1], downward @ [0, 0, 0, 1], atol=1e-6)


def test_slices_with_slopes_of_their_own_keep_their_values(tmp_path):
    stored = stored_scan()
    slopes = tuple(1 + 0.25 * index for index in range(6))
    write_ct(tmp_path / "scan", stored, STRAIGHT, RescaleSlope=slopes)
    assert np.allclose(read(tmp_path / "scan").voxels, stored * np.array(slopes) - 1024)


def test_values_beyond_16_bits_are_kept(tmp_path):
    stored = stored_scan() + np.uint16(60000)
    write_ct(tmp_path / "scan", stored, STRAIGHT)
    assert np.array_equal(read(tmp_path / "scan").voxels, stored.astype(int) - 1024)


def test_compressed_slices_are_read(tmp_path):
    stored = stored_scan((16, 12, 4))
    for path in write_ct(tmp_path / "scan", stored, STRAIGHT, BitsStored=12, HighBit=11):
        header = pydicom.dcmread(path)
        header.compress(RLELossless)
        header.save_as(path)
    assert np.array_equal(read(tmp_path / "scan").voxels, stored.astype(int) - 1024)


def test_an_mr_series_is_told_apart(tmp_path):
    write_ct(tmp_path / "scan", stored_scan(), OBLIQUE, Modality="MR", RescaleIntercept=0)
    volume = read(tmp_path / "scan")
    assert volume.modality == "mr"
    assert np.array_equal(volume.voxels, stored_scan())


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [3, 0, 5, 1, 4, 2]])
def test_a_multi_frame_file_is_read_in_whatever_order_its_frames_are(tmp_path, order):
    stored = stored_scan()
    path = write_enhanced_ct(tmp_path / "scan.dcm", stored, OBLIQUE, order)
    for given in (path, tmp_path):
        volume = read(given)
        assert np.array_equal(volume.voxels, stored.astype(int) - 1024)
        assert np.allclose(volume.affine, OBLIQUE, atol=1e-6)
        assert volume.modality == "ct"


def test_what_is_no_image_and_localizers_are_left_aside(tmp_path):
    write_ct(tmp_path, stored_scan(), STRAIGHT)
    write_dicom(
        tmp_path / "scout.dcm",
        gray_film(),
        Modality="CT",
        SOPClassUID=CTImageStorage,
        ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
    )
    (tmp_path / "notes.txt").write_text("read me")
    (tmp_path / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
    (tmp_path / ".hidden.dcm").write_bytes(bytes(128) + b"DICM")
    (tmp_path / "more").mkdir()
    assert read(tmp_path).voxels.shape == (7, 5, 6)


def test_nothing_about_the_patient_travels_on_and_the_names_do_not_change_the_digest(tmp_path):
    paths = write_ct(tmp_path / "scan", stored_scan(), STRAIGHT)
    source = read(tmp_path / "scan").source
    assert source["path"] == "scan"
    assert source["SeriesInstanceUID"] == pydicom.dcmread(paths[0]).SeriesInstanceUID
    assert not any(secret in str(source) for secret in ("Doe", "4711", "1970"))
    copied = tmp_path / "copied"
    copied.mkdir()
    for number, path in enumerate(paths):
        shutil.copy(path, copied / f"IM{number}")
    assert digest_of(copied) == source["sha256"] == digest_of(tmp_path / "scan")
    (copied / "IM0").write_bytes(paths[1].read_bytes())
    assert digest_of(copied) != source["sha256"]


def test_several_series_are_counted(tmp_path):
    write_ct(tmp_path, stored_scan()[:, :, :3], STRAIGHT, SeriesInstanceUID=(generate_uid(), *[generate_uid()] * 2))
    assert "holds images of 2 series" in _refusal(tmp_path)


def test_missing_slices_are_told_with_the_gap(tmp_path):
    paths = write_ct(tmp_path, stored_scan(), OBLIQUE)
    paths[2].unlink()
    paths[3].unlink()
    sentence = _refusal(tmp_path)
    assert "between slices 2.50 mm apart there is a gap of 7.50 mm" in sentence
    assert "about 2 missing" in sentence


def test_uneven_slices_are_refused_but_rounded_positions_are_not(tmp_path):
    places = tuple([-60, -80, height] for height in (0, 2.5, 5, 8, 10, 12.5))
    write_ct(tmp_path / "uneven", stored_scan(), STRAIGHT, ImagePositionPatient=places)
    assert "not evenly spaced" in _refusal(tmp_path / "uneven")
    rounded = tuple([-60, -80, round(0.625 * index, 1)] for index in range(6))
    write_ct(tmp_path / "rounded", stored_scan(), STRAIGHT, ImagePositionPatient=rounded)
    assert read(tmp_path / "rounded").spacing_mm[2] == pytest.approx(0.62)


def test_a_tilted_gantry_is_told_with_its_angle(tmp_path):
    tilt = Rotation.from_euler("x", 12, degrees=True).as_matrix()
    tilted = STRAIGHT.copy()
    tilted[:3, :2] = tilt @ STRAIGHT[:3, :2]
    write_ct(tmp_path, stored_scan(), tilted)
    assert "askew by 12.0 degrees" in _refusal(tmp_path)


def test_a_series_over_time_is_refused(tmp_path):
    stored = stored_scan()
    write_ct(tmp_path / "scan", stored, STRAIGHT, SeriesInstanceUID="1.2.3")
    for number, path in enumerate(write_ct(tmp_path / "later", stored, STRAIGHT, SeriesInstanceUID="1.2.3")):
        path.rename(tmp_path / "scan" / f"later{number}.dcm")
    assert "12 images at 6 positions: a series over time (4D)" in _refusal(tmp_path / "scan")


def test_slices_that_differ_are_refused(tmp_path):
    write_ct(tmp_path / "sizes", stored_scan(), STRAIGHT, SeriesInstanceUID="1.2.3")
    wide = write_ct(tmp_path / "wide", stored_scan((9, 5, 6)), STRAIGHT, SeriesInstanceUID="1.2.3")
    shutil.copy(wide[3], tmp_path / "sizes" / wide[3].name)
    assert "differ in size (7 x 5 and 9 x 5 pixels)" in _refusal(tmp_path / "sizes")
    write_ct(tmp_path / "pixels", stored_scan(), STRAIGHT, PixelSpacing=([0.7, 0.7], *[[0.9, 0.7]] * 5))
    assert "size of their pixels" in _refusal(tmp_path / "pixels")
    turns = tuple([np.cos(angle), np.sin(angle), 0, 0, 0, 1] for angle in np.linspace(0, 1, 6))
    write_ct(tmp_path / "radial", stored_scan(), STRAIGHT, ImageOrientationPatient=turns)
    assert "not parallel" in _refusal(tmp_path / "radial")


def test_a_single_image_and_a_folder_of_films_are_no_scans(tmp_path):
    (tmp_path / "one").mkdir()
    write_dicom(tmp_path / "one" / "film.dcm", gray_film())
    assert "a single image" in _refusal(tmp_path / "one")
    (tmp_path / "films").mkdir()
    for name in ("a", "b"):
        write_dicom(tmp_path / "films" / f"{name}.dcm", gray_film(), SeriesInstanceUID="1.2.3")
    assert "not a CT or MR scan" in _refusal(tmp_path / "films")


def test_one_slice_given_alone_points_to_its_folder(tmp_path):
    path = write_ct(tmp_path, stored_scan(), STRAIGHT)[0]
    with pytest.raises(InputError, match="one slice of a CT") as caught:
        read(path)
    assert "the folder" in caught.value.hint


@pytest.mark.parametrize(
    "element",
    [{"ImagePositionPatient": None}, {"PixelSpacing": [0, 0]}, {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}],
)
def test_slices_without_a_usable_place_are_refused(tmp_path, element):
    write_ct(tmp_path, stored_scan(), STRAIGHT, **element)
    assert "does not say where its image lies" in _refusal(tmp_path)


def test_a_slice_cut_short_is_called_incomplete(tmp_path, capfd):
    path = write_ct(tmp_path, stored_scan((40, 40, 4)), STRAIGHT)[1]
    path.write_bytes(path.read_bytes()[:-900])
    sentence = _refusal(tmp_path)
    assert path.name in sentence and "incomplete" in sentence
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("good", "bad"), [(b"0.9\\0.7", b"0.x\\0.7"), (b"-60\\", b"-6\\\\")])
def test_letters_where_numbers_belong_are_called_damaged(tmp_path, good, bad):
    path = write_ct(tmp_path, stored_scan(), STRAIGHT, ImageOrientationPatient=[1, 0, 0, 0, 1, 0])[2]
    content = path.read_bytes()
    assert good in content
    path.write_bytes(content.replace(good, bad))
    sentence = _refusal(tmp_path)
    assert path.name in sentence


def test_an_absurdly_large_series_is_refused_before_it_is_loaded(tmp_path):
    write_ct(tmp_path, stored_scan((2, 2, 3)), STRAIGHT, Rows=40_000, Columns=40_000)
    assert "more than the 2000 million allowed" in _refusal(tmp_path)


def test_a_folder_that_may_not_be_read_says_so(tmp_path):
    write_ct(tmp_path / "scan", stored_scan(), STRAIGHT)[0].chmod(0)
    with ordinary_user(), pytest.raises(InputError, match="Permission denied"):
        read(tmp_path / "scan")
