# SPDX-License-Identifier: Apache-2.0
"""`spine synth ap -n N --seed S -o DIR`: synthetic films with their true masks and landmarks."""

import argparse
from pathlib import Path
from typing import Any

from SpineLib.cli.console import progress_line


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser("synth", help="make synthetic films", description=__doc__)
    parser.add_argument("view", choices=("ap",), help="the films' view")
    parser.add_argument("-n", "--count", type=int, default=1, metavar="N", help="how many films")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="the same seed makes the same films")
    parser.add_argument("--format", choices=("dicom", "png"), default="dicom", help="kind of file")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the films")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from SpineLib.synthesis.run import write_films

    count, seed, folder = arguments.count, arguments.seed, arguments.output
    paths = write_films(count, seed, folder, arguments.format, progress_line())
    for path in paths:
        print(path)
    return 0
