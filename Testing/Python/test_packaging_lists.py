# SPDX-License-Identifier: Apache-2.0
"""The CMake lists against the files on disk, and the traps of packaging scripted modules."""

import itertools
from pathlib import Path

import cmake_lists
import pytest
from source_files import REPOSITORY, project_files

MODULES = [name for name in cmake_lists.FOLDERS if name != "SpineLib"]
CMAKE_FILES = [path for path in project_files() if path.name == "CMakeLists.txt" and "Host" not in path.parts]


def installed_files(folder: str) -> list[str]:
    """Every file that a folder's lists name, relative to it."""
    return list(itertools.chain.from_iterable(cmake_lists.files_in_cmake(REPOSITORY / folder).values()))


@pytest.mark.parametrize("folder", cmake_lists.FOLDERS)
def test_the_lists_name_exactly_the_files_on_disk(folder: str) -> None:
    listed = cmake_lists.files_in_cmake(REPOSITORY / folder)
    assert listed == cmake_lists.files_on_disk(REPOSITORY / folder), "run: make cmake-lists"


def test_every_file_in_a_list_is_part_of_the_project() -> None:
    known = set(project_files())
    for folder in cmake_lists.FOLDERS:
        names = installed_files(folder)
        assert [name for name in names if REPOSITORY / folder / name not in known] == []


def test_no_two_modules_install_a_file_at_the_same_place() -> None:
    seen: dict[str, str] = {}
    for module in MODULES:
        for name in installed_files(module):
            assert name not in seen, f"{module} and {seen.get(name)} both install {name}"
            assert not name.startswith("SpineLib/")
            seen[name] = module


@pytest.mark.parametrize("module", MODULES)
def test_only_the_module_itself_lies_directly_in_its_folder(module: str) -> None:
    assert [path.name for path in (REPOSITORY / module).glob("*.py")] == [f"{module}.py"]


def test_slicer_binary_dir_is_never_used() -> None:
    assert [str(path) for path in CMAKE_FILES if "Slicer_BINARY_DIR" in path.read_text(encoding="utf-8")] == []


def test_the_library_goes_into_one_folder_of_its_own() -> None:
    text = (REPOSITORY / "SpineLib" / "CMakeLists.txt").read_text(encoding="utf-8")
    assert "DESTINATION_DIR ${CMAKE_BINARY_DIR}/${Slicer_QTSCRIPTEDMODULES_LIB_DIR}/SpineLib\n" in text
    assert "INSTALL_DIR ${Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR}/SpineLib\n" in text
    assert "NO_INSTALL_SUBDIR" in text
    assert "../" not in text


def test_lists_are_brought_up_to_date_in_place(tmp_path: Path) -> None:
    folder = tmp_path / "Room"
    (folder / "inner").mkdir(parents=True)
    (folder / "__pycache__").mkdir()
    for name in ("b.py", "inner/a.py", "inner/data.json", "__pycache__/b.pyc"):
        (folder / name).touch()
    text = "# head\nset(Room_SCRIPTS\n  gone.py\n  )\n\nset(Room_RESOURCES\n  )\n\n# tail (kept)\n"
    (folder / "CMakeLists.txt").write_text(text, encoding="utf-8")
    assert cmake_lists.write_lists(folder)
    assert cmake_lists.files_in_cmake(folder) == {"SCRIPTS": ["b.py", "inner/a.py"], "RESOURCES": ["inner/data.json"]}
    changed = (folder / "CMakeLists.txt").read_text(encoding="utf-8")
    assert changed.startswith("# head\nset(Room_SCRIPTS\n  b.py\n  inner/a.py\n  )\n\nset(Room_RESOURCES\n")
    assert changed.endswith("\n  )\n\n# tail (kept)\n")
    assert not cmake_lists.write_lists(folder)
