# SPDX-License-Identifier: Apache-2.0
"""Who is scanned in a synthetic CT, and what is broken."""

import numpy as np
import pytest
from scipy import ndimage

from SpineLib.core.anatomy import BY_NAME
from SpineLib.synthesis.ct.case import make_case
from SpineLib.synthesis.ct.options import CtOptions
from SpineLib.synthesis.ct.person import sample_person

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
    pieces, count = ndimage.label(whole, np.ones((3, 3, 3)))
    assert count >= 2 and (marked <= whole).all()
    rest = np.bincount(pieces.ravel())[1:].argmax() + 1
    end = whole & (pieces != rest)
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
