# SPDX-License-Identifier: Apache-2.0
"""A whole folder of images: each goes to one of N warm workers, and a table says how each came out.

Every worker is a process of its own (`python -m SpineLib.worker`), so an image that brings one down costs that image
only.
"""

import json
import os
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from SpineLib import tasks
from SpineLib.core.errors import InputError, SpineError
from SpineLib.core.progress import Progress, silent
from SpineLib.io.dicom_series import holds_scan, is_dicom
from SpineLib.io.digest import digest_of
from SpineLib.reporting.batch_summary import SUMMARY, Row, numbers_of, vertebrae_of, write_summary
from SpineLib.tasks.job import Job, check, check_originals_stay, output_folder
from SpineLib.tasks.names import EXTENSIONS, output_names

LIBRARY_FOLDER = Path(__file__).resolve().parents[1]
DICOM_MARK = b"DICM"
DICOM_MARK_OFFSET = 128
PATIENCE_SECONDS = 10.0


def run_folder(
    folder: Path,
    output: Path,
    template: Job,
    workers: int = 1,
    resume: bool = False,
    progress: Progress = silent,
    interpreter: str = sys.executable,
) -> list[Row]:
    """Segment all images of a folder and its subfolders; `output` mirrors them and receives `summary.csv`.

    template: the job that lends every image its task, options, overlay and view. resume: leave alone what was made
    from the same file with the same options. A bad image is told in its row and does not stop the rest. Raises
    InputError where there is nothing to do, Cancelled where `progress` does; results finished until then stay.
    """
    if workers < 1:
        raise InputError(f"{workers} workers cannot do anything.", "Give at least 1.")
    jobs = list_jobs(folder, output, template)
    rows: dict[Path, Row] = {}
    with output_folder(output):
        try:
            for job in jobs if resume else ():
                if (row := _row_of_earlier_result(job, folder)) is not None:
                    rows[job.image] = row
            _work_off([job for job in jobs if job.image not in rows], folder, rows, workers, progress, interpreter)
        finally:
            finished = [rows[job.image] for job in jobs if job.image in rows]
            if finished:
                write_summary(output / SUMMARY, finished)
    return finished


def list_jobs(folder: Path, output: Path, template: Job) -> list[Job]:
    """One job for each image under `folder`, in alphabetical order. Raises InputError where there is none.

    The slices of a DICOM scan in a folder of their own are one image: the folder, whose result lies where the folder
    would.
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}.", "Give the folder that holds the images.")
    if output.resolve() == folder.resolve():
        raise InputError("The results would go among the images.", "Choose another output folder.")
    jobs = []
    for parent, images in _images_by_folder(folder, output).items():
        place = output / parent.relative_to(folder)
        for image, name in zip(images, output_names(images), strict=True):
            jobs.append(replace(template, image=image, output=place, name=name))
    if not jobs:
        raise InputError(f"There is no image in {folder}.", f"Known kinds: DICOM, {', '.join(EXTENSIONS)}.")
    check_originals_stay(jobs)
    check(jobs[0])
    return jobs


def _images_by_folder(folder: Path, output: Path) -> dict[Path, list[Path]]:
    found = defaultdict(list)
    for parent, folders, files in os.walk(folder, onerror=_unreadable):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (Path(parent) / name).resolve() != output.resolve()
        )
        here = Path(parent)
        images = [here / name for name in sorted(files) if _is_image(here / name)]
        if slices := _slices_of_a_scan(images):
            found[folder if here == folder else here.parent].append(here)
        found[here] += [image for image in images if image not in slices]
    return found


def _slices_of_a_scan(images: Sequence[Path]) -> set[Path]:
    """The DICOM files among the images of a folder where they are a CT or MR scan, else none."""
    try:
        files = [image for image in images if is_dicom(image)]
    except OSError:
        return set()
    return set(files) if holds_scan(files) else set()


def _unreadable(error: OSError) -> None:
    raise InputError(
        f"The folder {error.filename} cannot be read: {error.strerror}.", "Check that you may read it."
    ) from error


def _is_image(path: Path) -> bool:
    """By the name, or by the mark of a DICOM file, which often has no telling name."""
    name = path.name.lower()
    if name.startswith(".") or name.endswith(".seg.nrrd") or not path.is_file():
        return False
    if name.endswith((*EXTENSIONS, ".nii.gz")):
        return True
    try:
        with path.open("rb") as stream:
            return stream.read(DICOM_MARK_OFFSET + len(DICOM_MARK))[DICOM_MARK_OFFSET:] == DICOM_MARK
    except OSError:
        return False


def _work_off(
    jobs: Sequence[Job], folder: Path, rows: dict[Path, Row], workers: int, progress: Progress, interpreter: str
) -> None:
    """Add one row to `rows` for each job, in whatever order they are finished."""
    total = len(rows) + len(jobs)
    crew = _Crew(interpreter, workers)
    with ThreadPoolExecutor(workers) as pool:
        futures = {pool.submit(crew.segment, job): job for job in jobs}
        try:
            for future in as_completed(futures):
                job = futures[future]
                rows[job.image] = row = _row(job, folder, future.result())
                progress(len(rows) / total, f"{row.image}: {row.status}")
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            crew.dismiss()


@dataclass
class _Crew:
    """Worker processes, one for each thread that asks, replaced when one dies."""

    interpreter: str
    size: int
    _mine: threading.local = field(default_factory=threading.local)
    _all: list["subprocess.Popen[str]"] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _dismissed: bool = False

    def segment(self, job: Job) -> dict[str, Any]:
        """The worker's last word on a job: its result or error event."""
        worker = getattr(self._mine, "worker", None)
        if worker is None or worker.poll() is not None:
            worker = self._mine.worker = self._hire()
        try:
            worker.stdin.write(json.dumps(_request(job)) + "\n")
            worker.stdin.flush()
        except (OSError, ValueError):
            pass  # it has ended or been dismissed, and so have its events, which tells below
        crash = ""
        for line in worker.stdout:
            event = json.loads(line)
            if event["event"] == "log":
                crash = event["message"]
            if event["event"] in ("result", "error"):
                return {**event, "log": crash}
        return {
            "event": "error",
            "sentence": f"The worker process ended unexpectedly (exit code {worker.wait()}).",
            "hint": "The memory may not suffice: try fewer workers.",
        }

    def dismiss(self) -> None:
        """End all processes; those at work are given the time to clean up."""
        with self._lock:
            self._dismissed = True
            for worker in self._all:
                with suppress(OSError):
                    worker.stdin.close()
            for worker in self._all:
                try:
                    worker.wait(PATIENCE_SECONDS)
                except subprocess.TimeoutExpired:
                    worker.kill()
                    worker.wait()

    def _hire(self) -> "subprocess.Popen[str]":
        search = os.pathsep.join(part for part in (str(LIBRARY_FOLDER), os.environ.get("PYTHONPATH", "")) if part)
        threads = str(max(1, (os.cpu_count() or 1) // self.size))
        with self._lock:
            if self._dismissed:
                raise SpineError("The work has ended.")
            worker = subprocess.Popen(
                [self.interpreter, "-m", "SpineLib.worker", "--watch-parent"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                # An interrupt from the keyboard is for this process, which then dismisses its workers in good order.
                start_new_session=True,
                env={"OMP_NUM_THREADS": threads, **os.environ, "PYTHONPATH": search},
            )
            self._all.append(worker)
        return worker


def _request(job: Job) -> dict[str, Any]:
    return {
        "id": 1,
        "command": "segment",
        "image": str(job.image),
        "output": str(job.output),
        "name": job.name,
        "task": job.task,
        "options": asdict(job.options),
        "overlay": job.overlay,
        "report": job.report,
        "view": job.view,
        "spacing_known": job.spacing_known,
    }


def _row(job: Job, folder: Path, event: dict[str, Any]) -> Row:
    image = _shown_name(job, folder)
    if event["event"] == "error":
        return Row(image, "failed", " ".join(filter(None, (event["sentence"], event["hint"], event.get("log")))))
    told = event["summary"]
    status = "done" if told["found"] else "empty"
    numbers = numbers_of(told["seconds"], told["measurements"])
    return Row(image, status, " ".join(event["warnings"]), **numbers, **vertebrae_of(told["vertebrae"]))


def _shown_name(job: Job, folder: Path) -> str:
    """The image's place in the folder; letters that are not UTF-8 become question marks."""
    place = job.name if job.image == folder else job.image.relative_to(folder).as_posix()
    return place.encode("utf-8", "replace").decode("utf-8")


def _row_of_earlier_result(job: Job, folder: Path) -> Row | None:
    """The row of a result that need not be made again: all files there, from the same image and options."""
    if not all(path.is_file() for path in job.files.values()):
        return None
    try:
        earlier = json.loads(job.files["json"].read_text(encoding="utf-8"))
        origin, options = earlier["provenance"]["input"], earlier["provenance"]["options"]
        wanted = tasks.CHOSEN_BY_ITSELF if job.task == tasks.AUTO else (job.task,)
        same_work = earlier["task"] in wanted and job.view in (None, origin["view"])
        same = same_work and digest_of(job.image) == origin["sha256"] and options == asdict(job.options)
        numbers = numbers_of(earlier["provenance"]["seconds"], earlier["measurements"])
        vertebrae = vertebrae_of(earlier["vertebrae"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    image = _shown_name(job, folder)
    return Row(image, "kept", " ".join(earlier["warnings"]), **numbers, **vertebrae) if same else None
