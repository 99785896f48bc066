# SPDX-License-Identifier: Apache-2.0
"""Where bone ends by the scan's own voxels, weighed against what the network says."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from scipy import ndimage

from SpineLib.core.errors import ModelError
from SpineLib.core.mask import Mask
from SpineLib.core.volume import Volume
from SpineLib.inference.scan_grid import Field, ScanGrid, mask_on
from SpineLib.io.itk import empty_image
from SpineLib.tasks.options import SegmentOptions
from SpineLib.tasks.scan_borders import Borders, evidence
from SpineLib.tasks.scan_image import ScanImage, scan_image
from SpineLib.tasks.scan_masks import borders_of
from SpineLib.tasks.scan_model import ScanModel

WEIGHTS = Borders(surety=1.2, brightness=1.0, intercept=0.0)
SPACING_MM = np.array([1.0, 1.0, 2.0])


def ball(radius_mm: float, shape: tuple[int, int, int] = (40, 40, 20)) -> np.ndarray:
    places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1) * SPACING_MM
    return np.linalg.norm(places - places.reshape(-1, 3).mean(axis=0), axis=-1) <= radius_mm


def unsure(inside: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(inside.astype(np.float32), 1.5 / SPACING_MM)


def test_a_border_moves_to_where_the_scan_shows_it() -> None:
    """The network draws a ball 1.2 mm too large; in the scan the bone is as bright as its noise allows to see."""
    bone = ball(12.0)
    values = np.where(bone, 300.0, 50.0) + np.random.default_rng(3).normal(0, 30, bone.shape)
    said = unsure(ball(13.2))
    before, after = (said >= 0.5) != bone, WEIGHTS.inside(said, values, SPACING_MM) != bone
    assert after.sum() < 0.5 * before.sum()


@pytest.mark.parametrize("dark", [False, True])
def test_what_is_darker_than_its_surroundings_is_found_as_well(dark: bool) -> None:
    bone = ball(12.0)
    values = np.where(bone, 100.0, 400.0) if dark else np.where(bone, 400.0, 100.0)
    said = unsure(ball(13.2))
    assert (WEIGHTS.inside(said, values, SPACING_MM) != bone).sum() < 0.5 * ((said >= 0.5) != bone).sum()


def test_without_contrast_the_network_decides() -> None:
    said = unsure(ball(12.0))
    odds, brighter = evidence(said, np.full(said.shape, 200.0), SPACING_MM)
    assert np.abs(brighter[(said > 0.1) & (said < 0.9)]).max() < 0.05
    assert ((odds >= 0) == (said >= 0.5)).all()
    assert ((WEIGHTS.inside(said, np.full(said.shape, 200.0), SPACING_MM) != (said >= 0.5)).mean()) < 0.01


def test_air_and_metal_decide_no_more_than_fat_and_dense_bone() -> None:
    said = unsure(ball(12.0))
    usual, extreme = (np.where(ball(12.0), bright, dark) for bright, dark in ((1200.0, -200.0), (3071.0, -1024.0)))
    for first, second in zip(evidence(said, usual, SPACING_MM), evidence(said, extreme, SPACING_MM), strict=True):
        np.testing.assert_array_equal(first, second)


def test_only_the_mask_of_the_voxels_asked_for_is_decided_on() -> None:
    """What decides sees the surroundings, too, but adds nothing beyond the mask."""
    grid = ScanGrid((20, 20, 20), 1.5, np.zeros(3))
    scan = SimpleNamespace(shape=(30, 30, 30), affine=np.diag([-1.0, -1.0, 1.0, 1.0]))
    inside = np.zeros(grid.shape, bool)
    inside[5:15, 5:15, 5:15] = True
    seen = []

    def all_of_it(surety: np.ndarray, voxels: Any) -> np.ndarray:
        seen.append(voxels.GetSize())
        return np.ones(surety.shape, bool)

    field = Field(grid, np.zeros(grid.shape, np.uint8))
    found = mask_on(scan, Mask.from_array(inside), grid, [field], all_of_it)
    assert found.count == mask_on(scan, Mask.from_array(inside), grid).count > 0
    assert mask_on(scan, Mask.from_array(inside), grid, [field]).is_empty
    assert min(seen[0]) > 20


@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
def test_values_of_a_scan_come_from_its_own_voxels_however_it_is_stored(flips: tuple[int, int, int]) -> None:
    voxels = np.random.default_rng(1).integers(-500, 1000, (30, 40, 50)).astype(np.int16)
    affine = np.diag([-1.0, -1.0, 1.5, 1.0])
    stored = voxels[:: flips[0], :: flips[1], :: flips[2]]
    turned = affine.copy()
    for axis, flip in enumerate(flips):
        if flip < 0:
            turned[:3, 3] += affine[:3, axis] * (voxels.shape[axis] - 1)
            turned[:3, axis] *= -1
    scan = scan_image(Volume(np.ascontiguousarray(stored), turned, "ct"))
    to_ras = scan.affine.copy()
    to_ras[:3, 3] += scan.affine[:3, :3] @ [3, 5, 7]
    wanted = stored[3:13, 5:17, 7:21] * scan.scale + scan.shift
    np.testing.assert_allclose(scan.at(empty_image((10, 12, 14), to_ras)), wanted, atol=0.01)


def shipped() -> ScanModel:
    return ScanModel.for_task("ct", None, SegmentOptions())


def test_the_shipped_model_says_how_borders_are_weighed_and_only_on_ct() -> None:
    weights = Borders.of(shipped())
    assert weights is not None and weights.surety > 0 and weights.brightness > 0
    is_hu = cast(ScanImage, SimpleNamespace(is_hu=True))
    assert borders_of(is_hu, shipped()) is not None
    assert borders_of(cast(ScanImage, SimpleNamespace(is_hu=False)), shipped()) is None
    metadata = {name: value for name, value in shipped().bundle.metadata.items() if name != "borders"}
    silent = replace(shipped(), bundle=replace(shipped().bundle, metadata=metadata))
    assert borders_of(is_hu, silent) is None


@pytest.mark.parametrize("told", [3, {"surety": 1.0}, {"surety": "x", "brightness": 1, "intercept": 0}])
def test_unusable_weights_are_told(told: Any) -> None:
    model = shipped()
    metadata = {**model.bundle.metadata, "borders": told}
    with pytest.raises(ModelError, match="borders"):
        Borders.of(replace(model, bundle=replace(model.bundle, metadata=metadata)))
