# SPDX-License-Identifier: Apache-2.0
"""Which synthetic cases a training run on scans learns from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from training_fixtures import tiny_config

from SpineLib.core.errors import InputError
from SpineLib.training.scan import texts
from SpineLib.training.scan.config import SyntheticSet, read_scan_config
from SpineLib.training.scan.texts import bundle_metadata

CT_FRACTURE = Path(texts.__file__).parents[2] / "models" / "bundles" / "ct_fracture"
CONFIGS = Path(texts.__file__).parents[1] / "configs"
LEVELS = ("T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5")


def test_shares_of_the_cases_have_options_of_their_own() -> None:
    mixed = ({"share": 0.25, "fracture": "split"}, {"share": 0.5, "level": "C4", "fracture": "none"})
    wanted = SyntheticSet(1, 1, {"shape": [32, 32, 40], "spacing_mm": [3, 3, 3]}, mixed)
    wanted.validate()
    drawn = [wanted.case_options(seed) for seed in range(400)]
    assert drawn == [wanted.case_options(seed) for seed in range(400)]
    assert all(each.shape == (32, 32, 40) for each in drawn)
    for (fracture, level), share in ((("split", None), 0.25), (("none", "C4"), 0.5), ((None, None), 0.25)):
        found = sum((each.fracture, each.level) == (fracture, level) for each in drawn)
        assert abs(found / 400 - share) < 0.08


@pytest.mark.parametrize(
    ("mixed", "told"),
    [
        ([{"share": 0.7, "level": "C4"}, {"share": 0.7}], "more than 1"),
        ([{"share": 0.1, "level": "L9"}], "no L9"),
        ([{"share": 0.1, "colour": "red"}], "colour"),
    ],
)
def test_mixed_cases_that_cannot_be_made_are_told(tmp_path: Path, mixed: list, told: str) -> None:
    synthetic = {"training": 1, "validation": 1, "options": {}, "mixed": mixed}
    with pytest.raises(InputError, match=told):
        read_scan_config(tiny_config(tmp_path, 1, synthetic=synthetic))


def test_real_curves_reach_the_cases_and_their_place_stays_out_of_the_bundle(tmp_path: Path) -> None:
    curves = tmp_path / "private" / "curves.npz"
    curves.parent.mkdir()
    down = np.arange(len(LEVELS)) * 32.0
    bodies = np.stack([0 * down, 12 * np.cos(down / 60), -down], axis=1)
    pedicles = [bodies + np.array([side, 25.0, 0.0]) for side in (14.0, -14.0)]
    points = np.stack([bodies, *pedicles], axis=1)
    np.savez(curves, points_mm=points[None], levels=LEVELS)
    config = read_scan_config(tiny_config(tmp_path, 1), curves=curves)
    assert config.synthetic.case_options(3).curves == str(curves)
    told = bundle_metadata(config, 0, {"step": 1.0})
    assert told["training_data"]["synthetic"]["options"]["curves"] == "curves.npz"
    assert (told["license"], told["license_note"]) == ("That of its sources", "Learned from curves.npz.")
    some = replace(config.synthetic, options={}, mixed=({"share": 0.5, "curves": str(curves)},))
    told = bundle_metadata(replace(config, synthetic=some, start=str(CT_FRACTURE)), 0, {"step": 1.0})
    assert told["license_note"] == "Learned from curves.npz, the weights of ct_fracture (CC-BY-SA-4.0)."
    assert str(tmp_path) not in str(told)
    with pytest.raises(InputError):
        read_scan_config(tiny_config(tmp_path, 1), shapes=tmp_path / "missing.npz")


@pytest.mark.parametrize("name", ["ct_fracture", "ct_spine", "ct_localizer"])
def test_weights_trained_anew_claim_no_history_that_is_not_theirs(name: str) -> None:
    """A shipped configuration with other data must not bring the shipped weights' license and story along."""
    config = read_scan_config(CONFIGS / f"{name}.json")
    told = bundle_metadata(config, 37, {"step": 1.0})
    assert told["license_note"] == f"Learned from {config.dataset}, the weights of {name} (CC-BY-SA-4.0)."
    assert not {"training_note", "calibration", "borders"} & set(told)
    assert bundle_metadata(replace(config, start=""), 0, {"step": 1.0})["license"] == "Apache-2.0"
