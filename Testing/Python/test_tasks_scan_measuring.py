# SPDX-License-Identifier: Apache-2.0
"""What the scan tasks tell of their measurements: why a vertebra has no heights, and that a padded scan ends there."""

from dataclasses import replace

import numpy as np
import pytest
from scan_fixtures import synthetic_case, true_result
from scipy import ndimage
from scipy.spatial.transform import Rotation

from SpineLib.core.mask import Mask
from SpineLib.core.result import SpineResult, Vertebra
from SpineLib.core.volume import Volume
from SpineLib.measurement.scan_measurements import CUT
from SpineLib.tasks.scan_image import scan_image
from SpineLib.tasks.scan_measuring import measured
from SpineLib.tasks.vertebrae_on_grid import vertebrae_on_grid, without_padding


def remeasured(vertebrae: tuple[Vertebra, ...], voxels: np.ndarray | None = None) -> tuple[SpineResult, list[str]]:
    """The true result with these vertebrae, measured on these voxels, and what is told of heights."""
    volume = Volume(synthetic_case().voxels if voxels is None else voxels, synthetic_case().affine, "ct")
    named, measurements, told = measured(vertebrae, true_result().structures, volume, scan_image(volume))
    result = replace(true_result(), vertebrae=named, measurements=measurements)
    return result, [each for each in told if "eights" in each]


def levels(result: SpineResult, name: str) -> set[str]:
    return {level for each in result.measurements if each.name == name for level in each.levels}


def test_each_vertebra_without_heights_says_why() -> None:
    found = true_result().vertebrae
    vertebrae = tuple(replace(each, body=None) if each.level == "L1" else each for each in found)
    result, told = remeasured(vertebrae)
    missing = "the vertebral body is not told apart or not in the image"
    assert told == [f"No heights: L1 ({missing})."]
    assert {each.level for each in result.vertebrae if each.unmeasured} == {"T9", "L1", "L4"}
    assert levels(result, "height_middle") == {each.level for each in result.vertebrae if not each.unmeasured}


def test_a_body_that_is_cut_within_the_row_is_told() -> None:
    """A body beside the array's face, as where a row is bent out of the field."""
    row = list(true_result().vertebrae[2:7])
    beyond = row[2].body
    assert beyond is not None
    row[2] = replace(row[2], body=Mask(beyond.box, (0, *beyond.origin[1:]), beyond.shape))
    _, told = remeasured(tuple(row))
    assert told == [f"No heights: {row[2].level} (t{CUT[1:-1]})."]


def test_a_neck_without_endplates_is_no_warning() -> None:
    atlas, axis = (replace(true_result().vertebrae[3], level=level) for level in ("C1", "C2"))
    result, told = remeasured((atlas, axis, *true_result().vertebrae[4:7]))
    assert told == []
    assert [bool(each.unmeasured) for each in result.vertebrae] == [True, True, False, False, False]


def test_a_scan_may_end_within_its_array() -> None:
    """Slices up to the middle of L3 are filled, as where scans are brought to one size."""
    (cut,) = (each for each in true_result().vertebrae if each.level == "L3")
    assert "L3" in levels(true_result(), "genant_grade") and cut.body is not None
    last = cut.body.origin[2] + cut.body.box.shape[2] // 2
    for value in (-1024, -3024, 0):
        voxels = synthetic_case().voxels.copy()
        voxels[:, :, :last] = value
        result, told = remeasured(true_result().vertebrae[1:7], voxels)
        assert told == []
        assert [each.unmeasured for each in result.vertebrae if each.level == "L3"] == [CUT]
        assert levels(result, "genant_grade") == {"T10", "T11", "T12", "L1", "L2"}


def test_the_fracture_network_sees_no_padding() -> None:
    """Bone cut by it would look broken."""
    affine = np.array([[-0.9, 0, 0, 50.0], [0, -0.9, 0, 60.0], [0, 0, 2.0, -70.0], [0, 0, 0, 1]])
    labels = np.zeros((60, 70, 40), bool)
    labels[24:40, 30:50, 14:26] = True
    voxels = np.where(labels, 300.0, 40.0) + np.random.default_rng(0).normal(0, 20, labels.shape)
    voxels[:, :, :14] = -2000
    scan = scan_image(Volume(voxels.astype(np.int16), affine, "ct"))
    cut = Vertebra("L4", 1.0, Mask.from_array(labels))
    grid, masks = vertebrae_on_grid(scan, [cut], 1.25, 12.0, within_scan=True)
    raw = scan.on(grid)
    filled = without_padding(raw, scan, grid, masks, 12.0)
    assert raw.min() < -1000 and filled.min() > -100
    kept = grid.points(np.argwhere(raw != filled))[:, 2]
    assert kept.max() < -70 + 2 * 14 + 1.25


@pytest.mark.parametrize("end", [slice(None, 14), slice(-14, None)])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_fracture_network_sees_no_air_where_the_scan_ends(end: slice, axis: int) -> None:
    """At every face of a tilted scan: what lies beyond was not scanned, and is no air."""
    voxels, labels = np.random.default_rng(0).choice([-90.0, 40.0], (60, 60, 60)), np.zeros((60, 60, 60), bool)
    labels[tuple(end if each == axis else slice(20, 40) for each in range(3))] = True
    voxels[labels] = 300
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", [15, 7.5, 0], degrees=True).as_matrix() * 0.9
    scan = scan_image(Volume(voxels.astype(np.int16), affine, "ct"))
    cut = Vertebra("L4", 1.0, Mask.from_array(labels))
    grid, masks = vertebrae_on_grid(scan, [cut], 1.25, 12.0, within_scan=True)
    raw = scan.on(grid)
    filled = without_padding(raw, scan, grid, masks, 12.0)
    near = ndimage.distance_transform_edt(~masks[0].to_array(), 1.25) <= 6
    assert scan.is_hu and raw[near].min() < -900 and filled[near].min() > -100
