# SPDX-License-Identifier: Apache-2.0
"""A folder of films, worked off by the command line's batch in a child process."""

from pathlib import Path

from SpineLib.core.errors import ERRORS_BY_EXIT_CODE, SpineError
from SpineLib.scene.python_process import kill_tree, launch, lines_of


def segment_folder(folder: Path, output: Path, task: str, resume: bool) -> Path:
    """Run `spine batch` and return `output`; its lines go to the Python console.

    Raises the SpineError that the command line reported; films that failed alone are listed in its summary.
    """
    arguments = ["-m", "SpineLib.cli", "batch", str(folder), "-o", str(output), "--task", task]
    process = launch([*arguments, "--resume"] if resume else arguments)
    last = ""
    try:
        for line in lines_of(process):
            print(line, end="")
            last = line.strip() or last
        code = process.wait()
    finally:
        kill_tree(process)
    if code != 0:
        kind = ERRORS_BY_EXIT_CODE.get(code, SpineError)
        raise kind(last.removeprefix("spine: ") or f"The batch ended with exit code {code}.")
    return output
