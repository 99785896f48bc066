# SPDX-License-Identifier: Apache-2.0
"""Cases with their answers, written to a folder by one process or several."""

import json
import multiprocessing
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from SpineLib.core.errors import InputError
from SpineLib.core.progress import Progress, silent
from SpineLib.io import safe_output, write_scan
from SpineLib.synthesis.ct.case import make_case
from SpineLib.synthesis.ct.options import CtOptions
from SpineLib.synthesis.run import case_seed
from SpineLib.tasks.job import output_folder

MOST_CASES, MOST_WORKERS = 100_000, 256


def write_cases(
    count: int,
    seed: int,
    folder: str | Path,
    progress: Progress = silent,
    options: CtOptions | None = None,
    workers: int = 1,
) -> list[Path]:
    """Write `ct_0001.nii.gz`, its `_labels`, `_parts` and `_fractures`, and `ct_0001.json` ...; return the paths.

    Case i of seed s is the same in every run, with any number of workers (processes). Raises InputError for an unusable
    order, ResourceError when the folder cannot be written.
    """
    if not 1 <= count <= MOST_CASES:
        raise InputError(f"{count} CTs cannot be made.", f"Ask for 1 to {MOST_CASES}.")
    if not 1 <= workers <= MOST_WORKERS:
        raise InputError(f"{workers} workers cannot do anything useful.", f"Give 1 to {MOST_WORKERS}.")
    if seed < 0:
        raise InputError(f"The seed {seed} is negative.", "Give 0 or more.")
    folder, options = Path(folder), options or CtOptions()
    options.validate()
    write = partial(write_case, seed, folder=folder, options=options)
    numbers = range(1, count + 1)
    with output_folder(folder):
        progress(0.0, f"CT 1 of {count}")
        for done, _ in enumerate(map(write, numbers) if workers == 1 else _in_parallel(write, numbers, workers), 1):
            progress(done / count, f"{done} of {count} CTs in {folder}")
    return [_path(folder, number) for number in numbers]


def write_case(seed: int, number: int, folder: Path, options: CtOptions) -> Path:
    """Make one case of a set and write its files; the JSON comes last, so what has one is whole."""
    case = make_case(case_seed(seed, number), options)
    path = _path(folder, number)
    stem = path.name.removesuffix(".nii.gz")
    write_scan(path, case.voxels, case.affine)
    for kind, volume in (("labels", case.labels), ("parts", case.parts), ("fractures", case.fractured)):
        write_scan(folder / f"{stem}_{kind}.nii.gz", volume, case.affine)
    with safe_output(folder / f"{stem}.json") as temporary:
        temporary.write_text(json.dumps(case.truth, indent=1) + "\n", encoding="utf-8")
    return path


def _path(folder: Path, number: int) -> Path:
    return folder / f"ct_{number:04d}.nii.gz"


def _in_parallel(write: partial[Path], numbers: range, workers: int) -> Iterable[Path]:
    # A forked process would inherit the threads of numerical libraries in an undefined state.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(numbers)), context) as pool:
        waiting = [pool.submit(write, number) for number in numbers]
        try:
            for finished in as_completed(waiting):
                yield finished.result()
        finally:
            pool.shutdown(cancel_futures=True)
