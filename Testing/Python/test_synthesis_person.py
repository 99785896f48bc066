# SPDX-License-Identifier: Apache-2.0
"""Who is scanned in a synthetic CT, and what is broken."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from SpineLib.core.anatomy import BY_NAME, DISC
from SpineLib.synthesis.ct.case import make_case
from SpineLib.synthesis.ct.fractures import sample_fracture
from SpineLib.synthesis.ct.options import CtOptions
from SpineLib.synthesis.ct.person import sample_person
from SpineLib.synthesis.ct.scanner import outside_round
from SpineLib.synthesis.ct.variants import VARIANTS
from SpineLib.synthesis.ct.vertebra import make_vertebra
from SpineLib.synthesis.curve import CurveOptions, build_poses

QUIET = {"noise_hu": 0.0, "randomized": False, "implants": False}


def test_a_person_of_another_size_has_vertebrae_of_that_size() -> None:
    order = ((60, 60, 60), (2.5, 2.5, 2.5), 0.0, "L2", "usual", "none")
    volumes = []
    for size in (0.7, 1.0, 1.25):
        case = make_case(5, CtOptions(*order, size=size, **QUIET))
        volumes.append(np.count_nonzero(case.labels == BY_NAME["L2"].code))
    assert np.cbrt(volumes) / np.cbrt(volumes[1]) == pytest.approx([0.7, 1.0, 1.25], rel=0.08)


@pytest.mark.parametrize("size", [0.5, 1.4])
def test_children_and_giants_can_be_drawn(size: float) -> None:
    for seed in range(20):
        rng, real_rng = np.random.default_rng(seed).spawn(2)
        person, _ = sample_person(rng, CtOptions(size=size), None, real_rng)
        assert person.build.scale == size and len(person.vertebrae) >= 23


@pytest.mark.parametrize("kind", ["spinous process", "transverse process"])
@pytest.mark.parametrize("seed", [3, 4, 5])
@pytest.mark.parametrize("level", ["T9", "L3"])
def test_the_end_of_a_broken_process_stands_off(kind: str, seed: int, level: str) -> None:
    """A break that nobody can see would teach a network to find breaks where none are."""
    case = make_case(seed, CtOptions((110, 130, 70), (1.0, 1.0, 1.0), 0.0, level, "usual", kind, **QUIET))
    whole, marked = case.labels == BY_NAME[level].code, case.fractured > 0
    pieces, _ = ndimage.label(whole, np.ones((3, 3, 3)))
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    rest, crumb = sizes.argmax(), 20
    assert (sizes >= crumb).sum() >= 2 and (marked <= whole).all()
    end = (pieces != rest) & (sizes[pieces] >= crumb)
    assert end.sum() > 50 and marked[end].mean() > 0.95
    facing = marked & (pieces == rest)
    assert facing.any() and facing.sum() < 0.1 * whole.sum(), "what faces the break, not the joints beside it"


def test_a_split_goes_through_the_wall() -> None:
    for seed in range(4):
        case = make_case(seed, CtOptions((70, 60, 40), (1.0, 1.0, 1.0), 0.0, "L3", "usual", "split", **QUIET))
        body = (case.labels == BY_NAME["L3"].code) & (case.parts == 1)
        wall, marked = body & ~ndimage.binary_erosion(body, iterations=2), case.fractured > 0
        assert (wall & marked).sum() > 30
        assert np.median(case.voxels[wall & marked]) < 0.6 * np.median(case.voxels[wall & ~marked])


@pytest.mark.parametrize("level", ["C5", "T7", "L3"])
def test_neighbors_have_a_space_between_their_joints(level: str) -> None:
    case = make_case(6, CtOptions((110, 110, 90), (1.0, 1.0, 1.0), 0.0, level, "usual", "none", **QUIET))
    codes = [BY_NAME[level].code + step for step in (-1, 0, 1)]
    for upper, lower in pairwise(codes):
        beside = ndimage.binary_dilation(case.labels == upper, np.ones((3, 3, 3))) & (case.labels == lower)
        assert beside.sum() <= 0.002 * (case.labels == lower).sum()


def test_the_arch_goes_down_with_a_crushed_body() -> None:
    poses = build_poses(CurveOptions(0, "straight", 36, 44, 1, 0), np.random.default_rng(2), VARIANTS["usual"])
    pose = next(pose for pose in poses if pose.level == "L1")
    fracture = sample_fracture(pose, "crush", np.random.default_rng(1))
    whole, crushed = make_vertebra(pose), make_vertebra(pose, fracture)
    for name, part in whole.parts.items():
        sunk = part.center - crushed.parts[name].center
        assert sunk == pytest.approx([0, 0, 0.7 * fracture.shape.loss[2] * pose.size.height])


def test_ribs_do_not_touch_their_vertebrae() -> None:
    options = CtOptions((120, 110, 60), (1.0, 1.0, 1.0), 0.0, "T8", "usual", "none", **QUIET)
    case = make_case(6, options)
    bone = (case.labels > 0) & (case.labels != DISC.code)
    around = ndimage.binary_dilation(bone, iterations=2) & ~ndimage.binary_dilation(bone)
    assert np.percentile(case.voxels[around], 90) < 300


def test_nothing_is_labeled_outside_a_round_field() -> None:
    cut = 0
    for seed in range(40):
        case = make_case(seed, CtOptions((40, 40, 24), (2.0, 2.0, 3.0), 0.0, "L4", "usual", "none", **QUIET))
        outside = outside_round(case.labels.shape)
        if (case.voxels[outside] != case.voxels.min()).any():
            continue
        cut += 1
        assert not case.labels[outside].any() and not case.parts[outside].any()
        touched = ndimage.binary_dilation(outside)[..., None] & (case.labels == BY_NAME["L4"].code)
        told = next(each for each in case.truth["vertebrae"] if each["level"] == "L4")
        assert not (touched.any() and told["complete"])
    assert cut > 4


@pytest.mark.parametrize("level", ["C3", "C6", "T7"])
def test_body_and_arch_are_one_bone(level: str) -> None:
    case = make_case(6, CtOptions((110, 110, 80), (1.0, 1.0, 1.0), 0.0, level, "usual", "none", **QUIET))
    whole = case.labels == BY_NAME[level].code
    pieces = np.bincount(ndimage.label(whole)[0].ravel())[1:]
    assert pieces.max() > 0.97 * whole.sum()
