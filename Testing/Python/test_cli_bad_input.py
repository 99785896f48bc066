# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a call, through the real command: one clear line, the right exit code, nothing written."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from cli_fixtures import REPOSITORY, SPINE, assert_one_clear_line, spine
from PIL import Image
from tasks_fixtures import draw_film, install_tiny_model, save_png

from SpineLib.io import write_film

FILM = draw_film(rows=120, columns=80, course=lambda row: 40)


def _truncated(path: Path, whole: Path, share: float = 0.6) -> None:
    content = whole.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    whole.unlink()


def _truncated_png(path: Path) -> None:
    _truncated(path, save_png(path.with_name("whole.png"), FILM))


def _truncated_jpeg(path: Path) -> None:
    _truncated(path, save_png(path.with_name("whole.jpg"), FILM))


def _truncated_dicom(path: Path) -> None:
    whole = path.with_name("whole.dcm")
    write_film(whole, FILM, (0.2, 0.2))
    _truncated(path, whole)


def _truncated_nifti(path: Path) -> None:
    whole = path.with_name("whole.nii.gz")
    sitk.WriteImage(sitk.GetImageFromArray(FILM[None]), str(whole))
    _truncated(path, whole)


def _photo(path: Path) -> None:
    rows, columns = np.mgrid[:120, :80]
    colors = np.stack([rows * 2, 255 - columns * 3, (rows * columns) % 256], axis=-1)
    Image.fromarray(colors.astype(np.uint8)).save(path)


def _with(value: float) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        film = FILM.astype(np.float32)
        film[5, 5] = value
        sitk.WriteImage(sitk.GetImageFromArray(film[None]), str(path))

    return make


def _archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("film.txt", "film")


def _scan(path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(np.arange(20**3, dtype=np.int16).reshape(20, 20, 20)), str(path))


BAD_IMAGES = {
    # what: (file name, how to make it, word in the sentence)
    "empty": ("film.png", lambda path: path.write_bytes(b""), "empty"),
    "truncated PNG": ("film.png", _truncated_png, "damaged"),
    "truncated JPEG": ("film.jpg", _truncated_jpeg, "damaged"),
    "truncated DICOM": ("film.dcm", _truncated_dicom, "damaged"),
    "truncated NIfTI": ("film.nii.gz", _truncated_nifti, "damaged"),
    "text with an image's name": ("film.png", lambda path: path.write_text("not a film"), "not an image"),
    "archive": ("films.zip", _archive, "not an image"),
    "color photo": ("photo.jpg", _photo, "photograph"),
    "NaN": ("film.nrrd", _with(np.nan), "NaN"),
    "infinite": ("film.nrrd", _with(np.inf), "infinite"),
    "constant": ("film.png", lambda path: save_png(path, np.full((120, 80), 9, np.uint8)), "same value"),
    "one pixel": ("film.png", lambda path: save_png(path, np.ones((1, 1), np.uint8)), "too small"),
    "20,000 pixels": ("film.png", lambda path: save_png(path, np.tile(FILM, (1, 250))), "20000 x 120"),
    "25,000 x 25,000 pixels": ("film.png", lambda path: Image.new("1", (25000, 25000)).save(path), "25000 x 25000"),
    "tiny scan": ("scan.nii.gz", _scan, "less than a vertebra"),
    "folder": ("film.png", lambda path: path.mkdir(), "folder"),
}


@pytest.mark.parametrize("what", BAD_IMAGES)
def test_a_bad_image(what, tmp_path):
    name, make, word = BAD_IMAGES[what]
    image, output = tmp_path / name, tmp_path / "out" / "deep"
    make(image)
    before = _state(image)
    assert_one_clear_line(spine("segment", image, "-o", output, "--overlay"), 2, word)
    assert not output.parent.exists()
    assert _state(image) == before
    assert [path.name for path in tmp_path.iterdir()] == [name]


def _state(path: Path) -> tuple[bytes, int]:
    return (path.read_bytes() if path.is_file() else b""), path.stat().st_mtime_ns


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return save_png(tmp_path / "film.png", FILM)


def test_a_missing_image(tmp_path):
    assert_one_clear_line(spine("segment", tmp_path / "film.png", "-o", tmp_path / "out"), 2, "does not exist")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "COMMAND"),
        (["knit"], "knit"),
        (["segment"], "IMAGE"),
        (["segment", "film.png"], "-o"),
        (["segment", "film.png", "-o", "out", "--device", "abacus"], "auto"),
        (["segment", "film.png", "-o", "out", "--precision", "fp8"], "bf16"),
        (["segment", "film.png", "-o", "out", "--task", "knee"], "ap"),
        (["segment", "film.png", "-o", "out", "--frobnicate"], "--frobnicate"),
        (["batch", "no-such-folder", "-o", "out"], "no-such-folder"),
        (["batch", "SpineLib/tasks", "-o", "out"], "no image"),
        (["batch", "SpineLib", "-o", "SpineLib"], "among the images"),
        (["train", "no-such-file.json"], "no-such-file.json"),
        (["synth", "ap", "-n", "0", "-o", "out"], "0 films"),
        (["evaluate", "no-such-folder", "SpineLib", "-o", "out"], "no-such-folder"),
        (["models", "import", "no-such-file.zip"], "no-such-file.zip"),
    ],
)
def test_wrong_arguments(arguments, word):
    assert_one_clear_line(spine(*arguments), 2, word)
    assert not (REPOSITORY / "out").exists()


@pytest.mark.parametrize("workers", ["0", "-1", "many"])
def test_a_wrong_number_of_workers(film, tmp_path, workers):
    assert_one_clear_line(spine("batch", tmp_path, "-o", tmp_path / "out", "--workers", workers), 2, workers)
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file(film, tmp_path):
    (tmp_path / "out").write_text("mine")
    assert_one_clear_line(spine("segment", film, "-o", tmp_path / "out"), 2, "not a folder")
    assert (tmp_path / "out").read_text() == "mine"


def test_an_overlay_that_would_replace_the_image(film, tmp_path):
    before = _state(film)
    assert_one_clear_line(spine("segment", film, "-o", tmp_path, "--overlay"), 2, "replace the image")
    assert _state(film) == before


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="no folder here that nobody can write to")
def test_an_output_folder_that_cannot_be_made(film):
    assert_one_clear_line(spine("segment", film, "-o", "/proc/spine"), 4, "cannot be written")


def _without_privileges() -> list[str]:
    """Words in front of a command that make the permissions of files count for the superuser, too."""
    if os.name == "nt":
        pytest.skip("permissions work otherwise on Windows")
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("the superuser may read and write everything, and setpriv is not there to change that")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


@pytest.fixture
def locked(tmp_path: Path):
    """A folder with a film in it, whose permissions a test takes away."""
    folder = tmp_path / "locked"
    save_png(folder / "film.png", FILM)
    yield folder
    folder.chmod(0o700)


def test_an_image_in_an_unreadable_folder(locked, tmp_path):
    locked.chmod(0)
    finished = spine("segment", locked / "film.png", "-o", tmp_path / "out", before=_without_privileges())
    assert_one_clear_line(finished, 2, "cannot be opened")
    assert not (tmp_path / "out").exists()


def test_an_unreadable_folder_of_images(locked, tmp_path):
    locked.chmod(0)
    finished = spine("batch", locked, "-o", tmp_path / "out", before=_without_privileges())
    assert_one_clear_line(finished, 2, "cannot be read")
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_may_not_be_written_to(film, locked):
    locked.chmod(0o500)
    finished = spine("segment", film, "-o", locked, "--overlay", before=_without_privileges())
    assert_one_clear_line(finished, 4, "cannot be written")
    assert [path.name for path in locked.iterdir()] == ["film.png"]


def test_a_full_disk(film, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    script = 'mount -t tmpfs -o size=64k tmpfs "$0" || exit 77; "$@"; code=$?; ls -A "$0"; exit $code'
    try:
        finished = subprocess.run(
            [*mount, script, str(disk), *SPINE, "segment", str(film), "-o", str(disk)],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("no unshare here to make a small disk with")
    if finished.returncode == 77 or "unshare" in finished.stderr:
        pytest.skip("no small disk can be made here")
    assert_one_clear_line(finished, 4, "full")


def test_an_unknown_model(film, tmp_path):
    finished = spine("segment", film, "-o", tmp_path / "out", "--model", "no-such-model")
    assert_one_clear_line(finished, 3, "no-such-model")
    assert not (tmp_path / "out").exists()


def test_a_model_folder_that_is_not_there(film, tmp_path):
    finished = spine("segment", film, "-o", tmp_path / "out", "--model", tmp_path / "model")
    assert_one_clear_line(finished, 3, "model")
    assert not (tmp_path / "out").exists()


def test_an_altered_model(film, tmp_path, user_models_folder):
    model = install_tiny_model(user_models_folder)
    weights = user_models_folder / "bundles" / model / "models" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    finished = spine("segment", film, "-o", tmp_path / "out", "--model", model)
    assert_one_clear_line(finished, 3, "model.safetensors")
    assert not (tmp_path / "out").exists()


def test_a_device_that_is_not_there(film, tmp_path, user_models_folder):
    model = install_tiny_model(user_models_folder)
    options = ["--model", model, "--device", "cuda"]
    finished = spine("segment", film, "-o", tmp_path / "out", *options, CUDA_VISIBLE_DEVICES="")
    assert_one_clear_line(finished, 4, "cuda")
    assert not (tmp_path / "out").exists()


def test_bad_images_are_told_before_the_slow_packages_are_imported(tmp_path):
    program = (
        "import sys; from SpineLib.cli import main; "
        f"code = main(['segment', {str(tmp_path / 'none.png')!r}, '-o', {str(tmp_path / 'out')!r}]); "
        "print(code, [name for name in ('torch', 'monai') if name in sys.modules])"
    )
    import sys

    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert finished.stdout == "2 []\n"


def test_an_unexpected_error_is_one_line_without_and_a_trace_with_the_option(film, tmp_path, user_models_folder):
    model = install_tiny_model(user_models_folder)
    options = ["segment", film, "-o", tmp_path / "out", "--model", model]
    # A package that is there but broken, as after a failed installation.
    broken = tmp_path / "broken" / "safetensors"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ZeroDivisionError")
    assert_one_clear_line(spine(*options, PYTHONPATH=str(broken.parent)), 1, "--traceback")
    traced = spine(*options, "--traceback", PYTHONPATH=str(broken.parent))
    assert "ZeroDivisionError" in traced.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["matplotlib", "skimage"])
def test_training_without_the_research_packages_is_told_before_it_begins(tmp_path, name):
    config = REPOSITORY / "SpineLib" / "training" / "configs" / "ap_spine_s1.json"
    output = tmp_path / "run"
    without = f"import sys; sys.modules[{name!r}] = None; from SpineLib.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", without, "train", str(config), "--data", str(tmp_path), "-o", str(output)]
    finished = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, encoding="utf-8", check=False)
    assert_one_clear_line(finished, 4, "SpineLib[research]")
    assert not output.exists()
