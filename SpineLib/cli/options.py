# SPDX-License-Identifier: Apache-2.0
"""Arguments that several commands share."""

import argparse

from SpineLib import tasks
from SpineLib.core.volume import VIEWS
from SpineLib.tasks.options import DEVICES, PRECISIONS, SegmentOptions


def add_segment_options(parser: argparse.ArgumentParser) -> None:
    """Everything that says how an image is to be segmented."""
    add_run_options(parser)
    parser.add_argument(
        "--task", default=tasks.AUTO, help=f"{tasks.AUTO}, {', '.join(tasks.TASKS)}; auto looks at the image"
    )
    parser.add_argument("--view", choices=[view for view in VIEWS if view], help="view, where the file does not tell")
    parser.add_argument(
        "--sliding-window", action="store_true", help="films: finer, overlapping windows along the column"
    )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Where the results go, which model makes them, and where it runs."""
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="folder for the results")
    parser.add_argument("--model", metavar="ID", help="model to use instead of the task's own (see: spine models list)")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where to compute")
    parser.add_argument(
        "--precision", choices=PRECISIONS, default="auto", help="arithmetic; auto takes what is fastest"
    )
    parser.add_argument("--overlay", action="store_true", help="also write a picture of the result on the image")
    parser.add_argument("--report", action="store_true", help="also write all numbers as a page of HTML")


def segment_options(arguments: argparse.Namespace) -> SegmentOptions:
    """The options given. Raises InputError or, for an unknown model, ModelError."""
    tasks.check_name(arguments.task)
    options = SegmentOptions(arguments.model, arguments.device, arguments.precision, arguments.sliding_window)
    options.validate()
    return options
