# SPDX-License-Identifier: Apache-2.0
"""`spine batch DIR -o OUT`: all images and DICOM scans of a folder, mirrored in OUT, with a summary.csv."""

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from SpineLib.batch import SUMMARY, run_folder
from SpineLib.cli.console import progress_line
from SpineLib.cli.options import add_segment_options, segment_options
from SpineLib.core.errors import SpineError
from SpineLib.tasks.job import Job


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser("batch", help="segment all images of a folder", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of images, searched with its subfolders")
    add_segment_options(parser)
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that work side by side")
    parser.add_argument("--resume", action="store_true", help="leave alone what is there already")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Segment the folder and count how the images came out. Raises SpineError, exit code 1, where some failed."""
    output = Path(arguments.output)
    template = Job(
        arguments.folder,
        output,
        "",
        arguments.task,
        segment_options(arguments),
        overlay=arguments.overlay,
        report=arguments.report,
        view=arguments.view,
    )
    rows = run_folder(arguments.folder, output, template, arguments.workers, arguments.resume, progress_line())
    counts = Counter(row.status for row in rows)
    print(f"{len(rows)} images: {', '.join(f'{count} {status}' for status, count in sorted(counts.items()))}")
    print(f"  -> {output / SUMMARY}")
    if counts["failed"]:
        raise SpineError(f"{counts['failed']} of {len(rows)} images failed.", f"{output / SUMMARY} says why.")
    return 0
