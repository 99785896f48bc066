# SPDX-License-Identifier: Apache-2.0
"""The extension is configured, built, tested and packed through the stand-in of Slicer's CMake files, then unpacked."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import cmake_lists
import pytest
from source_files import REPOSITORY, project_files

STAND_IN = REPOSITORY / "Testing" / "Host" / "cmake"
MODULES = Path("lib") / "Slicer-5.13" / "qt-scripted-modules"

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("cmake", "make", "c++"))), reason="needs the Debian packages cmake, make and g++"
)


def run(*command: "str | Path", folder: Path) -> str:
    """Run to the end and return what was printed; a failure fails the test with the output."""
    finished = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build folder of the extension, made from the project's own files in a folder with a space in its name."""
    folder = tmp_path_factory.mktemp("extension build")
    for path in project_files():
        target = folder / "source" / path.relative_to(REPOSITORY)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    options = [f"-DSlicer_DIR={STAND_IN}", f"-DPython3_EXECUTABLE={sys.executable}", "-DBUILD_TESTING=ON"]
    run("cmake", "-S", "source", "-B", "build", "-G", "Unix Makefiles", *options, folder=folder)
    run("cmake", "--build", "build", folder=folder)
    return folder / "build"


@pytest.fixture(scope="module")
def unpacked(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, unpacked where nothing else lies."""
    run("cpack", folder=build)
    (package,) = build.glob("*-SpineSegmentation-*.tar.gz")
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(package) as archive:
        archive.extractall(folder, filter="data")
    (inside,) = folder.iterdir()
    return inside


def test_the_tests_run_inside_slicer_pass(build: Path) -> None:
    printed = run("ctest", "--output-on-failure", folder=build)
    for name in ("InstalledExtensionTest", "SpineSegmentation", "SpineFracture", "SpineFractureModuleGenericTest"):
        assert name in printed
    assert "100% tests passed" in printed


def test_the_package_holds_every_listed_file_and_no_other(unpacked: Path) -> None:
    expected = {
        ((MODULES / "SpineLib" if folder == "SpineLib" else MODULES) / name).as_posix()
        for folder in cmake_lists.FOLDERS
        for names in cmake_lists.files_in_cmake(REPOSITORY / folder).values()
        for name in names
    }
    packed = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    compiled = {name for name in packed if name.endswith(".pyc")}
    description = {name for name in packed if name.endswith("/SpineSegmentation.s4ext")}
    assert len(description) == 1
    assert packed - compiled - description == expected


def test_the_package_describes_the_extension(unpacked: Path) -> None:
    (description,) = unpacked.rglob("SpineSegmentation.s4ext")
    lines = dict(line.split(" ", 1) for line in description.read_text(encoding="utf-8").splitlines() if " " in line)
    assert lines["depends"] == "PyTorch"
    assert lines["category"] == "Segmentation"
    assert lines["iconurl"].endswith("SpineSegmentation.png")


def test_the_unpacked_library_reads_its_catalogue_and_verifies_its_models(unpacked: Path, tmp_path: Path) -> None:
    program = (
        "import json, SpineLib\n"
        "from SpineLib.models import catalogue, store\n"
        "entries = catalogue.entries()\n"
        "for entry in entries: store.verify(entry.id)\n"
        "print(json.dumps([SpineLib.__file__, [entry.id for entry in entries]]))"
    )
    environment = {"PYTHONPATH": str(unpacked / MODULES), "SPINE_MODELS": str(tmp_path), "PATH": os.environ["PATH"]}
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    place, models = json.loads(finished.stdout)
    assert Path(place) == unpacked / MODULES / "SpineLib" / "__init__.py"
    assert models
