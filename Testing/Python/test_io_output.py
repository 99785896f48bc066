# SPDX-License-Identifier: Apache-2.0
"""Files appear whole or not at all, whatever the disk does."""

import resource
import subprocess
from contextlib import contextmanager

import numpy as np
import pytest
from io_fixtures import ordinary_user

from SpineLib.core.errors import ResourceError
from SpineLib.core.mask import Mask
from SpineLib.core.result import SpineResult, Structure
from SpineLib.io import safe_output, write_film, write_json, write_segmentation
from SpineLib.reporting.overlay import write_overlay

NOISE = np.random.default_rng(1).integers(0, 65535, (300, 200)).astype(np.uint16)


def _noisy_result():
    mask = Mask.from_array(NOISE.T[:, :, None] > 30_000)
    structure = Structure("Spine", mask, 1.0)
    return SpineResult("ap_radiograph", mask.shape, np.eye(4), (structure,), warnings=("w" * 20_000,))


WRITERS = {
    "film.png": lambda path: write_film(path, NOISE),
    "film.dcm": lambda path: write_film(path, NOISE),
    "film.seg.nrrd": lambda path: write_segmentation(_noisy_result(), path),
    "film.json": lambda path: write_json(_noisy_result(), path),
    "overlay.png": lambda path: write_overlay(NOISE, _noisy_result(), path),
}
each_writer = pytest.mark.parametrize("name", list(WRITERS))


@contextmanager
def _files_no_larger_than(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 kB; where none can be mounted the test is skipped."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(tmp_path)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


@each_writer
def test_a_file_appears_under_its_name_and_nothing_else_does(tmp_path, name):
    WRITERS[name](tmp_path / "new folder" / name)
    assert [path.name for path in (tmp_path / "new folder").iterdir()] == [name]


@each_writer
def test_a_quota_that_is_used_up_leaves_nothing_behind(tmp_path, name):
    WRITERS[name](tmp_path / "warm-up" / name)
    with _files_no_larger_than(4096), pytest.raises(ResourceError, match="disk is full") as caught:
        WRITERS[name](tmp_path / name)
    assert name in caught.value.sentence
    assert caught.value.exit_code == 4
    assert [path.name for path in tmp_path.iterdir()] == ["warm-up"]


@each_writer
def test_a_full_disk_leaves_nothing_behind(small_disk, name):
    with pytest.raises(ResourceError, match="disk is full"):
        WRITERS[name](small_disk / name)
    assert list(small_disk.iterdir()) == []


@each_writer
def test_a_failure_keeps_the_file_that_was_there(tmp_path, name):
    (tmp_path / name).write_text("yesterday's")
    with _files_no_larger_than(4096), pytest.raises(ResourceError):
        WRITERS[name](tmp_path / name)
    assert (tmp_path / name).read_text() == "yesterday's"


@each_writer
def test_a_protected_folder_is_named(tmp_path, name):
    WRITERS[name](tmp_path / "warm-up" / name)
    folder = tmp_path / "protected"
    folder.mkdir(mode=0o555)
    with ordinary_user(), pytest.raises(ResourceError, match="protected") as caught:
        WRITERS[name](folder / name)
    assert "permissions" in caught.value.hint
    assert list(folder.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path):
    (tmp_path / "results").write_text("a file")
    with pytest.raises(ResourceError, match="cannot be written"), safe_output(tmp_path / "results" / "film.json"):
        pass


def test_a_folder_in_the_place_of_the_file_is_an_error_and_stays(tmp_path):
    (tmp_path / "film.json").mkdir()
    with pytest.raises(ResourceError, match="is a folder"), safe_output(tmp_path / "film.json") as temporary:
        temporary.write_text("{}")
    assert [path.name for path in tmp_path.iterdir()] == ["film.json"]


def test_an_interruption_leaves_nothing_behind(tmp_path):
    with pytest.raises(KeyboardInterrupt), safe_output(tmp_path / "film.json") as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_the_temporary_name_keeps_the_suffix_and_the_folder(tmp_path):
    with safe_output(tmp_path / "a.b.c.seg.nrrd") as temporary:
        assert temporary.name.endswith(".seg.nrrd")
        assert temporary.parent == tmp_path
        temporary.write_text("whole")
    assert (tmp_path / "a.b.c.seg.nrrd").read_text() == "whole"
