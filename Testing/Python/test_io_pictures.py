# SPDX-License-Identifier: Apache-2.0
"""PNG, JPEG and TIFF films come in as gray volumes that lie as Slicer lays them."""

import hashlib

import numpy as np
import pytest
import SimpleITK as sitk
from io_fixtures import gray_film, picture_of
from PIL import Image

from SpineLib.core.errors import InputError
from SpineLib.io import read, write_film


def test_an_8_bit_png_keeps_its_values(tmp_path):
    film = gray_film(largest=255)
    Image.fromarray(film).save(tmp_path / "film.png")
    volume = read(tmp_path / "film.png")
    assert volume.voxels.dtype == np.uint8
    assert np.array_equal(picture_of(volume.voxels), film)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_16_bit_picture_keeps_its_values(tmp_path, suffix):
    film = gray_film(largest=65535)
    sitk.WriteImage(sitk.GetImageFromArray(film), tmp_path / f"film.{suffix}")
    volume = read(tmp_path / f"film.{suffix}")
    assert volume.voxels.dtype == np.uint16
    assert np.array_equal(picture_of(volume.voxels), film)


def test_a_picture_lies_as_slicer_lays_it_and_its_spacing_is_unknown(tmp_path):
    Image.fromarray(gray_film(largest=255)).save(tmp_path / "film.png", dpi=(300, 300))
    volume = read(tmp_path / "film.png")
    assert volume.voxels.shape == (30, 40, 1)
    assert np.array_equal(volume.affine, np.diag([-1.0, -1.0, 1.0, 1.0]))
    assert not volume.spacing_known
    assert volume.modality == "radiograph"
    assert volume.view is None


def test_the_source_tells_the_name_and_the_digest_but_not_the_folder(tmp_path):
    Image.fromarray(gray_film(largest=255)).save(tmp_path / "film.png")
    digest = hashlib.sha256((tmp_path / "film.png").read_bytes()).hexdigest()
    assert read(tmp_path / "film.png").source == {"path": "film.png", "sha256": digest}


def test_a_jpeg_is_read_nearly_as_it_was(tmp_path):
    film = gray_film(largest=255)
    Image.fromarray(film).save(tmp_path / "film.jpg", quality=95)
    difference = picture_of(read(tmp_path / "film.jpg").voxels).astype(int) - film
    assert np.abs(difference).max() <= 8


def test_a_progressive_jpeg_with_a_rotation_mark_keeps_its_stored_order(tmp_path):
    film = gray_film(largest=255)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(film).save(tmp_path / "film.jpg", quality=95, progressive=True, exif=exif)
    assert read(tmp_path / "film.jpg").voxels.shape == (30, 40, 1)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_gray_content_in_any_color_type_gives_the_same_film(tmp_path, mode):
    film = gray_film(largest=255)
    Image.fromarray(film).convert(mode).save(tmp_path / "film.png")
    read_back = picture_of(read(tmp_path / "film.png").voxels).astype(int)
    assert np.abs(read_back - film).max() <= 1


def test_a_color_film_larger_than_one_strip_is_gray_all_over(tmp_path):
    film = gray_film(600, 520, largest=255)
    Image.fromarray(film).convert("RGB").save(tmp_path / "film.png")
    assert np.array_equal(picture_of(read(tmp_path / "film.png").voxels), film)


def test_a_16_bit_color_png_keeps_its_range(tmp_path):
    film = gray_film(largest=65535)
    sitk.WriteImage(sitk.GetImageFromArray(np.dstack([film] * 3), isVector=True), tmp_path / "film.png")
    read_back = picture_of(read(tmp_path / "film.png").voxels).astype(int)
    assert np.abs(read_back - film).max() <= 1


def test_a_black_and_white_png_is_read(tmp_path):
    film = gray_film(largest=255) > 128
    Image.fromarray(film).save(tmp_path / "film.png")
    assert np.array_equal(picture_of(read(tmp_path / "film.png").voxels) > 0, film)


def test_a_jpeg_named_png_is_read_by_its_content(tmp_path):
    Image.fromarray(gray_film(largest=255)).save(tmp_path / "film.jpg")
    (tmp_path / "film.jpg").rename(tmp_path / "film.png")
    assert read(tmp_path / "film.png").voxels.shape == (30, 40, 1)


def test_a_tiff_of_several_pages_is_refused(tmp_path):
    page = Image.fromarray(gray_film(largest=255))
    page.save(tmp_path / "film.tif", save_all=True, append_images=[page, page])
    with pytest.raises(InputError, match="3 pictures"):
        read(tmp_path / "film.tif")


def test_a_color_photograph_is_refused(tmp_path):
    photo = np.random.default_rng(1).integers(0, 255, (60, 80, 3)).astype(np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.jpg", quality=95)
    with pytest.raises(InputError, match="color photograph"):
        read(tmp_path / "photo.jpg")


def test_paths_may_hold_any_letters(tmp_path):
    folder = tmp_path / "Größe 大きさ"
    write_film(folder / "Röntgen.png", gray_film())
    volume = read(folder / "Röntgen.png")
    assert np.array_equal(picture_of(volume.voxels), gray_film())
    assert volume.source["path"] == "Röntgen.png"


def test_the_asked_view_is_kept_and_an_unknown_one_refused(tmp_path):
    write_film(tmp_path / "film.png", gray_film())
    assert read(str(tmp_path / "film.png"), view="lateral").view == "lateral"
    with pytest.raises(InputError, match="sideways"):
        read(tmp_path / "film.png", view="sideways")


def test_a_film_of_20000_pixels_is_read(tmp_path):
    film = np.zeros((20_000, 300), dtype=np.uint8)
    film[19_999, 299] = 7
    Image.fromarray(film).save(tmp_path / "film.png", compress_level=1)
    volume = read(tmp_path / "film.png")
    assert volume.voxels.shape == (300, 20_000, 1)
    assert volume.voxels[299, 19_999, 0] == 7
