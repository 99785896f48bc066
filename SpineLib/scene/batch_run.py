# SPDX-License-Identifier: Apache-2.0
"""A folder of films, worked off by the command line's batch in a child process."""

import queue
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import slicer

from SpineLib.core.errors import ERRORS_BY_EXIT_CODE, SpineError
from SpineLib.scene.python_process import kill_tree, launch

POLL_SECONDS = 0.05


def segment_folder(folder: Path, output: Path, task: str, resume: bool) -> Path:
    """Run `spine batch` and return `output`; its lines go to the Python console.

    Raises the SpineError that the command line reported; films that failed alone are listed in its summary.
    """
    arguments = ["-m", "SpineLib.cli", "batch", str(folder), "-o", str(output), "--task", task]
    process = launch([*arguments, "--resume"] if resume else arguments)
    last = ""
    try:
        for line in _lines_of(process):
            print(line, end="")
            last = line.strip() or last
        code = process.wait()
    finally:
        kill_tree(process)
    if code != 0:
        kind = ERRORS_BY_EXIT_CODE.get(code, SpineError)
        raise kind(last.removeprefix("spine: ") or f"The batch ended with exit code {code}.")
    return output


def _lines_of(process: "subprocess.Popen[str]") -> Iterator[str]:
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
