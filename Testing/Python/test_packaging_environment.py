# SPDX-License-Identifier: Apache-2.0
"""How the environment is made: the Makefile, the lock file, the Debian packages and the script for the build server."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from source_files import REPOSITORY, imports_of, python_files

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (REPOSITORY / "Testing" / "requirements.lock").read_text(encoding="utf-8")
MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
INSTALL_SCRIPT = REPOSITORY / "Testing" / "install-debian-packages"
IMPORT_NAMES = {"pillow": "PIL", "dask-jobqueue": "dask_jobqueue", "scikit-image": "skimage", "pynrrd": "nrrd"}


def distribution(requirement: str) -> str:
    """The normalized name in `Name[extra]>=1,<2`."""
    return re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower().replace("_", "-")


def locked() -> dict[str, str]:
    return {
        distribution(line): line for line in LOCK.splitlines() if line.strip() and not line.lstrip().startswith("#")
    }


def test_every_line_of_the_lock_names_one_exact_version_and_no_place() -> None:
    lines = [line for line in LOCK.splitlines() if line and not line.startswith("#")]
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9.-]+==[\w.]+( ; [^/]+)?", line)] == []


def test_the_lock_covers_what_the_library_and_its_tests_require() -> None:
    extras = PROJECT["optional-dependencies"]
    wanted = {distribution(line) for line in [*PROJECT["dependencies"], *extras["research"], *extras["test"]]}
    # torch is installed by itself, because each machine wants its own build of it.
    assert wanted - {"torch"} <= locked().keys()
    assert "torch" not in locked()
    assert re.search(r"^TORCH \?= torch==\d+\.\d+\.\d+$", MAKEFILE, re.MULTILINE)


def test_everything_imported_is_declared() -> None:
    declared = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["research"]]
    declared += PROJECT["optional-dependencies"]["scale"]
    known = {IMPORT_NAMES.get(distribution(line), distribution(line)).lower() for line in declared}
    known |= {"spinelib", "spinesegmentation", "slicer", "vtk", "vtkmodules", "qt", "ctk"}
    # Slicer's own modules, which only the Slicer module sees.
    known |= {"pytorchutils", "sampledata"}
    undeclared = {
        f"{path.relative_to(REPOSITORY).as_posix()}:{line} {module}"
        for path in python_files("SpineLib", "SpineSegmentation")
        for module, line, _ in imports_of(path)
        if (top := module.split(".")[0]).lower() not in known
        and top not in sys.stdlib_module_names
        and not (path.parent / top).exists()
        and not (path.parent / f"{top}.py").exists()
    }
    assert undeclared == set()


def test_everything_declared_is_imported() -> None:
    used = {module.split(".")[0].lower() for path in python_files("SpineLib") for module, _, _ in imports_of(path)}
    declared = {distribution(line) for line in PROJECT["dependencies"]}
    assert {name for name in declared if IMPORT_NAMES.get(name, name).lower() not in used} == set()


def test_python_3_10_is_enough_everywhere() -> None:
    assert PROJECT["requires-python"] == ">=3.10"
    assert "(3, 10)" in MAKEFILE


@pytest.mark.parametrize("target", ["demo", "test", "test-slow", "bench", "lint", "package", "cmake-lists", "clean"])
def test_make_knows_how_to(target: str) -> None:
    planned = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", target],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert planned.returncode == 0, planned.stderr
    assert planned.stdout.strip()


def test_the_demo_takes_the_users_own_film_even_with_spaces_in_its_name() -> None:
    planned = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "demo", "IMAGE=my films/a film.png"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert 'segment "my films/a film.png"' in planned.stdout


def test_the_build_server_runs_make_test_and_nothing_else() -> None:
    script = REPOSITORY / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    commands = [line for line in script.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert commands[0] == "set -euo pipefail"
    assert [line for line in commands[1:] if not line.startswith("cd ")] == ["exec make test </dev/null"]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of commands for a PATH on which nobody is root and nothing is installed."""
    for name in ("bash", "sed", "tr", "dirname", "env"):
        (tmp_path / name).symlink_to(shutil.which(name))
    answers = {"id": "echo 1000", "sudo": "exit 1", "dpkg-query": "exit 1", "apt-get": "touch apt-get-was-called"}
    for name, answer in answers.items():
        (tmp_path / name).write_text(f"#!{tmp_path}/bash\n{answer}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def test_without_root_the_one_line_to_run_is_printed(machine: Path) -> None:
    finished = subprocess.run(
        [str(INSTALL_SCRIPT), "python3-venv"],
        env={"PATH": str(machine)},
        capture_output=True,
        text=True,
        check=False,
        cwd=machine,
    )
    assert finished.returncode == 1
    assert "  sudo apt-get install --no-install-recommends -y python3-venv" in finished.stdout.splitlines()
    assert not (REPOSITORY / "apt-get-was-called").exists()


def test_without_root_the_tests_go_on_with_what_is_there(machine: Path) -> None:
    finished = subprocess.run(
        [str(INSTALL_SCRIPT)], env={"PATH": str(machine)}, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    line = next(line for line in finished.stdout.splitlines() if "apt-get install" in line)
    assert {"cmake", "make", "g++"} < set(line.split())


def test_what_is_installed_is_not_installed_again(machine: Path) -> None:
    (machine / "dpkg-query").write_text(f"#!{machine}/bash\nprintf installed\n", encoding="utf-8")
    finished = subprocess.run(
        [str(INSTALL_SCRIPT), "cmake"], env={"PATH": str(machine)}, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0
    assert finished.stdout == "All there: cmake\n"
