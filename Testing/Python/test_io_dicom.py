# SPDX-License-Identifier: Apache-2.0
"""DICOM radiographs come in with bone bright, their spacing, their view and nothing about the patient."""

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from io_fixtures import gray_film, picture_of, recompress, write_dicom
from pydicom.uid import CTImageStorage, DigitalXRayImageStorageForPresentation, JPEG2000Lossless, RLELossless

from SpineLib.core.errors import InputError
from SpineLib.io import read, write_film


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_every_stored_depth_keeps_its_values(tmp_path, bits):
    film = gray_film(largest=2**bits - 1)
    path = write_dicom(tmp_path / "film.dcm", film, BitsStored=bits, HighBit=bits - 1)
    assert np.array_equal(picture_of(read(path).voxels), film)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_monochrome1_is_turned_round(tmp_path, bits):
    film = gray_film(largest=2**bits - 1)
    path = write_dicom(
        tmp_path / "film.dcm", film, BitsStored=bits, HighBit=bits - 1, PhotometricInterpretation="MONOCHROME1"
    )
    assert np.array_equal(picture_of(read(path).voxels), 2**bits - 1 - film.astype(int))


def test_signed_values_and_the_rescale_slope_are_applied(tmp_path):
    film = gray_film().astype(np.int16) - 2000
    path = write_dicom(tmp_path / "film.dcm", film, RescaleSlope=0.5, RescaleIntercept=10)
    assert np.allclose(picture_of(read(path).voxels), film * 0.5 + 10)


def test_signed_monochrome1_with_a_slope_is_turned_round(tmp_path):
    film = gray_film().astype(np.int16) - 2000
    path = write_dicom(
        tmp_path / "film.dcm",
        film,
        PhotometricInterpretation="MONOCHROME1",
        RescaleSlope=2,
        RescaleIntercept=0,
    )
    values = picture_of(read(path).voxels).astype(float)
    assert np.allclose(values - values.mean(), -2.0 * (film - film.mean()))


def test_bits_above_the_stored_ones_are_left_out(tmp_path):
    film = gray_film()
    path = write_dicom(tmp_path / "film.dcm", film | np.uint16(0x8000), BitsStored=12, HighBit=11)
    assert np.array_equal(picture_of(read(path).voxels), film)


@pytest.mark.parametrize("tag", ["ImagerPixelSpacing", "PixelSpacing"])
def test_the_spacing_is_columns_first_and_the_film_lies_flat(tmp_path, tag):
    path = write_dicom(tmp_path / "film.dcm", gray_film(), **{tag: [0.3, 0.2]})
    volume = read(path)
    assert volume.spacing_known
    assert volume.source["spacing_from"] == tag
    assert np.allclose(volume.affine, np.diag([-0.2, -0.3, 1.0, 1.0]))


def test_the_spacing_at_the_detector_goes_first_as_in_slicer(tmp_path):
    path = write_dicom(
        tmp_path / "film.dcm",
        gray_film(),
        SOPClassUID=DigitalXRayImageStorageForPresentation,
        ImagerPixelSpacing=[0.3, 0.2],
        PixelSpacing=[0.15, 0.1],
    )
    assert read(path).spacing_mm[:2] == pytest.approx((0.2, 0.3))


@pytest.mark.parametrize("spacing", [None, [0.0, 0.0]])
def test_without_a_usable_spacing_none_is_claimed(tmp_path, spacing):
    elements = {} if spacing is None else {"PixelSpacing": spacing}
    volume = read(write_dicom(tmp_path / "film.dcm", gray_film(), **elements))
    assert not volume.spacing_known
    assert volume.spacing_mm == pytest.approx((1.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("position", "view"), [("AP", "ap"), ("PA", "ap"), ("LL", "lateral"), ("RL", "lateral"), ("LLO", None), ("", None)]
)
def test_the_view_comes_from_the_view_position(tmp_path, position, view):
    assert read(write_dicom(tmp_path / "film.dcm", gray_film(), ViewPosition=position)).view == view


def test_nothing_about_the_patient_travels_on(tmp_path):
    path = write_dicom(tmp_path / "film.dcm", gray_film())
    volume = read(path)
    header = pydicom.dcmread(path)
    assert volume.source["SOPInstanceUID"] == header.SOPInstanceUID
    assert volume.source["SeriesInstanceUID"] == header.SeriesInstanceUID
    told = str(volume.source)
    assert not any(secret in told for secret in ("Doe", "4711", "1970"))


def test_a_color_capture_of_a_gray_film_becomes_gray(tmp_path):
    film = gray_film(largest=255)
    path = write_dicom(tmp_path / "film.dcm", np.dstack([film] * 3))
    assert np.abs(picture_of(read(path).voxels).astype(int) - film).max() <= 1


def test_brightness_and_color_difference_channels_become_gray(tmp_path):
    film = gray_film(largest=255)
    plain = np.full_like(film, 128)
    path = write_dicom(tmp_path / "film.dcm", np.dstack([film, plain, plain]), PhotometricInterpretation="YBR_FULL")
    assert np.array_equal(picture_of(read(path).voxels), film)


def test_a_palette_film_becomes_gray(tmp_path):
    film = gray_film(largest=255)
    ramp = (np.arange(256, dtype=np.uint16) * 257).tobytes()
    tables = {f"{color}PaletteColorLookupTableData": ramp for color in ("Red", "Green", "Blue")}
    layouts = {f"{color}PaletteColorLookupTableDescriptor": [256, 0, 16] for color in ("Red", "Green", "Blue")}
    path = write_dicom(tmp_path / "film.dcm", film, PhotometricInterpretation="PALETTE COLOR", **layouts, **tables)
    assert np.array_equal(picture_of(read(path).voxels), film)


def test_a_color_photograph_in_dicom_is_refused(tmp_path):
    photo = np.random.default_rng(1).integers(0, 255, (60, 80, 3)).astype(np.uint8)
    with pytest.raises(InputError, match="color photograph"):
        read(write_dicom(tmp_path / "photo.dcm", photo))


def test_run_length_coded_films_are_read(tmp_path):
    path = recompress(write_dicom(tmp_path / "film.dcm", gray_film(), BitsStored=12, HighBit=11), RLELossless)
    assert np.array_equal(picture_of(read(path).voxels), gray_film())


@pytest.mark.parametrize("compressor", ["JPEG", "JPEG2000"])
def test_lossless_jpeg_films_are_read(tmp_path, compressor):
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetFileName(str(tmp_path / "film.dcm"))
    writer.SetUseCompression(True)
    writer.SetCompressor(compressor)
    writer.Execute(sitk.GetImageFromArray(gray_film()))
    assert pydicom.dcmread(tmp_path / "film.dcm").file_meta.TransferSyntaxUID.is_compressed
    _set_modality(tmp_path / "film.dcm")
    assert np.array_equal(picture_of(read(tmp_path / "film.dcm").voxels), gray_film())


def _set_modality(path):
    header = pydicom.dcmread(path)
    header.Modality = "CR"
    header.save_as(path)


def test_a_compression_that_cannot_be_read_is_named(tmp_path):
    path = recompress(write_dicom(tmp_path / "film.dcm", gray_film()), RLELossless)
    film = pydicom.dcmread(path)
    film.file_meta.TransferSyntaxUID = JPEG2000Lossless
    film.save_as(path)
    with pytest.raises(InputError, match="JPEG 2000"):
        read(path)


def test_several_frames_are_refused(tmp_path):
    frames = np.concatenate([gray_film()] * 3)
    path = write_dicom(tmp_path / "film.dcm", frames, Rows=40, NumberOfFrames=3)
    with pytest.raises(InputError, match="3 frames"):
        read(path)


def test_a_single_ct_slice_is_refused_but_a_localizer_is_a_film(tmp_path):
    slice_ = write_dicom(tmp_path / "slice.dcm", gray_film(), Modality="CT", SOPClassUID=CTImageStorage)
    with pytest.raises(InputError, match="one slice of a CT"):
        read(slice_)
    localizer = write_dicom(
        tmp_path / "scout.dcm",
        gray_film(),
        Modality="CT",
        SOPClassUID=CTImageStorage,
        ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
        PixelSpacing=[0.6, 0.5],
    )
    assert read(localizer).spacing_mm[:2] == pytest.approx((0.5, 0.6))


def test_a_dicom_file_without_an_image_is_refused(tmp_path):
    path = write_dicom(tmp_path / "film.dcm", gray_film())
    header = pydicom.dcmread(path)
    del header.PixelData
    header.save_as(path)
    with pytest.raises(InputError, match="holds no image"):
        read(path)


def test_a_dicom_file_is_known_without_its_suffix_and_preamble(tmp_path):
    path = write_dicom(tmp_path / "film.dcm", gray_film())
    bare = tmp_path / "IM000001"
    bare.write_bytes(path.read_bytes()[132:])
    assert np.array_equal(picture_of(read(bare).voxels), gray_film())


def test_a_written_dicom_film_comes_back(tmp_path):
    film = gray_film(largest=65535)
    write_film(tmp_path / "film.dcm", film, spacing_mm=(0.2, 0.3), view="lateral")
    volume = read(tmp_path / "film.dcm")
    assert np.array_equal(picture_of(volume.voxels), film)
    assert np.allclose(volume.affine, np.diag([-0.2, -0.3, 1.0, 1.0]))
    assert volume.view == "lateral"
    assert pydicom.dcmread(tmp_path / "film.dcm").SOPClassUID == DigitalXRayImageStorageForPresentation


def test_a_film_of_an_unknown_suffix_or_type_is_not_written(tmp_path):
    with pytest.raises(InputError, match=r"film\.bmp"):
        write_film(tmp_path / "film.bmp", gray_film())
    with pytest.raises(InputError, match="float"):
        write_film(tmp_path / "film.png", gray_film().astype(float))
    assert list(tmp_path.iterdir()) == []
