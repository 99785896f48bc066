# SPDX-License-Identifier: Apache-2.0
"""SpineLib as a wheel: what pip installs holds the models and runs away from the source tree."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from cmake_lists import files_on_disk
from source_files import REPOSITORY, project_files


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the project's files alone."""
    folder = tmp_path_factory.mktemp("wheel")
    for path in project_files():
        if path.is_relative_to(REPOSITORY / "SpineLib") or path.parent == REPOSITORY:
            target = folder / "source" / path.relative_to(REPOSITORY)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    finished = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, str(folder / "source")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name.removeprefix("SpineLib/") for name in archive.namelist() if name.startswith("SpineLib/")}
    lists = files_on_disk(REPOSITORY / "SpineLib")
    assert packed == {*lists["SCRIPTS"], *lists["RESOURCES"]}


def test_the_wheel_offers_the_command_spine_and_its_license(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        scripts = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    assert "spine = SpineLib.cli:main" in scripts
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_unpacked_wheel_finds_and_verifies_its_models(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    program = (
        "import json, SpineLib; from SpineLib.models import catalogue, store\n"
        "ids = [entry.id for entry in catalogue.entries()]\n"
        "for model in ids: store.verify(model)\n"
        "print(json.dumps([SpineLib.__file__, ids]))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "SPINE_MODELS": str(tmp_path / "models"), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    place, ids = json.loads(finished.stdout)
    assert Path(place).is_relative_to(tmp_path)
    assert ids
