# SPDX-License-Identifier: Apache-2.0
"""A scan that cannot be used is told in one sentence; what its values mean is told apart."""

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from SpineLib.core.errors import InputError
from SpineLib.core.volume import Volume
from SpineLib.io import read
from SpineLib.synthesis.ct.case import make_case
from SpineLib.synthesis.ct.options import CtOptions
from SpineLib.tasks.ct_check import ScanValues, hu_scale, usable_scan

HU, UNSIGNED, OTHER = ScanValues(True), ScanValues(True, -1024.0), ScanValues(False)


@functools.cache
def scan(seed: int = 5) -> Volume:
    case = make_case(seed, CtOptions(shape=(48, 48, 64), spacing_mm=(2, 2, 2), randomized=False))
    return Volume(case.voxels, case.affine, "ct")


def refusal(volume: Volume) -> str:
    with pytest.raises(InputError) as caught:
        usable_scan(volume)
    assert caught.value.hint.endswith(".")
    return caught.value.sentence


def test_a_usual_scan_is_usable_and_stays_as_it_was() -> None:
    volume = scan()
    before = volume.voxels.copy()
    usable_scan(volume)
    assert np.array_equal(volume.voxels, before)


def test_a_film_and_a_single_slice_are_no_scan() -> None:
    assert "single slice" in refusal(Volume(np.eye(100)[:, :, None], np.eye(4)))
    assert "single slice" in refusal(replace(scan(), voxels=scan().voxels[:, :, 30:31]))
    assert "single slice" in refusal(replace(scan(), voxels=scan().voxels[20:21]))


def test_a_scan_without_a_spacing_is_refused() -> None:
    assert "not known" in refusal(replace(scan(), spacing_known=False))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_too_few_or_too_thick_slices_and_too_small_a_field_are_refused_along_every_axis(axis: int) -> None:
    scale, few = np.ones(4), [slice(None)] * 3
    few[axis] = slice(0, 7)
    assert "voxels" in refusal(replace(scan(), voxels=scan().voxels[tuple(few)]))
    few[axis] = slice(0, 14)
    assert "28" in refusal(replace(scan(), voxels=scan().voxels[tuple(few)]))
    scale[axis] = 5.0
    assert "10.0 mm apart" in refusal(replace(scan(), affine=scan().affine @ np.diag(scale)))
    scale[axis] = 0.001
    assert "unusable" in refusal(replace(scan(), affine=scan().affine @ np.diag(scale)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_voxel_that_is_not_a_number_is_enough(value: float) -> None:
    voxels = scan().voxels.astype(np.float32)
    voxels[30, 20, 63] = value
    assert "not numbers" in refusal(replace(scan(), voxels=voxels))


def test_an_empty_scan_is_refused_with_its_value() -> None:
    assert "same value (-1000)" in refusal(replace(scan(), voxels=np.full((40, 40, 40), -1000, dtype=np.int16)))


@pytest.mark.parametrize("seed", range(4))
def test_hounsfield_units_are_told_from_unsigned_values(seed: int) -> None:
    volume = scan(seed)
    assert hu_scale(volume) == HU
    unsigned = (np.maximum(volume.voxels, -1024) + 1024).astype(np.uint16)
    assert hu_scale(replace(volume, voxels=unsigned)) == UNSIGNED


def test_a_crop_within_the_body_is_still_told_apart() -> None:
    crop = scan().voxels[12:36, 12:36, 16:48]
    assert hu_scale(replace(scan(), voxels=crop)) == HU
    assert hu_scale(replace(scan(), voxels=crop + 1024)) == UNSIGNED


def test_padding_around_a_round_field_does_not_count() -> None:
    i, j = np.mgrid[:48, :48]
    outside = np.hypot(i - 23.5, j - 23.5) > 20
    for shift, expected in ((0, HU), (1024, UNSIGNED)):
        voxels = scan().voxels + shift
        voxels[outside] = -2000
        assert hu_scale(replace(scan(), voxels=voxels)) == expected


def test_other_scales_are_not_taken_for_hounsfield_units() -> None:
    volume = scan()
    assert hu_scale(replace(volume, voxels=(volume.voxels + 1024) / 4)) == OTHER
    assert hu_scale(replace(volume, voxels=volume.voxels / 1000)) == OTHER
    standard = (volume.voxels - volume.voxels.mean()) / volume.voxels.std()
    assert hu_scale(replace(volume, voxels=standard)) == OTHER


@pytest.mark.parametrize("brightest", [1.0, 255.0, 1500.0, 4095.0, 30000.0])
def test_an_mri_is_never_taken_for_a_ct(brightest: float) -> None:
    rng = np.random.default_rng(2)
    tissue = np.array([0.0, 0.15, 0.3, 0.45, 0.7, 1.0])[rng.integers(0, 6, (12, 12, 12))].repeat(4, 0).repeat(4, 1)
    voxels = np.abs(tissue + rng.normal(0, 0.02, tissue.shape)) * brightest
    assert hu_scale(Volume(voxels, np.diag([2.0, 2.0, 2.0, 1.0]), "ct")) == OTHER
    assert hu_scale(replace(scan(), modality="mr")) == OTHER


@pytest.mark.parametrize("ending", ["nii", "nrrd", "mha"])
def test_a_volume_of_twenty_gigabytes_is_refused_from_its_header(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"scan.{ending}"
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((8, 8, 8), np.int16)), path)
    content = bytearray(path.read_bytes())
    if ending == "nii":
        content[42:48] = np.array([2200, 2200, 2100], "<i2").tobytes()
    else:
        content = content.replace(b"8 8 8", b"2200 2200 2100")
    path.write_bytes(content)
    with pytest.raises(InputError, match="more than the 2000 million allowed"):
        read(path)
