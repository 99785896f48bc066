# SPDX-License-Identifier: Apache-2.0
"""Run the real command `spine` in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
INSTALLED = Path(sys.executable).with_name("spine.exe" if os.name == "nt" else "spine")
SPINE = [str(INSTALLED)] if INSTALLED.is_file() else [sys.executable, "-m", "SpineLib.cli"]


def spine(*arguments: object, before: Sequence[str] = (), **environment: str) -> "subprocess.CompletedProcess[str]":
    """The finished command; `before` are words in front of it."""
    return subprocess.run(
        [*before, *SPINE, *(str(argument) for argument in arguments)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONWARNINGS": "default", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def assert_one_clear_line(finished: "subprocess.CompletedProcess[str]", code: int, word: str) -> None:
    """The exit code, and on stderr nothing but one line with a sentence and a hint."""
    assert finished.returncode == code, finished.stderr
    assert finished.stdout == ""
    lines = finished.stderr.splitlines()
    assert len(lines) == 1, finished.stderr
    assert lines[0].startswith("spine: ")
    assert word in lines[0]
    assert lines[0].rstrip(".").count(". ") >= 1 or "See: " in lines[0], "a sentence and a hint"
    assert "Traceback" not in lines[0]
