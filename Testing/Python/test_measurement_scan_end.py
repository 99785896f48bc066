# SPDX-License-Identifier: Apache-2.0
"""A vertebra that the scan's end cuts is not measured, wherever and however the scan ends; a whole one is."""

import numpy as np
import pytest
from measurement_fixtures import grid, stack, turned, values, vertebra
from scipy import ndimage

from SpineLib.core.mask import Mask
from SpineLib.core.result import Vertebra
from SpineLib.measurement.padding import find_padding
from SpineLib.measurement.scan_end import is_cut
from SpineLib.measurement.scan_measurements import measure

LEVELS = ["T12", "L1", "L2", "L3"]
CUT = "The vertebral body is cut by the border of the image."
UNSIGNED = -1024.0
"""What unsigned files need to be in Hounsfield units."""


def row() -> tuple[list[Vertebra], np.ndarray, np.ndarray]:
    """Four healthy vertebrae, their affine, and where each voxel lies: (I, J, K, 3) RAS mm."""
    vertebrae, affine = stack([(0, 0)] * len(LEVELS), LEVELS)
    points = np.stack(np.indices(vertebrae[0].mask.shape), axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    return vertebrae, affine, points


def scan_of(vertebrae: list[Vertebra]) -> np.ndarray:
    """(I, J, K) HU, int16: noisy bone in noisy tissue."""
    rng = np.random.default_rng(0)
    hu = rng.normal(40, 15, vertebrae[0].mask.shape)
    for each in vertebrae:
        hu[each.mask.window][each.mask.box] += rng.normal(160, 30, each.mask.count)
    return hu.astype(np.int16)


def seen(vertebrae: list[Vertebra], where: np.ndarray) -> list[Vertebra]:
    """What a network sees of them."""
    return [
        Vertebra(
            each.level,
            1.0,
            Mask.from_array(each.mask.to_array() & where),
            body=None if each.body is None else Mask.from_array(each.body.to_array() & where),
        )
        for each in vertebrae
    ]


def scanned(how: str, points: np.ndarray) -> np.ndarray:
    """Bool (I, J, K): within a tilted scan that ends obliquely in the lowest body, or above slices added in it."""
    if how == "added slices":
        # The lowest one lies at -54 mm and is 25 mm high; the stack's grid is turned by 5 degrees.
        k = np.arange(points.shape[2])[None, None, :]
        return np.broadcast_to(k >= np.argmin(np.abs(points[42, 47, :, 2] + 58)), points.shape[:3])
    return (points - np.array([0, 8, -60])) @ turned(22)[:, 2] >= 0


@pytest.mark.parametrize("how", ["tilted", "added slices"])
@pytest.mark.parametrize("value", [-3024, -2000, -1024, 0])
def test_a_body_cut_by_padding_is_no_fracture(how: str, value: int) -> None:
    vertebrae, affine, points = row()
    hu, where = scan_of(vertebrae), scanned(how, points)
    hu[~where] = value
    cut = seen(vertebrae, where)
    assert cut[-1].body is not None and 0.5 < cut[-1].body.count / vertebrae[-1].body.count < 0.95
    unaware, _ = measure(cut, affine)
    assert values(unaware, "genant_grade")["L3",] >= 2
    measured, found = measure(cut, affine, padding=find_padding(hu))
    assert found["L3"].reason == CUT
    assert values(measured, "genant_grade") == {(level,): 0.0 for level in LEVELS[:-1]}


@pytest.mark.parametrize("value", [-2000, -1024])
def test_a_round_field_cuts_what_reaches_its_rim(value: int) -> None:
    vertebrae, affine, points = row()
    hu = scan_of(vertebrae)
    # Its rim runs through the front of all bodies, which end 24 mm in front.
    where = np.hypot(points[..., 0], points[..., 1] + 40) <= 60
    hu[~where] = value
    _, found = measure(seen(vertebrae, where), affine, padding=find_padding(hu))
    assert {each.reason for each in found.values()} == {CUT}
    unsigned = np.where(where, hu + 1024, 0).clip(0).astype(np.uint16)
    _, found = measure(seen(vertebrae, where), affine, padding=find_padding(unsigned, shift=UNSIGNED))
    assert {each.reason for each in found.values()} == {CUT}
    # One that leaves them 8 mm and more cuts none.
    where = np.hypot(points[..., 0], points[..., 1] + 40) <= 77
    hu = np.where(where, scan_of(vertebrae), value)
    _, found = measure(vertebrae, affine, padding=find_padding(hu))
    assert {each.reason for each in found.values()} == {""}


@pytest.mark.parametrize("noise_hu", [0.0, 25.0])
@pytest.mark.parametrize("lowest", [-1000, -1024])
def test_air_is_no_padding_though_a_file_shows_it_as_one_value(noise_hu: float, lowest: int) -> None:
    """The throat is open to the outside and lies right in front of the neck's bodies."""
    vertebrae, affine, points = row()
    hu = scan_of(vertebrae).astype(float)
    air = points[..., 1] > 24 + 4
    hu = ndimage.gaussian_filter(np.where(air, -1030.0, hu), 0.7)
    hu += np.random.default_rng(1).normal(0, noise_hu, hu.shape)
    hu = hu.clip(lowest, 3000).astype(np.int16)
    assert noise_hu or (hu[-3:, -3:, -3:] == lowest).all()
    _, found = measure(vertebrae, affine, padding=find_padding(hu))
    assert {each.reason for each in found.values()} == {""}


def test_a_scan_without_padding_has_none() -> None:
    vertebrae, _, _ = row()
    assert find_padding(scan_of(vertebrae)) is None


def test_a_slice_of_padding_is_seen_and_single_voxels_of_its_value_are_not() -> None:
    """A single thick slice; of tissue some 3 % have the value 0 as well."""
    affine, shape = grid((0.9, 0.9, 6.0), np.eye(3), (70, 80, 72))
    own = vertebra("L3", affine, shape, (0, 5, -14), np.eye(3))
    hu = scan_of([own])
    hu[..., :1] = 0
    assert (hu == 0).mean() > 0.083 + 0.0005
    assert own.body is not None
    for top, told in ((-14, True), (0, False)):
        body = vertebra("L3", affine, shape, (0, 5, top), np.eye(3)).body
        assert body is not None and is_cut(body, affine, find_padding(hu)) == told
        # The face of the array alone is a slice farther away.
        assert not is_cut(body, affine)


ORDERS = {"as the patient": (0, 1, 2), "sagittal": (1, 2, 0), "coronal": (0, 2, 1)}


def stored(order: tuple[int, ...], field_mm: tuple[float, float, float], turn: np.ndarray, center: tuple) -> tuple:
    """The body L2 in a field of that width, depth and height, stored with its axes in `order`, and the affine."""
    affine, shape = grid((1.0, 1.0, 1.0), turn, field_mm)
    body = vertebra("L2", affine, shape, center, turned(), with_arch=False).body
    assert body is not None
    turned_affine = affine[:, [*order, 3]]
    return Mask.from_array(body.to_array().transpose(order)), turned_affine


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("turn", [np.eye(3), turned(25), turned(0, 0, 8)], ids=["level", "tilted", "oblique"])
def test_a_narrow_sagittal_scan_shows_whole_bodies(order: tuple[int, ...], turn: np.ndarray) -> None:
    """44 mm wide, in a field of 54 mm: 5 mm are left on each side."""
    body, affine = stored(order, (54, 90, 80), turn, (0, 0, 0))
    assert not is_cut(body, affine)
    _, found = measure([Vertebra("L2", 1.0, body, body=body)], affine)
    assert found["L2"].heights is not None
    assert found["L2"].heights.heights_mm == pytest.approx([25, 25, 25], abs=1.1)


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_what_touches_a_side_or_nears_another_face_is_cut(order: tuple[int, ...]) -> None:
    assert is_cut(*stored(order, (54, 90, 80), np.eye(3), (6, 0, 0)))
    assert is_cut(*stored(order, (90, 40, 80), np.eye(3), (0, 0, 0)))
    assert is_cut(*stored(order, (90, 90, 35), np.eye(3), (0, 0, 0)))
    assert not is_cut(*stored(order, (90, 50, 45), np.eye(3), (0, 0, 0)))
