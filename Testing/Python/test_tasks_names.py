# SPDX-License-Identifier: Apache-2.0
"""Names of results."""

from pathlib import Path

import pytest

from SpineLib.tasks.names import output_names, stem


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("film.png", "film"),
        ("film.JPG", "film"),
        ("film.nii.gz", "film"),
        ("film.v2.dcm", "film.v2"),
        ("1.2.840.10008.1", "1.2.840.10008.1"),
        ("IM0001", "IM0001"),
        (".png", ".png"),
        ("Röntgen Bild.tiff", "Röntgen Bild"),
    ],
)
def test_the_extension_of_an_image_is_cut_off_and_nothing_else(name, expected):
    assert stem(Path(name)) == expected


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["a.png", "b.png"], ["a", "b"]),
        (["a.png", "a.jpg"], ["a_png", "a_jpg"]),
        (["a.png", "A.jpg"], ["a_png", "A_jpg"]),
        (["x/a.png", "y/a.png"], ["a_png", "a_png_2"]),
        (["a.png", "a.jpg", "a_png.dcm"], ["a_png", "a_jpg", "a_png_2"]),
    ],
)
def test_images_of_one_stem_get_names_of_their_own(paths, expected):
    assert output_names([Path(path) for path in paths]) == expected


def test_a_folder_given_by_a_dot_has_its_own_name(tmp_path, monkeypatch):
    (tmp_path / "scan.1" / "inside").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "scan.1" / "inside")
    assert (stem(Path()), stem(Path(".."))) == ("inside", "scan.1")
    assert output_names([Path(), Path("..")]) == ["inside", "scan.1"]
