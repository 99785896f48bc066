# SPDX-License-Identifier: Apache-2.0
"""A folder of images through real workers."""

import csv
import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cli_fixtures import spine
from io_fixtures import stored_scan, write_ct, write_dicom
from tasks_fixtures import draw_film, install_tiny_model, save_png

from SpineLib.batch import SUMMARY, Row, list_jobs, run_folder
from SpineLib.core.errors import Cancelled, InputError
from SpineLib.io import write_film
from SpineLib.reporting.batch_summary import vertebrae_of
from SpineLib.tasks.job import Job
from SpineLib.tasks.options import SegmentOptions


@pytest.fixture
def template(user_models_folder: Path) -> Job:
    options = SegmentOptions(model=install_tiny_model(user_models_folder), device="cpu", precision="fp32")
    return Job(Path(), Path(), "", options=options)


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Two good films, one without a spine, one broken, something else, and a hidden file."""
    folder = tmp_path / "films"
    save_png(folder / "a.png", draw_film(seed=1))
    save_png(folder / "ward" / "a.jpg", draw_film(seed=2))
    save_png(folder / "ward" / "none.png", draw_film(course=lambda row: -1000, seed=3))
    (folder / "broken.png").write_bytes(b"not a picture")
    (folder / "notes.txt").write_text("notes")
    (folder / ".hidden.png").write_bytes(b"hidden")
    return folder


def _summary(output: Path) -> dict[str, dict[str, str]]:
    with (output / SUMMARY).open(encoding="utf-8", newline="") as stream:
        return {row["image"]: row for row in csv.DictReader(stream)}


def _statuses(rows: list[Row]) -> dict[str, str]:
    return {row.image: row.status for row in rows}


EXPECTED = {"a.png": "done", "broken.png": "failed", "ward/a.jpg": "done", "ward/none.png": "empty"}


def test_every_image_is_done_and_a_bad_one_stops_nobody(films, tmp_path, template):
    output = tmp_path / "out"
    seen = []
    rows = run_folder(films, output, template, workers=2, progress=lambda fraction, message: seen.append(fraction))
    assert _statuses(rows) == EXPECTED, rows
    assert seen == sorted(seen)
    assert seen[-1] == 1
    made = sorted(path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file())
    names = ("a", "ward/a", "ward/none")
    assert made == sorted([SUMMARY, *(f"{name}{ending}" for name in names for ending in (".json", ".seg.nrrd"))])
    table = _summary(output)
    assert {name: row["status"] for name, row in table.items()} == EXPECTED
    assert float(table["a.png"]["spine_area_px"]) > 0
    assert table["a.png"]["spine_area_mm2"] == ""
    assert "not an image" in table["broken.png"]["message"]
    assert "No spine" in table["ward/none.png"]["message"]


def test_a_row_tells_the_vertebrae_and_the_most_suspicious():
    found = [{"level": level, "fracture": {"probability": p}} for level, p in (("L1", 0.1), ("L2", 0.8), ("L3", 0.2))]
    told = {"vertebrae": 3, "highest": "L1", "lowest": "L3"}
    assert vertebrae_of(found) == {**told, "fracture_probability": 0.8, "most_suspicious": "L2"}
    assert vertebrae_of([{**each, "fracture": None} for each in found]) == told
    assert vertebrae_of([]) == {}


def test_resume_keeps_what_is_there_and_makes_what_is_missing_or_out_of_date(films, tmp_path, template):
    output = tmp_path / "out"
    run_folder(films, output, template)
    (output / "ward" / "none.json").unlink()
    save_png(films / "ward" / "a.jpg", draw_film(seed=9))
    kept = (output / "a.json").stat().st_mtime_ns
    first = _summary(output)
    rows = run_folder(films, output, template, resume=True)
    assert _statuses(rows) == {**EXPECTED, "a.png": "kept"}
    assert (output / "a.json").stat().st_mtime_ns == kept
    assert _summary(output)["a.png"]["spine_area_px"] == first["a.png"]["spine_area_px"]


def test_resume_makes_anew_what_was_made_with_other_options(films, tmp_path, template):
    output = tmp_path / "out"
    run_folder(films / "ward", output, template)
    finer = replace(template, options=replace(template.options, sliding_window=True))
    assert "kept" not in _statuses(run_folder(films / "ward", output, finer, resume=True)).values()


def test_resume_makes_anew_what_another_task_made(films, tmp_path, template):
    output = tmp_path / "out"
    run_folder(films / "ward", output, template)
    for path in output.glob("*.json"):
        path.write_text(path.read_text().replace('"task": "ap"', '"task": "fracture"'))
    assert "kept" not in _statuses(run_folder(films / "ward", output, template, resume=True)).values()


def test_cancel_keeps_what_is_finished_and_tells_it(films, tmp_path, template):
    def cancel(fraction, message):
        raise Cancelled()

    output = tmp_path / "out"
    with pytest.raises(Cancelled):
        run_folder(films, output, template, progress=cancel)
    assert len(_summary(output)) == 1
    assert not list(output.rglob(".*"))


@pytest.mark.skipif(os.name == "nt", reason="no signals on Windows")
def test_an_image_that_brings_its_worker_down_costs_that_image_only(films, tmp_path, template):
    import psutil

    killed = []

    def kill_the_worker_once(fraction, message):
        if not killed:
            workers = [child for child in psutil.Process().children() if "SpineLib.worker" in child.cmdline()]
            killed.append(workers[0].pid)
            os.kill(workers[0].pid, signal.SIGKILL)

    rows = run_folder(films, tmp_path / "out", template, progress=kill_the_worker_once)
    died = [row for row in rows if "ended unexpectedly" in row.message]
    assert len(died) <= 1
    assert len(rows) == len(EXPECTED)
    expected = {name: status for name, status in EXPECTED.items() if name not in {row.image for row in died}}
    assert {row.image: row.status for row in rows if row not in died} == expected


def test_images_of_one_stem_do_not_overwrite_each_other(tmp_path, template):
    for name in ("a.png", "a.jpg"):
        save_png(tmp_path / "films" / name, draw_film())
    jobs = list_jobs(tmp_path / "films", tmp_path / "out", template)
    assert [job.name for job in jobs] == ["a_jpg", "a_png"]


def test_dicom_files_without_an_extension_are_found_and_earlier_results_are_not(tmp_path, template):
    folder = tmp_path / "films"
    folder.mkdir()
    write_film(tmp_path / "film.dcm", draw_film())
    (tmp_path / "film.dcm").rename(folder / "IM0001")
    (folder / "old.seg.nrrd").write_bytes(b"")
    save_png(folder / "out" / "b.png", draw_film())
    assert [job.image.name for job in list_jobs(folder, folder / "out", template)] == ["IM0001"]


def test_the_slices_of_a_scan_are_one_image_and_films_beside_it_stay_images(tmp_path, template):
    folder = tmp_path / "images"
    write_ct(folder / "ward" / "ct.1", stored_scan(), np.eye(4))
    save_png(folder / "ward" / "ct.1" / "capture.png", draw_film())
    save_png(folder / "ward" / "a.png", draw_film())
    for name in ("one.dcm", "two.dcm"):
        write_dicom(folder / name, draw_film())
    jobs = list_jobs(folder, tmp_path / "out", template)
    found = {job.image.relative_to(folder).as_posix(): job.files["json"] for job in jobs}
    assert found == {
        "one.dcm": tmp_path / "out" / "one.json",
        "two.dcm": tmp_path / "out" / "two.json",
        "ward/a.png": tmp_path / "out" / "ward" / "a.json",
        "ward/ct.1": tmp_path / "out" / "ward" / "ct.1.json",
        "ward/ct.1/capture.png": tmp_path / "out" / "ward" / "ct.1" / "capture.json",
    }


def test_a_folder_that_is_a_scan_itself_is_one_image_and_has_one_row(tmp_path, template):
    write_ct(tmp_path / "scan", stored_scan(), np.eye(4))
    rows = run_folder(tmp_path / "scan", tmp_path / "out", replace(template, task="ap"))
    assert [(row.image, row.status) for row in rows] == [("scan", "failed")]
    assert "3D scan" in rows[0].message


def test_a_folder_without_images_is_told(tmp_path, template):
    with pytest.raises(InputError, match="no image"):
        list_jobs(tmp_path, tmp_path / "out", template)


def test_the_command_counts_and_exits_with_1_where_images_failed(films, tmp_path, template):
    options = ["--model", template.options.model, "--device", "cpu"]
    finished = spine("batch", films, "-o", tmp_path / "out", *options)
    assert finished.returncode == 1
    assert finished.stdout.splitlines()[0] == "4 images: 2 done, 1 empty, 1 failed"
    assert finished.stderr.splitlines() == [f"spine: 1 of 4 images failed. {tmp_path / 'out' / SUMMARY} says why."]
    assert json.loads((tmp_path / "out" / "a.json").read_text())["structures"][0]["name"] == "Spine"


@pytest.mark.skipif(sys.platform != "linux", reason="only here a name may hold any bytes")
def test_a_name_that_is_not_utf8_costs_that_image_only(tmp_path, template):
    folder = tmp_path / "films"
    save_png(folder / "a.png", draw_film(seed=1))
    save_png(folder / "b.png", draw_film(seed=2)).rename(folder / os.fsdecode(b"r\xf6ntgen.png"))
    rows = run_folder(folder, tmp_path / "out", template)
    assert _statuses(rows) == {"a.png": "done", "r?ntgen.png": "failed"}
    assert "Rename" in _summary(tmp_path / "out")["r?ntgen.png"]["message"]
