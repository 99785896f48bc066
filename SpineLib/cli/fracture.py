# SPDX-License-Identifier: Apache-2.0
"""`spine fracture CT... -o OUT`: vertebrae with their fractures; OUT receives what `spine segment` writes."""

import argparse
from pathlib import Path
from typing import Any

from SpineLib.cli import segment
from SpineLib.cli.options import add_run_options
from SpineLib.tasks import ct_fracture


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser("fracture", help="find and grade fractures on CT", description=__doc__)
    parser.add_argument("images", nargs="+", type=Path, metavar="CT", help="NIfTI, NRRD, MHA or a folder of DICOM")
    add_run_options(parser)
    parser.set_defaults(run=run, task=ct_fracture.NAME, view=None, sliding_window=False)


def run(arguments: argparse.Namespace) -> int:
    return segment.run(arguments)
