# SPDX-License-Identifier: Apache-2.0
"""`spine segment IMAGE... -o OUT`: OUT receives NAME.seg.nrrd, NAME.json, with --overlay NAME.png, with --report
NAME.html."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from SpineLib.cli.console import describe, print_error, progress_line
from SpineLib.cli.options import add_segment_options, segment_options
from SpineLib.core.errors import InputError
from SpineLib.tasks.job import Job, check, check_originals_stay, do, understandable_errors
from SpineLib.tasks.names import output_names

IMAGES = "PNG, JPEG, DICOM, NIfTI, NRRD, MHA, or a folder with the DICOM slices of one scan"


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser("segment", help="segment images", description=__doc__)
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help=IMAGES)
    add_segment_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    return run_jobs(jobs_of(arguments))


def run_jobs(jobs: Sequence[Job]) -> int:
    """Segment each image; one that cannot be used is told and left out, anything else wrong ends the command."""
    check_originals_stay(jobs)
    for job in jobs:
        check(job)
    code = 0
    for job in jobs:
        try:
            with understandable_errors():
                _segment(job)
        except InputError as error:
            if len(jobs) == 1:
                raise
            print_error(error, job.image.name)
            code = code or error.exit_code
    return code


def jobs_of(arguments: argparse.Namespace) -> list[Job]:
    """One job for each image. Raises InputError or ModelError for options that cannot be used."""
    options = segment_options(arguments)
    return [
        Job(
            image,
            Path(arguments.output),
            name,
            arguments.task,
            options,
            overlay=arguments.overlay,
            report=arguments.report,
            view=arguments.view,
        )
        for image, name in zip(arguments.images, output_names(arguments.images), strict=True)
    ]


def _segment(job: Job) -> None:
    result = do(job, progress_line())
    print(f"{job.image.name or job.name}: {describe(result)}")
    for warning in result.warnings:
        print(f"  warning: {warning}")
    print(f"  -> {', '.join(str(path) for path in job.files.values())}", flush=True)
