# SPDX-License-Identifier: Apache-2.0
"""The command line's frame: subcommands, and errors as one line and an exit code."""

import argparse
import signal
import sys
import warnings
from io import TextIOWrapper
from types import FrameType, ModuleType
from typing import Any, NoReturn

from SpineLib import __version__
from SpineLib.cli import batch, evaluate, fracture, models, segment, synth, train
from SpineLib.cli.console import print_error
from SpineLib.core.errors import Cancelled, InputError, SpineError
from SpineLib.core.result import DISCLAIMER
from SpineLib.tasks.job import understandable_errors

COMMANDS: tuple[ModuleType, ...] = (segment, fracture, batch, models, train, evaluate, synth)
"""Each has `add(subparsers)`, which makes its parser and sets the default `run`: arguments -> exit code."""

UNEXPECTED = SpineError("The program failed in an unexpected way.", "Run it again with --traceback to see where.")


class Parser(argparse.ArgumentParser):
    """Wrong arguments are errors like all others; every command and its parts know --traceback."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.add_argument("--traceback", action="store_true", help="show where in the code an error arose")

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}.", f"See: {self.prog} --help")


def main(arguments: list[str] | None = None) -> int:
    """Run `spine` with the given arguments (the process's own by default) and return its exit code.

    0 done, 1 unexpected or partly failed, 2 input, 3 model, 4 machine, 5 cancelled.
    """
    given = sys.argv[1:] if arguments is None else arguments
    signal.signal(signal.SIGTERM, _interrupt)
    warnings.simplefilter("ignore")
    if isinstance(sys.stdout, TextIOWrapper):
        # A file name may hold letters that the terminal or pipe, on Windows above all, has no code for.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with understandable_errors():
            parsed = _parser().parse_args(given)
            return parsed.run(parsed)
    except Exception as error:
        if "--traceback" in given:
            raise
        told = error if isinstance(error, SpineError) else UNEXPECTED
    except KeyboardInterrupt:
        told = Cancelled()
    print_error(told)
    return told.exit_code


def _parser() -> Parser:
    parser = Parser(prog="spine", description=f"Segment spines in medical images. {DISCLAIMER}")
    parser.add_argument("--version", action="version", version=f"spine {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(subparsers)
    return parser


def _interrupt(signal_number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
