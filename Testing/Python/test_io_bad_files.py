# SPDX-License-Identifier: Apache-2.0
"""Each unusable file gets one clear sentence with a hint, nothing on standard error, and stays as it was."""

import gzip
import os
import struct
import sys
import zlib

import numpy as np
import pytest
import SimpleITK as sitk
from io_fixtures import gray_film, ordinary_user, write_dicom
from PIL import Image

from SpineLib.core.errors import InputError
from SpineLib.core.mask import Mask
from SpineLib.core.result import SpineResult, Structure
from SpineLib.io import read, write_segmentation
from SpineLib.tasks.ct_check import usable_scan

SUFFIXES = ["png", "jpg", "tif", "dcm", "nii", "nii.gz", "nrrd", "mha"]


def _whole_file(folder, suffix):
    path = folder / f"film.{suffix}"
    if suffix == "dcm":
        return write_dicom(path, gray_film())
    if suffix in ("png", "jpg", "tif"):
        Image.fromarray(gray_film(400, 300, largest=255)).save(path)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(gray_film()[None]), path)
    return path


def _refusal(path, capfd):
    """The sentence with which `path` is refused, quietly and without a change to it."""
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(InputError) as caught:
        read(path)
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("", "")
    assert caught.value.exit_code == 2
    assert caught.value.hint.endswith(".")
    assert "\n" not in str(caught.value)
    assert not path.is_file() or path.read_bytes() == before
    return caught.value.sentence


@pytest.mark.parametrize("share", [0.15, 0.6, 0.97])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_truncated_file_is_called_incomplete(tmp_path, capfd, suffix, share):
    path = _whole_file(tmp_path, suffix)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "incomplete" in _refusal(path, capfd)


@pytest.mark.parametrize("suffix", ["nrrd", "mha"])
def test_a_truncated_compressed_volume_is_called_incomplete(tmp_path, capfd, suffix):
    path = tmp_path / f"film.{suffix}"
    noise = np.random.default_rng(1).integers(0, 255, (1, 60, 60)).astype(np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(noise), path, useCompression=True)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    assert "incomplete" in _refusal(path, capfd)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_whole_file_is_read_quietly(tmp_path, capfd, suffix):
    assert read(_whole_file(tmp_path, suffix)).is_film
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_empty_file_is_called_empty(tmp_path, capfd, suffix):
    path = tmp_path / f"film.{suffix}"
    path.touch()
    assert "is empty" in _refusal(path, capfd)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_text_under_the_name_of_an_image_is_refused(tmp_path, capfd, suffix):
    path = tmp_path / f"film.{suffix}"
    path.write_text("The film is in the other folder.\n" * 50)
    assert "not an image of a kind that can be read" in _refusal(path, capfd)


def test_a_pdf_is_refused(tmp_path, capfd):
    path = tmp_path / "film.png"
    path.write_bytes(b"%PDF-1.7\n" + bytes(500))
    assert "not an image of a kind that can be read" in _refusal(path, capfd)


def test_a_zipped_text_is_refused(tmp_path, capfd):
    path = tmp_path / "film.nii.gz"
    path.write_bytes(gzip.compress(b"no film" * 100))
    assert "not an image of a kind that can be read" in _refusal(path, capfd)


def test_a_missing_file_is_called_missing(tmp_path, capfd):
    assert "does not exist" in _refusal(tmp_path / "film.png", capfd)


def test_a_folder_is_refused(tmp_path, capfd):
    assert "is a folder without DICOM images" in _refusal(tmp_path, capfd)


@pytest.mark.parametrize("name", ["film.png", "film.dcm"])
def test_a_file_that_may_not_be_read_says_so(tmp_path, name):
    path = _whole_file(tmp_path, name.split(".")[1])
    path.chmod(0)
    with ordinary_user(), pytest.raises(InputError, match="Permission denied"):
        read(path)


def test_a_folder_that_may_not_be_entered_says_so(tmp_path):
    path = _whole_file(tmp_path, "png")
    tmp_path.chmod(0)
    try:
        with ordinary_user(), pytest.raises(InputError, match="Permission denied"):
            read(path)
    finally:
        tmp_path.chmod(0o755)


def test_a_jpeg_whose_thumbnail_is_whole_but_not_itself_is_refused(tmp_path, capfd):
    path = _whole_file(tmp_path, "jpg")
    content = path.read_bytes()
    thumbnail = b"\xff\xe1" + struct.pack(">H", len(content) // 2 + 2) + content[: len(content) // 2 - 2] + b"\xff\xd9"
    path.write_bytes(content[:2] + thumbnail + content[2 : len(content) // 2])
    assert "incomplete" in _refusal(path, capfd)


def test_a_png_with_a_flipped_bit_is_refused(tmp_path, capfd):
    path = _whole_file(tmp_path, "png")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)
    assert "damaged" in _refusal(path, capfd)


def _png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize("color_type", [0, 4])
def test_an_absurdly_large_png_is_refused_before_it_is_unpacked(tmp_path, capfd, color_type):
    path = tmp_path / "film.png"
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, color_type, 0, 0, 0)
    chunks = [_png_chunk(b"IHDR", header), _png_chunk(b"IDAT", zlib.compress(bytes(1000))), _png_chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    assert "more than the 400 million allowed" in _refusal(path, capfd)


@pytest.mark.parametrize(("sizes", "limit"), [("30000 30000 1", 400), ("9000 9000 9000", 2000)])
def test_an_absurdly_large_volume_is_refused_before_it_is_loaded(tmp_path, capfd, sizes, limit):
    path = tmp_path / "film.mha"
    path.write_text(
        f"ObjectType = Image\nNDims = 3\nBinaryData = True\nDimSize = {sizes}\n"
        "ElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    )
    assert f"more than the {limit} million allowed" in _refusal(path, capfd)


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz", "scan.nrrd", "scan.mha"])
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_voxels_that_are_not_numbers_are_told_whatever_the_format(tmp_path, capfd, name, value):
    """ITK makes zeros of those in a NIfTI file, which are water in Hounsfield units."""
    voxels = np.zeros((20, 20, 20), np.float32)
    voxels[15, 10, 10] = value
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((2.0, 2.0, 2.0))
    sitk.WriteImage(image, tmp_path / name)
    if ".nii" in name:
        assert "not numbers" in _refusal(tmp_path / name, capfd)
    else:
        with pytest.raises(InputError, match="not numbers"):
            usable_scan(read(tmp_path / name))


@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_a_compressed_nifti_with_a_flipped_bit_is_refused(tmp_path, capfd, kind):
    noise = np.random.default_rng(0).integers(0, 999, (24, 24, 24)).astype(kind)
    sitk.WriteImage(sitk.GetImageFromArray(noise), tmp_path / "scan.nii.gz")
    content = bytearray((tmp_path / "scan.nii.gz").read_bytes())
    content[len(content) // 2] ^= 4
    (tmp_path / "scan.nii.gz").write_bytes(content)
    assert "damaged" in _refusal(tmp_path / "scan.nii.gz", capfd)


def test_the_second_version_of_nifti_is_named(tmp_path, capfd):
    nibabel = pytest.importorskip("nibabel")
    nibabel.save(nibabel.Nifti2Image(np.zeros((9, 9, 9), np.int16), np.eye(4)), tmp_path / "scan.nii")
    assert "NIfTI-2" in _refusal(tmp_path / "scan.nii", capfd)


def test_a_nifti_of_the_other_byte_order_is_looked_through_as_well(tmp_path, capfd):
    nibabel = pytest.importorskip("nibabel")
    for name, value in (("good", 1.0), ("bad", np.nan)):
        header = nibabel.Nifti1Header(endianness=">")
        image = nibabel.Nifti1Image(np.full((8, 8, 8), value, np.float32), np.eye(4), header)
        nibabel.save(image, tmp_path / f"{name}.nii")
    assert read(tmp_path / "good.nii").voxels.min() == 1.0
    assert "not numbers" in _refusal(tmp_path / "bad.nii", capfd)


@pytest.mark.parametrize(("channels", "name"), [(3, "scan.nii.gz"), (2, "scan.nrrd"), (4, "scan.nrrd")])
def test_a_scan_of_several_values_per_voxel_is_refused(tmp_path, capfd, channels, name):
    colors = np.zeros((9, 9, 9, channels), np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(colors, isVector=True), tmp_path / name)
    assert f"{channels} values per voxel" in _refusal(tmp_path / name, capfd)


def test_complex_numbers_are_refused(tmp_path, capfd):
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((9, 9, 9), np.complex64)), tmp_path / "scan.nii.gz")
    assert "complex" in _refusal(tmp_path / "scan.nii.gz", capfd)


def test_a_segmentation_is_refused_as_an_image(tmp_path, capfd):
    mask = Mask.from_array(np.ones((4, 5, 1)))
    result = SpineResult("ap_radiograph", mask.shape, np.eye(4), (Structure("Spine", mask, 1.0),))
    write_segmentation(result, tmp_path / "film.seg.nrrd")
    assert "is a segmentation" in _refusal(tmp_path / "film.seg.nrrd", capfd)


@pytest.mark.skipif(sys.platform != "linux", reason="only here a name may hold any bytes")
@pytest.mark.parametrize("suffix", ["png", "dcm", "nrrd"])
def test_a_name_that_is_not_utf8_is_refused(tmp_path, capfd, suffix):
    path = tmp_path / os.fsdecode(f"Röntgen.{suffix}".encode("latin-1"))
    _whole_file(tmp_path, suffix).rename(path)
    assert "R?ntgen" in _refusal(path, capfd)
