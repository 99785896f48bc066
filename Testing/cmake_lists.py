# SPDX-License-Identifier: Apache-2.0
"""The file lists of the CMakeLists.txt files: read them, compare them with the disk, write them anew.

CMake wants every installed file by name. `python Testing/cmake_lists.py` brings the lists up to date.
"""

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDERS = ("SpineLib", "SpineSegmentation", "SpineFracture")
NOT_INSTALLED = {"CMakeLists.txt", ".gitignore"}
SKIPPED_FOLDERS = {"__pycache__", "Testing"}


def files_on_disk(folder: Path) -> dict[str, list[str]]:
    """Files below `folder` that belong into the package, relative to it: {"SCRIPTS": [...], "RESOURCES": [...]}."""
    lists: dict[str, list[str]] = {"SCRIPTS": [], "RESOURCES": []}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if not path.is_file() or path.name in NOT_INSTALLED or SKIPPED_FOLDERS.intersection(relative.parts):
            continue
        kind = "SCRIPTS" if path.suffix == ".py" else "RESOURCES"
        lists[kind].append(relative.as_posix())
    return lists


def files_in_cmake(folder: Path) -> dict[str, list[str]]:
    """The same two lists as they stand in `folder`/CMakeLists.txt."""
    text = (folder / "CMakeLists.txt").read_text(encoding="utf-8")
    lists = {}
    for kind in ("SCRIPTS", "RESOURCES"):
        match = _list_pattern(folder.name, kind).search(text)
        if match is None:
            raise ValueError(f"{folder.name}/CMakeLists.txt has no set({folder.name}_{kind} ...).")
        lists[kind] = match["files"].split()
    return lists


def write_lists(folder: Path) -> bool:
    """Bring the lists of `folder`/CMakeLists.txt up to date; returns whether anything changed."""
    cmake_file = folder / "CMakeLists.txt"
    before = after = cmake_file.read_text(encoding="utf-8")
    for kind, names in files_on_disk(folder).items():
        block = "".join(f"  {name}\n" for name in names)
        after = _list_pattern(folder.name, kind).sub(
            lambda match, block=block: f"{match['head']}\n{block}{match['tail']}", after
        )
    if after != before:
        cmake_file.write_text(after, encoding="utf-8", newline="\n")
    return after != before


def _list_pattern(name: str, kind: str) -> re.Pattern[str]:
    return re.compile(rf"(?P<head>^set\({name}_{kind})\n(?P<files>[^)]*)(?P<tail>^  \)$)", re.MULTILINE)


if __name__ == "__main__":
    for folder_name in FOLDERS:
        changed = write_lists(REPOSITORY / folder_name)
        print(f"{folder_name}/CMakeLists.txt: {'brought up to date' if changed else 'was up to date'}")
