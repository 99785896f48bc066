# SPDX-License-Identifier: Apache-2.0
"""The shipped CT models on real scans. The labels of the abdomen are another program's; see the data's README."""

from pathlib import Path

import numpy as np
import pytest

from SpineLib import io, tasks
from SpineLib.core.result import SpineResult
from SpineLib.evaluation.overlap import dice

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ct"
THEIR_LABELS = {27: "L5", 28: "L4", 29: "L3", 30: "L2", 31: "L1", 32: "T12"}
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the real scans are not at hand")


@pytest.fixture(scope="module")
def abdomen() -> SpineResult:
    return tasks.run("ct", io.read(DATA / "abdomen_ct_3mm.nii.gz"))


def test_every_vertebra_of_the_abdomen_has_its_name(abdomen: SpineResult) -> None:
    labels = io.read(DATA / "abdomen_ct_3mm_totalsegmentator_labels.nii.gz").voxels
    found = {vertebra.level: vertebra.mask.to_array() for vertebra in abdomen.vertebrae}
    assert set(THEIR_LABELS.values()) <= set(found)
    scores = {name: dice(found[name], labels == code) for code, name in THEIR_LABELS.items()}
    assert np.mean(list(scores.values())) > 0.7, scores


def test_nothing_is_invented_on_a_heart() -> None:
    """The scan ends in the middle of the bodies: they may be found or not, but nothing else is a vertebra."""
    heart = io.read(DATA / "cardiac_ct_crop_1.5mm.nii.gz")
    result = tasks.run("ct", heart)
    backmost = heart.voxels.shape[1] - 1
    for vertebra in result.vertebrae:
        voxels = np.argwhere(vertebra.mask.to_array())
        assert voxels[:, 1].min() > backmost - 15, vertebra.level
        assert heart.voxels[tuple(voxels.T)].mean() > 100, vertebra.level
        assert vertebra.is_uncertain, vertebra.level
    assert bool(result.vertebrae) == any("uncertain" in warning for warning in result.warnings)
