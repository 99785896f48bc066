# SPDX-License-Identifier: Apache-2.0
"""`spine fracture CT... -o OUT`: vertebrae with their fractures; OUT receives what `spine segment` writes."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from SpineLib.cli import segment
from SpineLib.cli.options import add_run_options
from SpineLib.core.errors import InputError
from SpineLib.tasks import ct_fracture
from SpineLib.tasks.job import Job
from SpineLib.tasks.names import stem

GIVEN = "segmentation whose vertebrae to take instead of finding them, or a folder with one of each CT's name"
SEGMENTATIONS = (".nrrd", ".gz", ".nii", ".mha", ".mhd", ".nhdr")
"""Last endings of the files that are looked at in a folder."""


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser("fracture", help="find and grade fractures on CT", description=__doc__)
    parser.add_argument("images", nargs="+", type=Path, metavar="CT", help="NIfTI, NRRD, MHA or a folder of DICOM")
    parser.add_argument("--vertebrae", type=Path, metavar="SEG", help=GIVEN)
    add_run_options(parser)
    parser.set_defaults(run=run, task=ct_fracture.NAME, view=None, sliding_window=False)


def run(arguments: argparse.Namespace) -> int:
    jobs = segment.jobs_of(arguments)
    if arguments.vertebrae is not None:
        jobs = with_vertebrae(jobs, arguments.vertebrae)
    return segment.run_jobs(jobs)


def with_vertebrae(jobs: Sequence[Job], given: Path) -> list[Job]:
    """The jobs with their given vertebrae: one file for one scan, or of a folder the file of each scan's name.

    Raises InputError where one file is given for several scans, and where a scan's file is missing or not the only one.
    """
    if given.is_dir():
        files = [path for path in sorted(given.iterdir()) if path.is_file()]
        return [_with_file(job, _file_of(job, files, given)) for job in jobs]
    if len(jobs) > 1:
        raise InputError(
            f"One segmentation cannot hold the vertebrae of {len(jobs)} scans.",
            "Give a single scan, or a folder with a segmentation of each scan's name.",
        )
    return [_with_file(job, given) for job in jobs]


def _with_file(job: Job, path: Path) -> Job:
    return replace(job, options=replace(job.options, vertebrae=str(path)))


def _file_of(job: Job, files: Sequence[Path], folder: Path) -> Path:
    """The segmentation that is called like the scan; neither the scan itself counts nor the other files of a result."""
    named = [path for path in files if stem(path) == job.name and path.suffix in SEGMENTATIONS]
    found = [path for path in named if path.resolve() != job.image.resolve()]
    if len(found) != 1:
        count = "no segmentation" if not found else f"{len(found)} segmentations"
        raise InputError(f"The folder {folder} holds {count} called {job.name}.", "Let one be called like the scan.")
    return found[0]
