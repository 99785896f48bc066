# SPDX-License-Identifier: Apache-2.0
"""The shipped CT models on real scans. The labels of the abdomen are another program's; see the data's README."""

from pathlib import Path

import numpy as np
import pytest

from SpineLib import io, tasks
from SpineLib.core.anatomy import VERTEBRAE
from SpineLib.core.result import SpineResult
from SpineLib.evaluation.overlap import dice
from SpineLib.synthesis.ct.case import make_case
from SpineLib.synthesis.ct.options import CtOptions
from SpineLib.tasks.scan_image import NOT_HU

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ct"
MRI = DATA.parent / "mri"
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
    assert scores.pop("T12") > 0.75, "the scan's end cuts it"
    assert min(scores.values()) > 0.85, scores


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


@pytest.mark.parametrize("number", ["01", "09"])
def test_bodies_are_found_on_an_mri(number: str) -> None:
    """The labels are of bodies, from L5 (1) upward."""
    result = tasks.run("ct", io.read(MRI / f"VB3_{number}_img.nii.gz"))
    labels = io.read(MRI / f"VB3_{number}_lab.nii.gz").voxels
    bodies = [vertebra.body.to_array() for vertebra in result.vertebrae if vertebra.body is not None]
    scores = [max(dice(body, labels == code) for body in bodies) for code in range(1, 6)]
    assert np.mean(scores) > 0.75, scores
    assert NOT_HU in result.warnings


def test_real_vertebrae_are_of_the_sizes_that_the_generator_makes() -> None:
    """Masks of two CT spines, whose images are not at hand, against usual and large persons."""
    made: dict[str, list[float]] = {}
    for seed, size in enumerate((0.9, 1.0, 1.15, 1.25)):
        options = CtOptions(
            (110, 140, 260), (2.0, 2.0, 2.0), 0.0, "T12", "usual", "none", implants=False, randomized=False, size=size
        )
        for level, volume in volumes(make_case(seed, options).labels, 8.0).items():
            made.setdefault(level, []).append(volume)
    for name in ("verse004", "verse005"):
        scan = io.read(DATA / f"{name}_vertebra_mask.nii.gz")
        real = volumes(scan.voxels, float(np.prod(scan.spacing_mm)))
        compared = [level for level in real if len(made.get(level, ())) == 4]
        assert len(compared) >= 4
        for level in compared:
            assert 0.9 * min(made[level]) < real[level] < 1.1 * max(made[level]), (name, level)


def volumes(labels: np.ndarray, voxel_mm3: float) -> dict[str, float]:
    """Of the vertebrae that no border of the array cuts."""
    inner = labels[1:-1, 1:-1, 1:-1]
    whole = [each for each in VERTEBRAE if (inner == each.code).any()]
    counts = {each.name: int((labels == each.code).sum()) for each in whole}
    return {
        each.name: counts[each.name] * voxel_mm3
        for each in whole
        if counts[each.name] == int((inner == each.code).sum())
    }
