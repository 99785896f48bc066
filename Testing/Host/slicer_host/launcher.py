# SPDX-License-Identifier: Apache-2.0
"""`Slicer` on the command line, as far as ctest uses it: `python -m slicer_host.launcher --testing ...`."""

from __future__ import annotations

import argparse
import os
import runpy
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from . import start

_ACCEPTED_WITHOUT_EFFECT = (
    "--no-splash",
    "--ignore-slicerrc",
    "--disable-modules",
    "--disable-cli-modules",
    "--disable-loadable-modules",
    "--disable-scripted-loadable-modules",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the host, load the modules of the given folders, run the code or script; returns the exit status."""
    options = _parser().parse_args(arguments)
    host = start(testing=options.testing, main_window=not options.no_main_window)
    try:
        for folder in dict.fromkeys(options.additional_module_paths):
            host.load_modules(folder)
        _run(options)
    except SystemExit as request:
        return request.code if isinstance(request.code, int) else int(request.code is not None)
    except Exception:
        traceback.print_exc()
        return 1
    return 1 if host.errors else 0


def _run(options: argparse.Namespace) -> None:
    if options.python_code:
        exec(options.python_code, {"__name__": "__main__"})
    elif options.python_script:
        sys.argv = list(options.python_script)
        sys.path.insert(0, str(Path(sys.argv[0]).parent))
        runpy.run_path(sys.argv[0], run_name="__main__")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="Slicer", allow_abbrev=False)
    parser.add_argument("--testing", action="store_true")
    parser.add_argument("--no-main-window", action="store_true")
    for option in _ACCEPTED_WITHOUT_EFFECT:
        parser.add_argument(option, action="store_true")
    parser.add_argument(
        "--additional-module-paths", "--additional-module-path", action="extend", nargs="+", default=[], type=Path
    )
    parser.add_argument("--python-code")
    parser.add_argument("--python-script", nargs=argparse.REMAINDER)
    return parser


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Leaves without Python's clean-up: the order in which VTK, Qt and Python then go is nobody's promise
    os._exit(status)
