# SPDX-License-Identifier: Apache-2.0
"""The overlay of a scan: two views, head up, the patient's right on the left, colors and names where they belong."""

import functools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from SpineLib.core.anatomy import BY_NAME, FRACTURE, VERTEBRAE
from SpineLib.core.errors import InputError
from SpineLib.core.mask import Mask
from SpineLib.core.result import Fracture, SpineResult, Vertebra
from SpineLib.core.volume import Volume
from SpineLib.reporting.scan_overlay import GAP, write_scan_overlay
from SpineLib.synthesis.ct.case import make_case
from SpineLib.synthesis.ct.options import CtOptions

SPACING = (2.0, 1.0, 4.0)
SHAPE = (40, 60, 30)
"""80 x 60 x 120 mm: right, front, up."""
AFFINE = np.diag([*SPACING, 1.0])
SCALE = 4
"""Pixels a millimeter, as many as there may be."""


def block(*bounds: tuple[int, int]) -> Mask:
    array = np.zeros(SHAPE, dtype=bool)
    array[tuple(slice(low, high) for low, high in bounds)] = True
    return Mask.from_array(array)


L1 = Vertebra("L1", 0.9, block((10, 22), (20, 40), (16, 22)))
L2 = Vertebra("L2", 0.9, block((10, 22), (20, 40), (6, 12)))


def scan() -> Volume:
    """Gray, with a bright mark at the right, at the front and at the top."""
    voxels = np.full(SHAPE, 100, dtype=np.int16)
    voxels[-4:, :, 12:15], voxels[:, -6:, 14:16], voxels[:, :, -2:] = 900, 900, 900
    voxels[10:22, 20:40, 6:22] = np.arange(16) * 50
    return Volume(voxels, AFFINE, "ct")


def overlay(folder: Path, vertebrae: tuple[Vertebra, ...], volume: Volume | None = None) -> np.ndarray:
    volume = volume or scan()
    result = SpineResult("ct_spine", volume.voxels.shape, volume.affine, vertebrae=vertebrae)
    write_scan_overlay(volume, result, folder / "scan.png")
    return np.asarray(Image.open(folder / "scan.png")).astype(int)


def views(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return picture[:, : 60 * SCALE], picture[:, 60 * SCALE + GAP :]


def at(view: np.ndarray, across_mm: float, up_mm: float) -> np.ndarray:
    """The pixel so far from the left edge and from the lower edge."""
    return view[view.shape[0] - 1 - round(up_mm * SCALE), round(across_mm * SCALE)]


def is_tinted(pixel: np.ndarray, name: str) -> bool:
    """Whether what lies over the gray has the hue of the name's color."""
    color = np.array(BY_NAME[name].color)
    tint = pixel - pixel.min()
    return bool(tint.max() > 10 and np.allclose(tint / tint.max(), (color - color.min()) / np.ptp(color), atol=0.08))


def test_millimeters_are_as_long_along_both_axes_of_both_views(tmp_path: Path) -> None:
    sagittal, coronal = views(overlay(tmp_path, (L1, L2)))
    assert sagittal.shape == (120 * SCALE, 60 * SCALE, 3)
    assert coronal.shape == (120 * SCALE, 80 * SCALE, 3)


def test_head_is_up_front_left_and_the_patients_right_on_the_left(tmp_path: Path) -> None:
    sagittal, coronal = views(overlay(tmp_path, (L1, L2)))
    for view in (sagittal, coronal):
        assert at(view, 30, 116).min() > 240
        assert at(view, 30, 100).max() < 200
    assert at(sagittal, 3, 60).min() > 240 > 100 > at(sagittal, 57, 60).max()
    assert at(coronal, 3, 54).min() > 240 > 100 > at(coronal, 77, 54).max()


def test_each_vertebra_is_tinted_in_its_color_where_it_lies(tmp_path: Path) -> None:
    sagittal, coronal = views(overlay(tmp_path, (L1, L2)))
    for view, middle in ((sagittal, 30), (coronal, 80 - 32)):
        assert is_tinted(at(view, middle, 76), "L1")
        assert is_tinted(at(view, middle, 36), "L2")
        assert np.ptp(at(view, middle, 56)) == 0
    assert is_tinted(at(coronal, 80 - 42, 76), "L1") and not is_tinted(at(coronal, 80 - 46, 76), "L1")


def test_names_stand_beside_their_vertebrae(tmp_path: Path) -> None:
    bare, named = (views(overlay(tmp_path, each))[1] for each in ((), (L1, L2)))
    column = slice((80 - 60) * SCALE, (80 - 44) * SCALE - 2)
    beside = np.ptp(named[:, column], axis=2).max(axis=1) > 40
    assert not (np.ptp(bare[:, column], axis=2) > 0).any()
    rows = np.flatnonzero(beside)
    for top, bottom in ((120 - 88, 120 - 64), (120 - 48, 120 - 24)):
        assert ((rows > top * SCALE) & (rows < bottom * SCALE)).any()
    assert not beside[(120 - 60) * SCALE : (120 - 52) * SCALE].any()


def test_a_fracture_is_outlined_in_red_at_whatever_depth_it_lies(tmp_path: Path) -> None:
    fracture = Fracture(block((10, 12), (22, 34), (8, 11)), 0.9, 1, "wedge")
    broken = Vertebra("L2", 0.9, L2.mask, fracture=fracture)
    red = np.rint(np.array(FRACTURE.color) * 255).astype(int)
    for index, view in enumerate(views(overlay(tmp_path, (L1, broken)))):
        rows, columns = np.nonzero((np.abs(view - red) <= 1).all(axis=2))
        assert (rows.min(), rows.max()) == pytest.approx((76 * SCALE, 88 * SCALE), abs=3)
        low, high = ((60 - 34, 60 - 22), (80 - 24, 80 - 20))[index]
        assert (columns.min(), columns.max()) == pytest.approx((low * SCALE, high * SCALE), abs=3)
    for view in views(overlay(tmp_path, (L1, L2))):
        assert not (np.abs(view - red) <= 1).all(axis=2).any()


def test_a_crooked_column_is_seen_whole(tmp_path: Path) -> None:
    leaning = Vertebra("L1", 0.9, block((28, 36), (20, 40), (16, 22)))
    sagittal, _ = views(overlay(tmp_path, (leaning, L2)))
    assert is_tinted(at(sagittal, 30, 76), "L1")
    assert is_tinted(at(sagittal, 30, 36), "L2")


@functools.cache
def synthetic() -> tuple[Volume, tuple[Vertebra, ...]]:
    options = CtOptions(shape=(48, 40, 56), spacing_mm=(2, 2, 2.5), tilt_deg=9, fracture="wedge", randomized=False)
    case = make_case(11, options)
    vertebrae = []
    for entry in VERTEBRAE:
        mask = case.labels == entry.code
        if mask.any():
            fracture = Fracture(Mask.from_array(mask & (case.fractured > 0)), 0.9)
            body = Mask.from_array(mask & (case.parts == 1))
            vertebrae.append(Vertebra(entry.name, 0.9, Mask.from_array(mask), body=body, fracture=fracture))
    return Volume(case.voxels, case.affine, "ct"), tuple(vertebrae)


def turned(mask: Mask, axes: tuple[int, ...], flips: tuple[int, ...]) -> Mask:
    return Mask.from_array(np.flip(mask.to_array().transpose(axes), flips))


@pytest.mark.parametrize(("axes", "flips"), [((0, 1, 2), (0,)), ((2, 0, 1), (1, 2)), ((1, 2, 0), ())])
def test_the_order_of_the_axes_in_the_file_does_not_matter(
    tmp_path: Path, axes: tuple[int, ...], flips: tuple[int, ...]
) -> None:
    volume, vertebrae = synthetic()
    assert len(vertebrae) >= 3
    voxels = np.flip(volume.voxels.transpose(axes), flips)
    affine = volume.affine[:, [*axes, 3]].copy()
    for axis in flips:
        affine[:, 3] += affine[:, axis] * (voxels.shape[axis] - 1)
        affine[:, axis] *= -1
    other = tuple(
        Vertebra(
            part.level,
            part.confidence,
            turned(part.mask, axes, flips),
            body=turned(part.body, axes, flips),
            fracture=Fracture(turned(part.fracture.mask, axes, flips), 0.9),
        )
        for part in vertebrae
    )
    expected = overlay(tmp_path, vertebrae, volume)
    assert expected.shape[0] <= 1200
    seen = overlay(tmp_path, other, Volume(voxels, affine, "ct"))
    # Where a center lies right between two voxels, rounding may choose the other one.
    assert seen.shape == expected.shape
    assert (np.abs(seen - expected).max(axis=2) > 30).mean() < 0.02


def test_a_result_without_vertebrae_shows_the_middle_of_the_scan(tmp_path: Path) -> None:
    picture = overlay(tmp_path, ())
    assert picture.shape == (120 * SCALE, (60 + 80) * SCALE + GAP, 3)
    assert picture.max() > 200


def test_an_empty_mask_and_values_that_are_no_numbers_do_no_harm(tmp_path: Path) -> None:
    nothing = Vertebra("L3", 0.1, Mask.from_array(np.zeros(SHAPE)))
    volume = Volume(np.full(SHAPE, np.nan), AFFINE, "ct")
    assert overlay(tmp_path, (L1, nothing), volume).shape[2] == 3


def test_a_result_of_another_scan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="40, 60, 30"):
        overlay_of_other = SpineResult("ct_spine", SHAPE, AFFINE)
        write_scan_overlay(Volume(np.zeros((9, 9, 9)), AFFINE, "ct"), overlay_of_other, tmp_path / "scan.png")
    assert list(tmp_path.iterdir()) == []
