# SPDX-License-Identifier: Apache-2.0
"""Starts Slicer's Python beside Slicer with the product on its path, and ends it with everything it started."""

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import slicer

from SpineLib.core.errors import ResourceError

LIBRARY_FOLDER = Path(__file__).resolve().parents[2]
POLL_SECONDS = 0.05


def launch(arguments: list[str], environment: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    """Run `PythonSlicer ARGUMENTS`; its output, errors included, comes through `stdout` as UTF-8 text.

    Raises ResourceError when it cannot be started.
    """
    interpreter = shutil.which("PythonSlicer") or sys.executable
    try:
        process = slicer.util.launchConsoleProcess(
            [interpreter, *arguments],
            useStartupEnvironment=True,
            updateEnvironment=_environment() | (environment or {}),
            cwd=str(LIBRARY_FOLDER),
        )
    except OSError as error:
        raise ResourceError(f"Slicer's Python could not be started: {error}.", "Restart Slicer.") from error
    # Slicer opens the pipe in the locale's encoding, which on Windows is not the child's UTF-8.
    process.stdout.reconfigure(encoding="utf-8", errors="replace")
    return process


def lines_of(process: "subprocess.Popen[str]") -> Iterator[str]:
    """The lines of a process as they come; the window goes on being painted between them, however long they take."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    reader = threading.Thread(target=lambda: [lines.put(line) for line in process.stdout], daemon=True)
    reader.start()
    while reader.is_alive() or not lines.empty():
        slicer.app.processEvents()
        try:
            yield lines.get(timeout=POLL_SECONDS)
        except queue.Empty:
            continue


def kill_tree(process: "subprocess.Popen[str]", groupLeader: int | None = None) -> None:
    """End a process and all below it: Slicer's interpreter is a launcher with the real Python beneath.

    groupLeader: id of the process below that leads a process group of its own, where known.
    """
    if process.poll() is not None:
        return
    try:
        import psutil
    except ImportError:
        _kill_tree_by_system(process, groupLeader)
        return
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    process.kill()


def _environment() -> dict[str, str]:
    inherited = slicer.util.startupEnvironment().get("PYTHONPATH", "")
    search = os.pathsep.join(part for part in (str(LIBRARY_FOLDER), inherited) if part)
    environment = {"PYTHONPATH": search, "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}
    # The startup environment does not know what was set since Slicer started.
    environment.update({name: value for name, value in os.environ.items() if name.startswith("SPINE_")})
    return environment


def _kill_tree_by_system(process: "subprocess.Popen[str]", groupLeader: int | None) -> None:
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
        return
    if groupLeader is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(groupLeader, signal.SIGKILL)
    process.kill()
