# SPDX-License-Identifier: Apache-2.0
"""The shipped CT models on real scans. The labels of the abdomen are another program's; see the data's README."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from SpineLib import io, tasks
from SpineLib.core.anatomy import VERTEBRAE
from SpineLib.core.result import SpineResult
from SpineLib.evaluation.overlap import dice
from SpineLib.synthesis.ct.case import make_case
from SpineLib.synthesis.ct.options import CtOptions
from SpineLib.tasks.scan_image import NOT_HU

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ct"
MRI = DATA.parent / "mri"
NEAR_MM = 8.0
COLLAPSED = ("verse004", "L1")
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
    """Volumes and heights of the masks of two CT spines, whose images are not at hand, against usual and large
    persons."""
    made: dict[str, list[tuple[float, float]]] = {}
    for seed, size in enumerate((0.9, 1.0, 1.15, 1.25)):
        options = CtOptions(
            (110, 140, 260), (2.0, 2.0, 2.0), 0.0, "T12", "usual", "none", implants=False, randomized=False, size=size
        )
        case = make_case(seed, options)
        for level, each in sizes(case.labels, case.affine).items():
            made.setdefault(level, []).append(each)
    for name in ("verse004", "verse005"):
        scan = io.read(DATA / f"{name}_vertebra_mask.nii.gz")
        real = sizes(scan.voxels, scan.affine)
        compared = [level for level in real if len(made.get(level, ())) == 4]
        assert len(compared) >= 4
        for level in compared:
            low, high = np.min(made[level], axis=0), np.max(made[level], axis=0)
            if (name, level) == COLLAPSED:
                assert real[level][1] < 0.75 * low[1]
                continue
            assert (0.9 * low < real[level]).all() and (real[level] < 1.1 * high).all(), (name, level, real[level])


def sizes(labels: np.ndarray, affine: np.ndarray) -> dict[str, tuple[float, float]]:
    """Volume, mm3, and the height of the body, mm, of the vertebrae that no border of the array cuts.

    No mask tells bodies apart: the deepest place of a vertebra lies in its body, whose mean height is that of the bone
    in a cylinder there, along the line of such places.
    """
    inner = labels[1:-1, 1:-1, 1:-1]
    counts = {each.name: int((labels == each.code).sum()) for each in VERTEBRAE}
    whole = [each for each in VERTEBRAE if counts[each.name] and counts[each.name] == int((inner == each.code).sum())]
    spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)
    depths = [ndimage.distance_transform_edt(labels == each.code, spacing_mm) for each in whole]
    middles = np.array([np.argwhere(depth > 0.9 * depth.max()).mean(axis=0) for depth in depths])
    ways = np.gradient(middles @ affine[:3, :3].T, axis=0)
    found = {}
    for each, middle, way in zip(whole, middles, ways / np.linalg.norm(ways, axis=1, keepdims=True), strict=True):
        points = np.argwhere(labels == each.code) @ affine[:3, :3].T - affine[:3, :3] @ middle
        along = points @ way
        near = np.linalg.norm(points - along[:, None] * way, axis=1) < NEAR_MM
        height = near.sum() * float(np.prod(spacing_mm)) / (np.pi * NEAR_MM**2)
        found[each.name] = (counts[each.name] * float(np.prod(spacing_mm)), height)
    return found
