# SPDX-License-Identifier: Apache-2.0
"""Style and types, and the habits that no linter knows."""

import re
import subprocess
import sys

import pytest
from source_files import REPOSITORY, project_files, python_files, text_files

SPDX = "SPDX-License-Identifier: Apache-2.0"
LINES_OF_PRODUCT = 300
LINES_OF_TESTS = 400
BRITISH = re.compile(
    r"\b(colour\w*|grey\w*|centre\w*|neighbour\w*|behaviour\w*|licence\w*|normalis\w*|initialis\w*|optimis\w*|"
    r"visualis\w*|recognis\w*|analys(?:e|ed|es|ing)|localis\w*|modelling)\b",
    re.IGNORECASE,
)


def run(*command: str) -> str:
    """What the tool prints; empty when it finds nothing to say."""
    finished = subprocess.run(
        [sys.executable, "-m", *command], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    return "" if finished.returncode == 0 else finished.stdout + finished.stderr


def lines_matching(pattern: str, paths: tuple, flags: int = 0) -> list[str]:
    """`file:line text` for every line that matches, this file left out."""
    compiled = re.compile(pattern, flags)
    return [
        f"{path.relative_to(REPOSITORY).as_posix()}:{number} {line.strip()}"
        for path in paths
        if path.name != "test_style.py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if compiled.search(line)
    ]


def test_the_linter_is_content() -> None:
    assert run("ruff", "check", "--quiet", ".") == ""


def test_the_code_is_formatted() -> None:
    assert run("ruff", "format", "--check", "--quiet", ".") == ""


def test_the_types_hold() -> None:
    assert run("mypy") == ""


def test_every_source_file_names_its_license() -> None:
    kinds = {".py", ".toml", ".cmake", ".cff", ".sh"}
    bare = []
    for path in project_files():
        is_script = path.suffix == "" and path.stat().st_size and path.read_bytes().startswith(b"#!")
        if path.suffix in kinds or path.name in {"CMakeLists.txt", "Makefile"} or is_script:
            head = path.read_text(encoding="utf-8").splitlines()[: 2 if is_script else 1]
            if not any(line == f"# {SPDX}" for line in head):
                bare.append(path.relative_to(REPOSITORY).as_posix())
    assert bare == []


def test_files_stay_short_enough_to_read() -> None:
    long = {}
    for path in python_files():
        limit = LINES_OF_TESTS if path.is_relative_to(REPOSITORY / "Testing") else LINES_OF_PRODUCT
        count = len(path.read_text(encoding="utf-8").splitlines())
        if count > limit:
            long[path.relative_to(REPOSITORY).as_posix()] = count
    assert long == {}


def test_nothing_is_left_open() -> None:
    assert lines_matching(r"\b(TODO|FIXME|XXX|HACK)\b|raise NotImplementedError|mark\.skip\b", python_files()) == []


def test_no_file_is_a_drawer_for_everything() -> None:
    drawers = {"utils.py", "util.py", "helpers.py", "misc.py", "common.py"}
    assert [str(path) for path in project_files() if path.name in drawers] == []


def test_no_package_is_named_testing() -> None:
    assert not (REPOSITORY / "Testing" / "__init__.py").exists()


@pytest.mark.parametrize(
    ("habit", "pattern"),
    [
        ("torch.load without weights_only", r"torch\.load\((?!.*weights_only=True)"),
        ("Qt 5 only", r"\bexec_\(|QTextCodec"),
        ("a bare except", r"^\s*except\s*:"),
        ("changing the environment of the whole process", r"os\.environ\[[^]]*\]\s*=(?!=)"),
        ("a module of Python's past", r"^\s*import imp\b"),
    ],
)
def test_bad_habits_are_absent(habit: str, pattern: str) -> None:
    assert lines_matching(pattern, python_files("SpineLib", "SpineSegmentation", "SpineFracture")) == [], habit


def test_the_spelling_is_american() -> None:
    kinds, others = {".py", ".md", ".ui"}, {"bundles", "Testing"}
    read = tuple(path for path in text_files() if path.suffix in kinds and not others.intersection(path.parts))
    assert lines_matching(BRITISH.pattern, read, re.IGNORECASE) == []
