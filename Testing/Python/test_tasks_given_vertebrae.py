# SPDX-License-Identifier: Apache-2.0
"""The fracture task on vertebrae that are given: names and masks as given, heights, grids that differ, refusals."""

import dataclasses
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scan_fixtures import upright_case

from SpineLib import tasks
from SpineLib.core.anatomy import DISC, VERTEBRAE
from SpineLib.core.errors import InputError
from SpineLib.core.mask import Mask
from SpineLib.core.result import SpineResult, Structure, Vertebra
from SpineLib.core.segment_names import TOTALSEGMENTATOR_LABELS
from SpineLib.core.volume import Volume
from SpineLib.evaluation.overlap import dice
from SpineLib.io import write_scan, write_segmentation
from SpineLib.io.labeled_spine import read_labeled_spine
from SpineLib.io.regrid import on_grid
from SpineLib.tasks.given_vertebrae import GIVEN
from SpineLib.tasks.options import SegmentOptions

CODES = {each.name: each.code for each in VERTEBRAE}
BROKEN = "L2"


def scan() -> Volume:
    return Volume(upright_case().voxels, upright_case().affine, "ct")


def vertebra_labels() -> np.ndarray:
    labels = upright_case().labels
    return np.where(labels == DISC.code, 0, labels)


def levels_of(labels: np.ndarray) -> list[str]:
    return [name for name, code in CODES.items() if (labels == code).any()]


def run(path: Path, volume: Volume | None = None) -> SpineResult:
    return tasks.run("fracture", volume or scan(), SegmentOptions(device="cpu", vertebrae=str(path)))


def names(result: SpineResult) -> list[str]:
    return [each.level for each in result.vertebrae]


def heights(result: SpineResult) -> dict[str, float]:
    return {each.levels[0]: each.value for each in result.measurements if each.name == "height_posterior"}


def whole_bodies() -> dict[str, dict]:
    """The truth of each vertebra whose body the scan shows whole; the processes may be cut off."""
    seen = {}
    for each in upright_case().truth["vertebrae"]:
        heights = np.flatnonzero(body_of(each["level"]).any(axis=(0, 1)))
        if len(heights) and heights[0] > 1 and heights[-1] < upright_case().labels.shape[2] - 2:
            seen[each["level"]] = each
    return seen


def body_of(level: str) -> np.ndarray:
    return (upright_case().labels == CODES[level]) & (upright_case().parts == 1)


@cache
def of_verse_labels() -> SpineResult:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.nii.gz"
        write_scan(path, vertebra_labels(), upright_case().affine)
        return run(path)


def test_names_and_masks_are_those_given() -> None:
    result = of_verse_labels()
    assert names(result) == levels_of(vertebra_labels())
    for each in result.vertebrae:
        assert np.array_equal(each.mask.to_array(), upright_case().labels == CODES[each.level])
        assert (each.confidence, each.second_level) == (1.0, None)


def test_bodies_are_told_apart_and_heights_measured_on_them() -> None:
    result = of_verse_labels()
    found = {each.level: each for each in result.vertebrae}
    for level in whole_bodies():
        assert dice(found[level].body.to_array(), body_of(level)) > 0.9, level
        assert not (found[level].body.to_array() & ~found[level].mask.to_array()).any()
    measured = heights(result)
    assert set(whole_bodies()) <= set(measured)
    assert len(whole_bodies()) >= 4
    errors = [measured[level] - each["heights_mm"]["posterior"] for level, each in whole_bodies().items()]
    assert np.abs(errors).mean() < 1.5


def test_the_fracture_is_found_and_graded() -> None:
    suspects = sorted(of_verse_labels().vertebrae, key=lambda each: -each.fracture.probability)
    assert suspects[0].level == BROKEN
    assert abs(suspects[0].fracture.genant_grade - whole_bodies()[BROKEN]["genant_grade"]) <= 1


def test_the_result_tells_that_vertebrae_were_given() -> None:
    result = of_verse_labels()
    assert GIVEN in result.warnings
    assert result.provenance["vertebrae"]["path"] == "labels.nii.gz"
    assert len(result.provenance["vertebrae"]["sha256"]) == 64
    assert result.provenance["options"]["vertebrae"] == "labels.nii.gz"
    assert "localize" not in result.provenance["seconds"]


def test_labels_of_totalsegmentator_are_understood(tmp_path: Path) -> None:
    codes = {name: code for code, name in TOTALSEGMENTATOR_LABELS.items()}
    labels = np.zeros(vertebra_labels().shape, np.uint8)
    for level in levels_of(vertebra_labels()):
        labels[vertebra_labels() == CODES[level]] = codes[level]
    write_scan(tmp_path / "total.nii.gz", labels, upright_case().affine)
    spine = read_labeled_spine(tmp_path / "total.nii.gz")
    assert spine.levels == levels_of(vertebra_labels())
    for level in spine.levels:
        assert np.array_equal(spine.masks[level].to_array(), upright_case().labels == CODES[level]), level


def test_another_grid_is_followed(tmp_path: Path) -> None:
    """Finer, its axes exchanged and turned round: every voxel of the scan gets the label it had."""
    fine = vertebra_labels().repeat(2, 0).repeat(2, 1).repeat(2, 2)
    affine = upright_case().affine @ np.diag([0.5, 0.5, 0.5, 1.0])
    affine[:3, 3] -= 0.5 * affine[:3, :3].sum(axis=1)
    turn = np.array([[0, -1, 0, fine.shape[0] - 1], [0, 0, 1, 0], [-1, 0, 0, fine.shape[2] - 1], [0, 0, 0, 1]], float)
    turned = fine[::-1, :, ::-1].transpose(2, 0, 1)
    write_scan(tmp_path / "turned.nii.gz", turned, affine @ turn)
    result = run(tmp_path / "turned.nii.gz")
    assert names(result) == names(of_verse_labels())
    for each in result.vertebrae:
        assert dice(each.mask.to_array(), upright_case().labels == CODES[each.level]) > 0.999, each.level
    assert heights(result) == pytest.approx(heights(of_verse_labels()), abs=0.3)


def test_an_oblique_grid_is_followed(tmp_path: Path) -> None:
    """Labels sampled on a turned grid of other spacing, back on the scan."""
    case, spacing, angle = upright_case(), 1.5, np.radians(20)
    turned = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turned * spacing
    size = np.array([150, 150, 150])
    middle = case.affine[:3, :3] @ ((np.array(case.labels.shape) - 1) / 2) + case.affine[:3, 3]
    affine[:3, 3] = middle - affine[:3, :3] @ ((size - 1) / 2)
    to_case = np.linalg.inv(case.affine) @ affine
    indices = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), -1)
    places = np.rint(indices @ to_case[:3, :3].T + to_case[:3, 3]).astype(int)
    inside = ((places >= 0) & (places < case.labels.shape)).all(-1)
    labels = np.zeros(size, np.uint8)
    labels[inside] = vertebra_labels()[tuple(places[inside].T)]
    write_scan(tmp_path / "oblique.nii.gz", labels, affine)
    spine = read_labeled_spine(tmp_path / "oblique.nii.gz")
    assert set(whole_bodies()) <= set(spine.levels)
    for level in whole_bodies():
        mask = on_grid(spine.masks[level], spine.affine, case.labels.shape, case.affine)
        assert dice(mask.to_array(), case.labels == CODES[level]) > 0.95, level


def test_a_result_of_ours_with_bodies_needs_no_network_for_them(tmp_path: Path) -> None:
    case = upright_case()
    given = tuple(
        Vertebra(
            level,
            0.6,
            Mask.from_array(case.labels == CODES[level]),
            body=Mask.from_array(body_of(level)),
        )
        for level in reversed(list(whole_bodies()))
    )
    discs = Structure(DISC.name, Mask.from_array(case.labels == DISC.code), 1.0)
    write_segmentation(SpineResult("ct", case.labels.shape, case.affine, (discs,), given), tmp_path / "ct.seg.nrrd")
    result = run(tmp_path / "ct.seg.nrrd")
    assert [part.name for part in result.structures] == [DISC.name]
    assert names(result) == list(whole_bodies())
    assert "bodies" not in result.provenance["seconds"]
    for each in result.vertebrae:
        assert np.array_equal(each.body.to_array(), body_of(each.level))


def test_where_no_body_is_seen_heights_are_left_out_and_told(tmp_path: Path) -> None:
    """A name given to a block of soft tissue in front of the spine."""
    labels = vertebra_labels().copy()
    labels[labels == CODES["L1"]] = 0
    i, j, k = np.argwhere(upright_case().labels == CODES["L1"]).mean(axis=0).astype(int)
    front = 1 if upright_case().affine[1, 1] > 0 else -1
    labels[i - 4 : i + 4, j + front * 16 - 3 : j + front * 16 + 3, k - 4 : k + 4] = CODES["L1"]
    write_scan(tmp_path / "labels.nii.gz", labels, upright_case().affine)
    result = run(tmp_path / "labels.nii.gz")
    told = [warning for warning in result.warnings if "not told apart" in warning]
    assert len(told) == 1 and "L1 (the vertebral body is not told apart" in told[0] and "L2" not in told[0]
    assert "L1" not in heights(result) and "L2" in heights(result)


def test_vertebrae_outside_of_the_scan_are_left_out_and_told(tmp_path: Path) -> None:
    case, half = upright_case(), upright_case().voxels.shape[2] // 2
    write_scan(tmp_path / "labels.nii.gz", vertebra_labels(), case.affine)
    result = run(tmp_path / "labels.nii.gz", Volume(case.voxels[:, :, :half], case.affine, "ct"))
    left_out = [level for level in names(of_verse_labels()) if level not in names(result)]
    assert left_out
    assert f"Given vertebrae that lie outside of the scan are left out: {', '.join(left_out)}." in result.warnings


@pytest.mark.parametrize(
    ("labels", "shift_mm", "told"),
    [
        (lambda labels: labels * 0 + 100, 0, "holds no vertebra that can be named"),
        (lambda labels: labels, 5000, "do not lie in the scan"),
        (lambda labels: np.where(labels > 0, 40 - labels, 0), 0, "no row from the head"),
        (lambda labels: labels.astype(np.int16) - 5, 0, "is an image, not a segmentation"),
    ],
    ids=["no vertebra", "elsewhere", "other codes", "an image"],
)
def test_what_does_not_fit_is_told_in_a_sentence(tmp_path: Path, labels, shift_mm: float, told: str) -> None:
    affine = upright_case().affine.copy()
    affine[0, 3] += shift_mm
    write_scan(tmp_path / "labels.nii.gz", labels(vertebra_labels()), affine)
    with pytest.raises(InputError, match=told) as caught:
        run(tmp_path / "labels.nii.gz")
    assert caught.value.hint


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no segmentation"):
        run(tmp_path / "missing.seg.nrrd")
    damaged = tmp_path / "damaged.seg.nrrd"
    damaged.write_bytes(b"NRRD0004\ntype: unsigned char\nSegment0_ID:=L1\n\n")
    with pytest.raises(InputError, match="damaged"):
        run(damaged)
    text = tmp_path / "text.nii.gz"
    text.write_text("no image")
    with pytest.raises(InputError, match="not an image"):
        run(text)


def test_other_tasks_take_no_vertebrae(tmp_path: Path) -> None:
    options = dataclasses.replace(SegmentOptions(), vertebrae=str(tmp_path / "labels.nii.gz"))
    with pytest.raises(InputError, match='"ct" takes no given vertebrae'):
        tasks.run("auto", scan(), options)
