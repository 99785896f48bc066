# SPDX-License-Identifier: Apache-2.0
"""From a network's marks and a lost height to a vertebra's probability of a fracture."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from SpineLib.core.errors import ModelError
from SpineLib.core.mask import Mask
from SpineLib.core.result import Vertebra
from SpineLib.inference.scan_grid import ScanGrid
from SpineLib.measurement.scan_measurements import CUT
from SpineLib.tasks.ct_fracture import _fracture
from SpineLib.tasks.fracture_odds import FOCUS_MM3, LEAST_MARK, SUREST_MARK, USUAL_ODDS, FractureOdds, mark_of
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
    odds = USUAL_ODDS
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
    assert FractureOdds.of(shipped()) != USUAL_ODDS
    assert FractureOdds.of(bringing(None)) == USUAL_ODDS


@pytest.mark.parametrize("told", [3, {"mark": 5.5, "intercept": -6.5}, {"evidence": 0.3}])
def test_unusable_weights_are_told(told: Any) -> None:
    with pytest.raises(ModelError, match="calibration"):
        FractureOdds.of(bringing(told))


@pytest.mark.parametrize("level", ["T12", "C5"])
def test_a_body_that_the_scan_cuts_stays_a_doubt_by_its_mark_alone(level: str) -> None:
    """Its mark is shown all the same."""
    grid = ScanGrid((12, 12, 12), 1.25, np.zeros(3))
    everything = Mask.from_array(np.ones(grid.shape, bool))
    whole = Vertebra(level, 1.0, everything, landmarks={}, unmeasured="")
    scan: Any = SimpleNamespace(shape=grid.shape, affine=grid.affine)
    told = [
        _fracture(scan, each, everything, SUREST_MARK, grid, (), USUAL_ODDS)
        for each in (whole, replace(whole, unmeasured=CUT))
    ]
    assert told[1].probability < 0.5 < told[0].probability
    assert told[1].mask.count == told[0].mask.count > 0
