# SPDX-License-Identifier: Apache-2.0
"""`spine segment` and its sisters as a user calls them."""

import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import slicerio
from cli_fixtures import SPINE, assert_one_clear_line, spine
from io_fixtures import stored_scan, write_ct
from PIL import Image
from tasks_fixtures import COLUMNS, ROWS, band, draw_film, install_tiny_model, save_png, tiny_shelf

from SpineLib.io import write_film


@pytest.fixture
def options(user_models_folder: Path, tmp_path: Path) -> list[object]:
    model = install_tiny_model(user_models_folder)
    return ["-o", tmp_path / "out", "--model", model, "--device", "cpu"]


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_one_film_gives_its_files_and_two_lines(tmp_path, options):
    image = save_png(tmp_path / "film.png", draw_film(seed=99))
    finished = spine("segment", image, *options, "--overlay")
    assert (finished.returncode, finished.stderr) == (0, "")
    said = finished.stdout.splitlines()
    assert said[0].startswith("film.png: spine area ")
    assert said[-1].startswith("  -> ")
    out = tmp_path / "out"
    assert _files(out) == ["film.json", "film.png", "film.seg.nrrd"]
    mask = slicerio.read_segmentation(str(out / "film.seg.nrrd"))["voxels"][:, :, 0].T > 0
    assert 2 * (mask & band()).sum() / (mask.sum() + band().sum()) > 0.9
    assert Image.open(out / "film.png").size == (COLUMNS, ROWS)


def test_a_dicom_film_is_measured_in_millimeters(tmp_path, options):
    write_film(tmp_path / "film.dcm", draw_film(seed=99).astype(np.uint16) * 16, (0.25, 0.25))
    finished = spine("segment", tmp_path / "film.dcm", *options)
    assert finished.returncode == 0
    assert f"{ROWS / 4:.0f} mm" in finished.stdout


def test_several_images_of_one_stem_and_a_bad_one(tmp_path, options):
    good = [save_png(tmp_path / name, draw_film(seed=99)) for name in ("a.png", "a.jpg")]
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"")
    finished = spine("segment", good[0], bad, good[1], *options)
    assert finished.returncode == 2
    assert finished.stderr.splitlines() == ["spine: bad.png: bad.png is empty. Copy or export it again."]
    assert _files(tmp_path / "out") == ["a_jpg.json", "a_jpg.seg.nrrd", "a_png.json", "a_png.seg.nrrd"]


def test_without_a_spine_the_command_says_so_and_writes_an_empty_result(tmp_path, options):
    image = save_png(tmp_path / "film.png", draw_film(course=lambda row: -1000, seed=99))
    finished = spine("segment", image, *options)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "film.png: no spine found" in finished.stdout
    assert "warning: No spine was found" in finished.stdout
    assert _files(tmp_path / "out") == ["film.json", "film.seg.nrrd"]


def test_a_folder_is_read_as_one_scan(tmp_path, options):
    write_ct(tmp_path / "scan", stored_scan(), np.eye(4))
    finished = spine("segment", tmp_path / "scan", *options, "--task", "ap")
    assert_one_clear_line(finished, 2, "(7, 5, 6) voxels, so it is a 3D scan")
    assert not (tmp_path / "out").exists()


def test_an_interrupt_is_a_cancel(tmp_path, options):
    image = save_png(tmp_path / "film.png", np.tile(draw_film(seed=99), (6, 6)))
    command = [*SPINE, "segment", str(image), *(str(option) for option in options)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "out").exists():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, complaint = process.communicate(timeout=300)
    assert process.returncode == 5
    assert complaint.splitlines() == ["spine: The work was cancelled. Nothing was written."]
    assert not (tmp_path / "out").exists()


def test_help_names_every_command():
    finished = spine("--help")
    assert finished.returncode == 0
    for command in ("segment", "batch", "models", "train", "evaluate", "synth"):
        assert f"\n    {command} " in finished.stdout


def test_models_are_listed_shown_verified_imported_and_removed(tmp_path):
    shelf = tiny_shelf()
    environment = {"SPINE_MODELS": str(tmp_path / "models")}
    assert "imported" in spine("models", "import", shelf / "bundles" / "tiny", **environment).stdout
    assert "tiny " in spine("models", "list", **environment).stdout
    assert '"license": "Apache-2.0"' in spine("models", "show", "tiny", **environment).stdout
    assert "tiny: all" in spine("models", "verify", **environment).stdout
    assert spine("models", "remove", "tiny", **environment).stdout == "tiny removed\n"
    assert spine("models", "verify", "tiny", **environment).returncode == 3


def test_synthetic_films_can_be_made_segmented_and_evaluated(tmp_path, options):
    films = tmp_path / "films"
    made = spine("synth", "ap", "-n", "1", "--seed", "3", "--format", "png", "-o", films)
    assert made.returncode == 0, made.stderr
    image = Path(made.stdout.strip())
    assert image.parent == films
    assert spine("segment", image, *options).returncode == 0
    scored = spine("evaluate", tmp_path / "out", films, "-o", tmp_path / "scores")
    assert scored.returncode == 0, scored.stderr
    assert "dice: " in scored.stdout
    assert (tmp_path / "scores" / "scores.csv").is_file()


def test_a_name_that_the_terminal_cannot_show_is_no_reason_to_fail(tmp_path, options):
    image = save_png(tmp_path / "脊椎.png", draw_film(seed=99))
    finished = spine("segment", image, *options, PYTHONIOENCODING="cp1252")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert _files(tmp_path / "out") == ["脊椎.json", "脊椎.seg.nrrd"]
