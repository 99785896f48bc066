# SPDX-License-Identifier: Apache-2.0
"""The stand-in of Slicer's CMake files builds, packs and tests an extension, and stops where Slicer's would stop."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

HOST = Path(__file__).resolve().parents[1] / "Host"

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("cmake", "make", "c++"))), reason="needs the Debian packages cmake, make and g++"
)


@pytest.fixture
def extension(tmp_path: Path) -> Path:
    """A copy of the example extension."""
    return shutil.copytree(HOST / "example", tmp_path / "source", ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture
def source(extension: Path) -> Path:
    """A copy to be spoiled; without a look at compilers, which takes longer than everything else."""
    replace(extension / "CMakeLists.txt", "project(HostExample)", "project(HostExample NONE)")
    return extension


def run(*command: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True)


def configure(source: Path) -> subprocess.CompletedProcess[str]:
    """Configure `source` into the folder `build` beside it."""
    return run(
        "cmake", "-S", source, "-B", source.parent / "build",
        f"-DSlicer_DIR={HOST / 'cmake'}", f"-DPython3_EXECUTABLE={sys.executable}", "-DBUILD_TESTING=ON",
        "-G", "Unix Makefiles",
    )  # fmt: skip


def build(source: Path) -> subprocess.CompletedProcess[str]:
    return run("cmake", "--build", source.parent / "build")


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def assert_refused(result: subprocess.CompletedProcess[str], *words: str) -> None:
    assert result.returncode != 0
    # CMake wraps its messages
    message = " ".join(result.stderr.split())
    for word in words:
        assert word in message


def test_extension_is_built_tested_installed_and_packed(extension: Path) -> None:
    folder, installed = extension.parent / "build", extension.parent / "installed"
    for result in (configure(extension), build(extension)):
        assert result.returncode == 0, result.stderr
    tests = run("ctest", "--output-on-failure", folder=folder)
    assert tests.returncode == 0, tests.stdout
    for name in ("py_nomainwindow_qSlicerHostExampleModuleGenericTest", "py_HostExample", "py_example_PaintTest"):
        assert name in tests.stdout
    assert run("cmake", "--install", folder, "--prefix", installed).returncode == 0
    modules = installed / "lib" / "Slicer-5.13" / "qt-scripted-modules"
    assert (modules / "HostExample.py").is_file() and (modules / "HostExampleLib" / "square.py").is_file()
    assert run("cpack", folder=folder).returncode == 0
    (package,) = folder.glob("*-HostExample-*.tar.gz")
    with tarfile.open(package) as archive:
        names = [name.split("/", 1)[-1] for name in archive.getnames()]
    assert "lib/Slicer-5.13/qt-scripted-modules/Resources/UI/HostExample.ui" in names
    assert "share/Slicer-5.13/HostExample.s4ext" in names
    assert not any("/../" in name or name.startswith("/") for name in names)


def test_failing_test_inside_the_host_fails_ctest(source: Path) -> None:
    replace(source / "HostExample" / "Testing" / "PaintTest.py", "36)", "35)")
    assert configure(source).returncode == 0 and build(source).returncode == 0
    tests = run("ctest", "-R", "PaintTest", folder=source.parent / "build")
    assert tests.returncode != 0
    assert "py_example_PaintTest (Failed)" in tests.stdout


@pytest.mark.parametrize("listed", ["HostExample.py", "Resources/UI/HostExample.ui"])
def test_listed_file_that_does_not_exist_is_refused(source: Path, listed: str) -> None:
    (source / "HostExample" / listed).unlink()
    assert_refused(configure(source), "given nonexistent file or directory", listed)


def test_file_missing_from_a_package_stops_the_build(source: Path) -> None:
    (source / "HostExampleLib" / "square.py").unlink()
    assert configure(source).returncode == 0
    assert_refused(build(source), "square.py")


def test_script_with_a_syntax_error_stops_the_build(source: Path) -> None:
    (source / "HostExampleLib" / "square.py").write_text("def square(:\n")
    assert configure(source).returncode == 0
    assert build(source).returncode != 0


def test_empty_metadata_is_refused(source: Path) -> None:
    replace(source / "CMakeLists.txt", '"Paints a square into a film"', '""')
    assert_refused(configure(source), "EXTENSION_DESCRIPTION is empty")


def test_absent_license_file_is_refused(source: Path) -> None:
    replace(
        source / "CMakeLists.txt",
        'set(EXTENSION_DEPENDS "NA")',
        'set(EXTENSION_DEPENDS "NA")\nset(EXTENSION_LICENSE_FILE "${CMAKE_CURRENT_SOURCE_DIR}/LICENSE")',
    )
    assert_refused(configure(source), "EXTENSION_LICENSE_FILE points to an inexistent file")


def test_unknown_keyword_is_refused(source: Path) -> None:
    replace(source / "HostExample" / "CMakeLists.txt", "WITH_GENERIC_TESTS", "WITH_TESTS NAME")
    replace(source / "HostExample" / "CMakeLists.txt", "NAME HostExample", "TITLE HostExample")
    assert_refused(configure(source), "slicerMacroBuildScriptedModule")


def test_two_files_with_one_target_are_refused(source: Path) -> None:
    folder = "${CMAKE_BINARY_DIR}/${Slicer_QTSCRIPTEDMODULES_LIB_DIR}"
    replace(
        source / "HostExampleLib" / "CMakeLists.txt",
        f"DESTINATION_DIR {folder}/HostExampleLib",
        f"RESOURCES Resources/UI/HostExample.ui\n  DESTINATION_DIR {folder}",
    )
    assert_refused(configure(source), "Two files would be copied to")
