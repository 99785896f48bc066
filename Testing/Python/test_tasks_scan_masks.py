# SPDX-License-Identifier: Apache-2.0
"""What was found on the networks' grid becomes masks of the scan's own voxels."""

from collections import namedtuple

import numpy as np
import pytest

from SpineLib.inference.scan_grid import ScanGrid
from SpineLib.inference.scan_networks import VertebraVoxels
from SpineLib.labelling.instances import Instance
from SpineLib.labelling.naming import Name
from SpineLib.networks.ct_channels import PARTS
from SpineLib.tasks.scan_masks import shapes_of, structures_on, vertebrae_on
from SpineLib.tasks.scan_vertebrae import FineSpine

Scan = namedtuple("Scan", "shape affine")
GRID = ScanGrid((24, 24, 30), 1.5, np.array([10.0, 20.0, -30.0]))
BODY, POSTERIOR, DISC = (PARTS.index(name) for name in ("body", "posterior", "disc"))


def scan(spacing_mm: float) -> Scan:
    """The voxels of a scan that covers the grid."""
    i, j, k = (int(length * 1.5 / spacing_mm) for length in GRID.shape)
    affine = GRID.affine.copy()
    affine[:3, :3] *= spacing_mm / 1.5
    return Scan((i, j, k), affine)


def found(parts: np.ndarray, owners: np.ndarray, second: np.ndarray | None = None) -> FineSpine:
    """A spine of these voxels, all of which are sure; owners: number of the vertebra, 0 for none."""
    bone = np.isin(parts, [BODY, POSTERIOR])
    solid = np.stack([bone, parts == BODY]).astype(np.uint8) * 250
    instances = []
    for number in range(1, owners.max() + 1):
        where = np.argwhere(owners == number)
        instances.append(Instance(where.mean(axis=0), where, np.arange(len(where)), 0.9))
    nothing = np.zeros((0, 3), np.float32)
    voxels = VertebraVoxels(parts, solid, nothing.astype(np.int32), nothing, nothing[:, 0], nothing)
    names = [Name(f"L{number}", 1.0, None, 0.0) for number in range(1, owners.max() + 1)]
    return FineSpine(GRID, voxels, instances, names, solid_between=second)


def two_that_touch() -> tuple[np.ndarray, np.ndarray]:
    parts, owners = np.zeros((2, *GRID.shape), np.uint8)
    parts[6:18, 4:12, 5:25], parts[9:15, 12:20, 5:25] = BODY, POSTERIOR
    owners[6:18, 4:20, 15:25], owners[6:18, 4:20, 5:15] = 1, 2
    owners[parts == 0] = 0
    return parts, owners


@pytest.mark.parametrize("spacing_mm", [0.5, 0.75, 1.5, 3.0])
def test_vertebrae_that_touch_share_no_voxel_and_leave_none_out(spacing_mm: float) -> None:
    parts, owners = two_that_touch()
    image = scan(spacing_mm)
    upper, lower = vertebrae_on(image, found(parts, owners))
    first, second = upper.mask.to_array(), lower.mask.to_array()
    assert not (first & second).any()
    for whole, body, own in ((first, upper.body, owners == 1), (second, lower.body, owners == 2)):
        assert whole.sum() * spacing_mm**3 == pytest.approx(
            own.sum() * 1.5**3, rel={0.75: 0.15, 3.0: 0.25}.get(spacing_mm, 0.06)
        )
        assert not (body.to_array() & ~whole).any()
        assert 0 < body.count < whole.sum()
    height = first.any(axis=(0, 1)) | second.any(axis=(0, 1))
    assert height[np.flatnonzero(height)[0] : np.flatnonzero(height)[-1] + 1].all()
    assert upper.mask.center_ras_mm(image.affine)[2] > GRID.points(np.full((1, 3), 15.0))[0, 2]


def test_bone_of_no_vertebra_stays_out_however_near() -> None:
    parts, owners = two_that_touch()
    parts[18:20, 4:12, 18:22] = BODY
    image = scan(1.5)
    upper, _ = vertebrae_on(image, found(parts, owners))
    np.testing.assert_array_equal(upper.mask.to_array(), owners == 1)


def test_the_second_look_moves_the_border_but_not_beyond_the_vertebras_reach() -> None:
    parts, owners = two_that_touch()
    image = scan(1.5)
    once, _ = vertebrae_on(image, found(parts, owners))
    all_bone = np.full((2, *GRID.halfway().shape), 255, np.uint8)
    wider, _ = vertebrae_on(image, found(parts, owners, all_bone))
    assert once.mask.count < wider.mask.count
    low, high = np.argwhere(owners == 1).min(axis=0), np.argwhere(owners == 1).max(axis=0)
    beyond = wider.mask.to_array()
    beyond[tuple(slice(a - 2, b + 3) for a, b in zip(low, high, strict=True))] = False
    assert not beyond.any()


@pytest.mark.parametrize("plane", [0, 1])
def test_what_the_second_look_hardly_sees_is_as_the_first_saw_it(plane: int) -> None:
    """The vertebra or its body alone."""
    parts, owners = two_that_touch()
    once, _ = vertebrae_on(scan(1.5), found(parts, owners))
    second = np.full((2, *GRID.halfway().shape), 255, np.uint8)
    second[plane] = 0
    second[plane, 10, 8, 20:22] = 255
    again, _ = vertebrae_on(scan(1.5), found(parts, owners, second))
    seen, before = ((each.mask, each.body)[plane] for each in (again, once))
    np.testing.assert_array_equal(seen.to_array(), before.to_array())


@pytest.mark.parametrize(("thick", "is_kept"), [(4, True), (2, False)])
def test_an_end_that_only_the_first_look_sees_is_kept_and_a_thin_layer_is_not(thick: int, is_kept: bool) -> None:
    parts, owners = two_that_touch()
    second = np.full((2, *GRID.halfway().shape), 255, np.uint8)
    second[:, 9:15, 20 - thick : 20, 20:24] = 0
    both, _ = vertebrae_on(scan(1.5), found(parts, owners, second))
    end = both.mask.to_array()[10:14, 21 - thick : 19, 21:23] if is_kept else both.mask.to_array()[10:14, 19, 21:23]
    assert end.size and end.all() == is_kept


@pytest.mark.parametrize("gap", [1, 2, 3, 4])
def test_what_lies_between_two_is_of_the_nearer_one(gap: int) -> None:
    parts, owners = two_that_touch()
    parts[:, :, 16 - gap : 16], owners[:, :, 16 - gap : 16] = 0, 0
    everywhere = np.full((2, *GRID.halfway().shape), 255, np.uint8)
    spine = found(parts, owners, everywhere)
    spine.voxels.solid[:] = 250
    for spacing_mm in (0.75, 1.5):
        upper, lower = (each.mask.to_array() for each in vertebrae_on(scan(spacing_mm), spine))
        heights = GRID.spacing_mm / spacing_mm * (15.5 - gap / 2)
        assert np.argwhere(upper)[:, 2].min() >= heights - 1e-6
        assert np.argwhere(lower)[:, 2].max() <= heights + 1e-6
        assert not (upper & lower).any()


def test_discs_and_shapes_come_along() -> None:
    parts, owners = two_that_touch()
    parts[6:18, 4:12, 14:16], owners[:, :, 14:16] = DISC, 0
    image = scan(1.5)
    spine = found(parts, owners)
    (disc,) = structures_on(image, spine, ())
    np.testing.assert_array_equal(disc.mask.to_array(), parts == DISC)
    shapes = shapes_of(spine)
    assert shapes.vertebrae["L2"].body is not None
    np.testing.assert_array_equal(shapes.vertebrae["L2"].mask.to_array(), owners == 2)
    assert shapes.sacrum is None


def test_a_disc_leaves_out_what_is_of_a_vertebra() -> None:
    parts, owners = two_that_touch()
    parts[6:18, 4:12, 14:16], owners[:, :, 14:16] = DISC, 0
    everywhere = np.full((2, *GRID.halfway().shape), 255, np.uint8)
    spine = found(parts, owners, everywhere)
    spine.voxels.solid[0][parts == DISC] = 100
    vertebrae = vertebrae_on(scan(1.5), spine)
    inside = np.any([each.mask.to_array() for each in vertebrae], axis=0)
    assert (inside & (parts == DISC)).sum() > 0.5 * (parts == DISC).sum()
    assert not any((each.mask.to_array() & inside).any() for each in structures_on(scan(1.5), spine, vertebrae))


def test_disc_and_sacrum_share_no_voxel() -> None:
    parts = np.zeros(GRID.shape, np.uint8)
    parts[2:22, 2:22, :10], parts[2:22, 2:22, 10:14] = PARTS.index("sacrum"), DISC
    sacrum, disc = structures_on(scan(0.75), found(parts, np.zeros_like(parts)), ())
    assert not (sacrum.mask.to_array() & disc.mask.to_array()).any()


@pytest.mark.parametrize(("size", "count"), [(6, 0), (20, 1)])
def test_a_crumb_is_no_sacrum(size: int, count: int) -> None:
    parts, owners = two_that_touch()
    parts[2 : 2 + size, 2 : 2 + size, :4] = PARTS.index("sacrum")
    spine = found(parts, owners)
    assert [each.name for each in structures_on(scan(1.5), spine, ())] == ["Sacrum"] * count
    assert (shapes_of(spine).sacrum is not None) == bool(count)


def test_a_vertebra_of_which_the_scan_holds_hardly_a_voxel_is_left_out() -> None:
    """The networks' grid goes on where an oblique scan ends."""
    image = scan(1.5)
    part = Scan((image.shape[0] - 14, image.shape[1], 11), image.affine.copy())
    part.affine[:3, 3] += image.affine[:3, [0, 2]].sum(axis=1) * 14
    assert [each.level for each in vertebrae_on(part, found(*two_that_touch()))] == ["L1"]
