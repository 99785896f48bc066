# SPDX-License-Identifier: Apache-2.0
"""`spine fracture --vertebrae` as a user calls it."""

import json
from pathlib import Path

import pytest
from cli_fixtures import assert_one_clear_line, spine
from scan_fixtures import upright_case

from SpineLib.cli.fracture import with_vertebrae
from SpineLib.core.anatomy import VERTEBRAE
from SpineLib.io import write_scan
from SpineLib.models import catalogue
from SpineLib.tasks.given_vertebrae import GIVEN
from SpineLib.tasks.job import Job

needs_models = pytest.mark.skipif(
    not {"ct", "fracture"} <= {entry.task for entry in catalogue.read(catalogue.SHIPPED)}, reason="needs the CT models"
)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    write_scan(tmp_path / "ct.nii.gz", upright_case().voxels, upright_case().affine)
    return tmp_path / "ct.nii.gz"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """The true labels, discs among them, in a folder of their own, called like the scan."""
    (tmp_path / "labels").mkdir()
    write_scan(tmp_path / "labels" / "ct.nii.gz", upright_case().labels, upright_case().affine)
    return tmp_path / "labels" / "ct.nii.gz"


def test_of_a_folder_the_file_of_the_scans_name_is_taken(scan: Path, labels: Path) -> None:
    (labels.parent / "other.nii.gz").write_bytes(labels.read_bytes())
    (job,) = with_vertebrae([Job(scan, scan.parent / "out", "ct", task="fracture")], labels.parent)
    assert job.options.vertebrae == str(labels)


@needs_models
def test_the_given_vertebrae_are_those_of_the_result(scan: Path, labels: Path) -> None:
    out = scan.parent / "out"
    finished = spine("fracture", scan, "-o", out, "--vertebrae", labels, "--device", "cpu")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert f"warning: {GIVEN}" in finished.stdout
    result = json.loads((out / "ct.json").read_text(encoding="utf-8"))
    present = set(upright_case().labels.ravel().tolist())
    assert [each["level"] for each in result["vertebrae"]] == [each.name for each in VERTEBRAE if each.code in present]
    assert result["provenance"]["vertebrae"]["path"] == "ct.nii.gz"
    assert str(scan.parent) not in json.dumps(result)
    assert any(each["name"] == "genant_grade" for each in result["measurements"])


def test_one_segmentation_for_two_scans_is_refused(scan: Path, labels: Path) -> None:
    finished = spine("fracture", scan, scan, "-o", scan.parent / "out", "--vertebrae", labels)
    assert_one_clear_line(finished, 2, "One segmentation cannot hold the vertebrae of 2 scans.")


def test_a_folder_without_the_scans_name_is_told(scan: Path, labels: Path) -> None:
    labels.rename(labels.with_name("other.nii.gz"))
    finished = spine("fracture", scan, "-o", scan.parent / "out", "--vertebrae", labels.parent)
    assert_one_clear_line(finished, 2, "holds no segmentation called ct.")


def test_the_scan_itself_is_no_segmentation_of_its_folder(scan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(scan.parent)
    finished = spine("fracture", scan, "-o", scan.parent / "out", "--vertebrae", ".")
    assert_one_clear_line(finished, 2, "holds no segmentation called ct.")


def test_a_missing_segmentation_is_told_and_nothing_written(scan: Path) -> None:
    finished = spine("fracture", scan, "-o", scan.parent / "out", "--vertebrae", scan.parent / "none.seg.nrrd")
    assert_one_clear_line(finished, 2, "There is no segmentation")
    assert not (scan.parent / "out").exists()


def test_the_result_may_not_replace_the_given_vertebrae(scan: Path, labels: Path) -> None:
    given = labels.parent / "ct.seg.nrrd"
    labels.rename(given)
    before = given.read_bytes()
    finished = spine("fracture", scan, "-o", labels.parent, "--vertebrae", given)
    assert_one_clear_line(finished, 2, "would replace the given vertebrae")
    assert given.read_bytes() == before
