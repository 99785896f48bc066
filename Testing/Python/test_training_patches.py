# SPDX-License-Identifier: Apache-2.0
"""Patches of training scans: where they are drawn, what lies beyond a scan, mirror images."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from training_fixtures import small_scan

from SpineLib.training.scan.cases import TrainingScan
from SpineLib.training.scan.config import read_scan_config
from SpineLib.training.scan.loop import ScanTrainer
from SpineLib.training.scan.patches import OFF_MIDDLE, central_patch, cut, draw_patch, mirrored

CONFIGS = Path(__file__).parents[2] / "SpineLib" / "training" / "configs"


def large_scan() -> TrainingScan:
    """The small scan with room around it for any patch."""
    scan, room = small_scan(), 20
    truth = np.pad(scan.truth, [(0, 0), *[(room, room)] * 3])
    centers = {label: center + room for label, center in scan.centers.items()}
    return replace(scan, voxels=np.pad(scan.voxels, room), truth=truth, centers=centers)


def test_a_mirror_exchanges_left_and_right_only() -> None:
    patch = central_patch(small_scan(), (20, 24, 32))
    there = mirrored(patch)
    np.testing.assert_array_equal(there.voxels, patch.voxels[::-1])
    np.testing.assert_array_equal(there.labels, patch.labels[::-1])
    assert there.centers[20][0] == 19 - patch.centers[20][0]
    np.testing.assert_array_equal(mirrored(there).voxels, patch.voxels)


def test_beyond_the_scan_there_is_air_and_nothing_else() -> None:
    patch = cut(small_scan(), np.array([10, 10, 20]), (20, 20, 20))
    assert patch.voxels.shape == (20, 20, 20)
    assert (patch.voxels[10:] == -1000).all() and not patch.labels[10:].any()
    np.testing.assert_array_equal(patch.voxels[:10, :14, :12], small_scan().voxels[10:, 10:, 20:])
    np.testing.assert_allclose(patch.centers[20], [-0.5, -0.5, 1.5])


def test_patches_are_drawn_around_what_they_shall_show() -> None:
    rng = np.random.default_rng(0)
    shown = [draw_patch(small_scan(), (8, 8, 8), rng, 2).fractured.any() for _ in range(60)]
    anywhere = [draw_patch(small_scan(), (8, 8, 8), rng).fractured.any() for _ in range(60)]
    assert sum(shown) > 40 > sum(anywhere)


def test_a_share_of_patches_shows_healthy_bone_as_often_as_there_is(tmp_path: Path) -> None:
    config = replace(read_scan_config(CONFIGS / "ct_fracture.json"), patch=(4, 4, 4), steps=(1,))

    def broken(share: float) -> int:
        network, scan = torch.nn.Conv3d(1, 4, 1), small_scan()
        own = replace(config, anywhere_share=share, amid_share=0.0)
        trainer = ScanTrainer(own, network, [scan], [], [scan], tmp_path, torch.device("cpu"))
        rng = np.random.default_rng(0)
        return sum(trainer._draw((4, 4, 4), rng).fractured.any() for _ in range(150))

    assert broken(0.0) > 2 * broken(1.0) > 0


def test_a_small_fracture_is_shown_as_often_as_a_large_one() -> None:
    scan = small_scan()
    scan.truth[2][scan.truth[0] == 21] = 1
    rng = np.random.default_rng(1)
    patches = [draw_patch(scan, (4, 4, 4), rng, 2) for _ in range(200)]
    small, large = (sum((each.labels[each.fractured > 0] == label).any() for each in patches) for label in (20, 21))
    assert small > 0.5 * large


def test_a_patch_amid_a_vertebra_has_a_broken_one_in_its_middle() -> None:
    rng, scan = np.random.default_rng(0), large_scan()
    for _ in range(30):
        patch = draw_patch(scan, (16, 16, 16), rng, 2, amid=True)
        inside = np.argwhere(patch.labels == 20)
        middle = (inside.min(axis=0) + inside.max(axis=0)) / 2
        assert (np.abs(middle - 7.5) <= OFF_MIDDLE + 1).all()


def test_a_patch_amid_a_vertebra_shows_any_where_none_is_broken_and_the_scan_where_there_is_none() -> None:
    rng, scan = np.random.default_rng(0), large_scan()
    scan.truth[2] = 0
    in_the_middle = {int(draw_patch(scan, (8, 8, 8), rng, 2, amid=True).labels[4, 4, 4]) for _ in range(30)}
    assert in_the_middle >= {20, 21}
    scan.truth[:] = 0
    places = [draw_patch(scan, (8, 8, 8), rng, 2, amid=True).centers[20] - scan.centers[20] for _ in range(30)]
    assert np.ptp(places, axis=0).max() <= 2 * OFF_MIDDLE + 1


def test_a_share_of_a_run_s_patches_lies_amid_vertebrae(tmp_path: Path) -> None:
    config = replace(read_scan_config(CONFIGS / "ct_fracture.json"), patch=(8, 8, 8), anywhere_share=1.0)

    def in_the_middle(share: float) -> int:
        network, scan = torch.nn.Conv3d(1, 4, 1), large_scan()
        own = replace(config, amid_share=share)
        trainer = ScanTrainer(own, network, [scan], [], [scan], tmp_path, torch.device("cpu"))
        rng = np.random.default_rng(0)
        drawn = [trainer._draw((8, 8, 8), rng).centers[20] - 3.5 for _ in range(60)]
        return sum(min(abs(each).max(), abs(each - [0, 0, 14]).max()) <= OFF_MIDDLE + 4 for each in drawn)

    assert in_the_middle(1.0) == 60 > in_the_middle(0.0)
