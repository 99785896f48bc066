# SPDX-License-Identifier: Apache-2.0
"""Who is scanned in a synthetic CT."""

import numpy as np
import pytest

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
