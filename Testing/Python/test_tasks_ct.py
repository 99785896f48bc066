# SPDX-License-Identifier: Apache-2.0
"""The CT tasks with the shipped models, from volume to result, on synthetic scans that they have not learned from."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from SpineLib import tasks
from SpineLib.core.errors import Cancelled, InputError
from SpineLib.core.mask import Mask
from SpineLib.core.progress import silent
from SpineLib.core.result import Measurement, SpineResult, Vertebra
from SpineLib.core.volume import Volume
from SpineLib.evaluation.overlap import dice
from SpineLib.models import catalogue
from SpineLib.synthesis.ct.case import SyntheticCT, make_case
from SpineLib.synthesis.ct.options import CtOptions
from SpineLib.tasks.ct_fracture import read_grade
from SpineLib.tasks.ct_spine import LOCALIZER, NOTHING_FOUND
from SpineLib.tasks.options import SegmentOptions
from SpineLib.tasks.scan_image import NOT_HU, scan_image
from SpineLib.tasks.scan_model import ScanModel
from SpineLib.tasks.scan_vertebrae import localize
from SpineLib.tasks.vertebrae_on_grid import vertebrae_on_grid

LUMBAR = CtOptions(
    shape=(112, 112, 128),
    spacing_mm=(2.0, 2.0, 2.0),
    tilt_deg=0.0,
    level="L2",
    variant="usual",
    fracture="wedge",
    implants=False,
    randomized=False,
)
SEED = 4_000_003


@cache
def lumbar_case() -> SyntheticCT:
    return make_case(SEED, LUMBAR)


@cache
def lumbar_result() -> SpineResult:
    case = lumbar_case()
    return tasks.run("fracture", Volume(case.voxels, case.affine, "ct"))


def names(result: SpineResult) -> list[str]:
    return [vertebra.level for vertebra in result.vertebrae]


def complete_levels() -> list[str]:
    """From the highest vertebra that the scan shows whole; beside it, at the border, lies a part of another."""
    return [each["level"] for each in lumbar_case().truth["vertebrae"] if each["complete"]]


def whole_mask(result: SpineResult) -> np.ndarray:
    mask = np.zeros(result.shape, bool)
    for vertebra in result.vertebrae:
        mask |= vertebra.mask.to_array()
    return mask


def test_models_for_ct_are_shipped() -> None:
    for task in ("ct", "ct_localizer", "fracture"):
        assert len(catalogue.entries(task)) == 1, task


def test_a_scan_is_taken_for_a_ct() -> None:
    assert tasks.choose(Volume(np.zeros((9, 9, 9)), np.eye(4), "ct")) == "ct"


def test_vertebrae_are_named_and_lie_where_they_are() -> None:
    case, result = lumbar_case(), lumbar_result()
    complete = {each["level"]: each["label"] for each in case.truth["vertebrae"] if each["complete"]}
    assert len(complete) >= 3
    found = {vertebra.level: vertebra for vertebra in result.vertebrae}
    assert set(complete) <= set(found)
    for level, code in complete.items():
        assert dice(found[level].mask.to_array(), case.labels == code) > 0.8, level
        body = (case.labels == code) & (case.parts == 1)
        assert dice(found[level].body.to_array(), body) > 0.8, level


def test_centers_are_told_in_ras_mm() -> None:
    truth = {each["level"]: each["center_ras_mm"] for each in lumbar_case().truth["vertebrae"] if each["complete"]}
    for vertebra in lumbar_result().vertebrae:
        if vertebra.level in truth:
            assert np.linalg.norm(np.array(vertebra.landmarks["center"]) - truth[vertebra.level]) < 6


def test_heights_are_measured() -> None:
    truth = {each["level"]: each for each in lumbar_case().truth["vertebrae"] if each["complete"]}
    measured = {each.levels[0]: each.value for each in lumbar_result().measurements if each.name == "height_posterior"}
    shared = set(truth) & set(measured)
    assert len(shared) >= 3
    errors = [abs(measured[level] - truth[level]["heights_mm"]["posterior"]) for level in shared]
    assert np.mean(errors) < 2.5


def test_the_fractured_vertebra_is_the_most_suspicious_one() -> None:
    (level,) = (each["level"] for each in lumbar_case().truth["vertebrae"] if each["fracture"])
    grade = next(each["genant_grade"] for each in lumbar_case().truth["vertebrae"] if each["level"] == level)
    suspects = sorted(lumbar_result().vertebrae, key=lambda vertebra: -vertebra.fracture.probability)
    assert suspects[0].level == level
    assert abs(suspects[0].fracture.genant_grade - grade) <= 1
    assert suspects[0].fracture.mask.count > 0
    assert not (suspects[0].fracture.mask.to_array() & ~suspects[0].mask.to_array()).any()


def test_the_fracture_network_sees_nothing_beyond_the_scan() -> None:
    """Bone cut by the scan's end would look broken beside the air that stands for what was not scanned."""
    affine = np.array([[-0.9, 0, 0, 50.0], [0, -0.9, 0, 60.0], [0, 0, 2.0, -70.0], [0, 0, 0, 1]])
    labels = np.zeros((60, 70, 40), bool)
    labels[20:50, 30:60, :12] = True
    mask = Mask(labels[20:50, 30:60, :12], (20, 30, 0), (60, 70, 40))
    scan = scan_image(Volume(np.where(labels, 300, 40).astype(np.int16), affine, "ct"))
    vertebra = Vertebra("L4", 1.0, mask)
    wide, _ = vertebrae_on_grid(scan, [vertebra], 1.25, 12.0)
    grid, (own,) = vertebrae_on_grid(scan, [vertebra], 1.25, 12.0, within_scan=True)
    lowest, highest = (grid.points(np.array([place]))[0, 2] for place in ((0, 0, 0), np.array(grid.shape) - 1))
    assert lowest >= -70.0 - 1e-6 and highest == pytest.approx(-70 + 22 + 12, abs=1.5)
    assert wide.points(np.zeros((1, 3)))[0, 2] < -80.0
    assert own.count * 1.25**3 == pytest.approx(mask.count * 0.9 * 0.9 * 2.0, rel=0.1)


def test_a_scan_stored_another_way_round_gives_the_same() -> None:
    """Axes exchanged and flipped, the affine accordingly: the same vertebrae at the same places."""
    case, usual = lumbar_case(), lumbar_result()
    turned = case.voxels.transpose(2, 0, 1)[::-1, :, ::-1]
    to_usual = np.zeros((4, 4))
    to_usual[2, 0], to_usual[0, 1], to_usual[1, 2], to_usual[3, 3] = -1, 1, -1, 1
    to_usual[2, 3], to_usual[1, 3] = case.voxels.shape[2] - 1, case.voxels.shape[1] - 1
    result = tasks.run("ct", Volume(turned, case.affine @ to_usual, "ct"))
    found = {
        vertebra.level: vertebra.mask.to_array()[::-1, :, ::-1].transpose(1, 2, 0) for vertebra in result.vertebrae
    }
    known = {vertebra.level: vertebra.mask.to_array() for vertebra in usual.vertebrae}
    whole = complete_levels()[1:]
    assert set(whole) <= set(found) & set(known)
    assert all(dice(found[level], known[level]) > 0.97 for level in whole)


def test_unsigned_values_are_understood() -> None:
    case = lumbar_case()
    result = tasks.run("ct", Volume((case.voxels + 1024).clip(0).astype(np.uint16), case.affine, "ct"))
    assert names(result) == names(lumbar_result())
    assert NOT_HU not in result.warnings
    assert dice(whole_mask(result), whole_mask(lumbar_result())) > 0.98


def test_an_image_without_hounsfield_units_is_looked_at_everywhere() -> None:
    options = SegmentOptions()
    model = ScanModel.for_task(LOCALIZER, None, options)
    gray = (900 - lumbar_case().voxels.astype(np.float32)).clip(0, 1200) / 3
    for voxels, everywhere in ((gray, True), (lumbar_case().voxels, False)):
        coarse = localize(scan_image(Volume(voxels, lumbar_case().affine, "ct")), model, silent)
        assert coarse.spine.all() == everywhere
        assert (coarse.levels.numbers >= 0).any() == (not everywhere)


def test_a_water_phantom_has_no_spine() -> None:
    i, j = np.ogrid[:100, :100]
    voxels = np.full((100, 100, 60), -1000, np.int16)
    voxels[(i - 50) ** 2 + (j - 50) ** 2 < 1600] = 0
    voxels += np.random.default_rng(0).normal(0, 10, voxels.shape).astype(np.int16)
    affine = np.diag([-2.5, -2.5, 2.5, 1.0])
    result = tasks.run("ct", Volume(voxels, affine, "ct"))
    assert result.is_empty and result.warnings == (NOTHING_FOUND,)
    low = tasks.run("ct", Volume(voxels[:, :, :24], affine, "ct"))
    assert low.is_empty and "only 58 mm high" in low.warnings[-1]


def knee(i: np.ndarray, j: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Two shafts that widen to condyles, with a wall of hard bone; mm from the middle."""
    across, along = np.hypot(i, j), np.abs(k)
    width = 18 + 22 * np.exp(-((along - 18) ** 2) / 400)
    bone = (across < width) & (along > 4)
    hu = np.where(across < 65, 50.0, -1000.0) + 0 * along
    hu[bone] = 250
    hu[bone & (across > width - 3)] = 900
    return hu


def head(i: np.ndarray, j: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Brain in a shell of bone under skin; mm from the middle."""
    out = np.sqrt((i / 70) ** 2 + (j / 90) ** 2 + (k / 85) ** 2)
    return np.select([out < 0.92, out < 1, out < 1.08], [35.0, 1000.0, 50.0], -1000.0)


@pytest.mark.parametrize("body_part", [knee, head])
def test_a_body_part_without_a_spine_has_no_vertebra(body_part: Callable[..., np.ndarray]) -> None:
    """One condyle of this knee was once taken for an atlas."""
    hu = body_part(*(step * 1.5 for step in np.ogrid[-70:70, -70:70, -70:70]))
    hu += np.random.default_rng(0).normal(0, 15, hu.shape)
    assert tasks.run("ct", Volume(hu.astype(np.int16), np.diag([-1.5, -1.5, 1.5, 1.0]), "ct")).is_empty


def test_a_film_is_refused() -> None:
    with pytest.raises(InputError, match="radiograph"):
        tasks.run("ct", Volume(np.zeros((100, 100, 1)), np.eye(4)))


def test_a_cancel_is_heard() -> None:
    def stop(share: float, message: str) -> None:
        if message.startswith("Window"):
            raise Cancelled()

    case = lumbar_case()
    with pytest.raises(Cancelled):
        tasks.run("ct", Volume(case.voxels, case.affine, "ct"), progress=stop)


def test_provenance_tells_the_model_and_the_seconds() -> None:
    provenance = lumbar_result().provenance
    assert provenance["model"]["id"] == "ct_fracture"
    assert {each["id"] for each in provenance["helpers"]} == {"ct_localizer", "ct_spine"}
    assert all(len(each["sha256"]) == 64 for each in provenance["helpers"])
    assert {"localize", "segment", "measure", "fractures"} <= set(provenance["seconds"])


def test_a_vertebra_without_heights_is_as_suspicious_as_one_that_lost_none_but_in_the_neck() -> None:
    measured = (Measurement("height_loss", 0.1, "", ("C6",)), Measurement("height_anterior", 20.0, "mm", ("L3",)))
    assert [read_grade(level, measured)[2] for level in ("T12", "L3", "C5", "C6")] == [0.0, 0.0, None, None]
    assert read_grade("T12", measured)[:2] == (None, "")
