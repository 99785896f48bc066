# SPDX-License-Identifier: Apache-2.0
"""From a network's marks and a lost height to a vertebra's probability of a fracture."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from SpineLib.core.errors import ModelError
from SpineLib.tasks.fracture_odds import FOCUS_MM3, LEAST_MARK, SUREST_MARK, FractureOdds, mark_of
from SpineLib.tasks.options import SegmentOptions
from SpineLib.tasks.scan_model import ScanModel


def test_a_vertebra_is_judged_by_what_is_marked_most_however_large_it_is() -> None:
    voxel_mm3 = 2.0
    end = np.full(int(FOCUS_MM3 / voxel_mm3), 4.0)
    marks = [mark_of(np.concatenate([np.full(size, -8.0), end]), voxel_mm3) for size in (3_000, 40_000)]
    assert marks == pytest.approx([4.0, 4.0])
    assert mark_of(np.concatenate([np.full(3_000, -4.0), end[::2]]), voxel_mm3) == pytest.approx(0.0)
    assert (mark_of(np.zeros(0), voxel_mm3), mark_of(np.full(5, 30.0), voxel_mm3)) == (LEAST_MARK, SUREST_MARK)


def test_a_strong_mark_a_lost_height_and_both_make_a_vertebra_suspicious() -> None:
    odds = FractureOdds()
    healthy, marked, lost, both = (
        odds.probability(*each) for each in ((-3.0, 0.0), (SUREST_MARK, 0.0), (0.0, 0.5), (8.0, 0.3))
    )
    assert healthy < 0.05 < 0.5 < marked < both
    assert 0.5 < lost < both
    assert odds.probability(4.0, None) > odds.probability(4.0, 0.0)


def shipped() -> ScanModel:
    return ScanModel.for_task("fracture", None, SegmentOptions())


def bringing(calibration: Any) -> ScanModel:
    model = shipped()
    return replace(model, bundle=replace(model.bundle, metadata={**model.bundle.metadata, "calibration": calibration}))


def test_a_model_brings_its_own_weights_or_has_the_usual_ones() -> None:
    assert FractureOdds.of(shipped()) != FractureOdds()
    assert FractureOdds.of(bringing(None)) == FractureOdds()
    assert FractureOdds.of(bringing({"evidence": 0.3})) == FractureOdds(evidence=0.3)


@pytest.mark.parametrize("told", [3, {"mark": 5.5, "intercept": -6.5}, {"evidence": "x"}])
def test_unusable_weights_are_told(told: Any) -> None:
    with pytest.raises(ModelError, match="calibration"):
        FractureOdds.of(bringing(told))
