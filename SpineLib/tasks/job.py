# SPDX-License-Identifier: Apache-2.0
"""One image -> its result files: what the shell, the worker and the batch all do.

Either all files of an image appear or none: they are written into a folder of their own beside their place and then
renamed.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from SpineLib import tasks
from SpineLib.core.errors import InputError, ResourceError, SpineError
from SpineLib.core.film import Film, film_of
from SpineLib.core.progress import Progress, part_of, silent
from SpineLib.core.result import SpineResult
from SpineLib.core.volume import MODALITIES, Volume
from SpineLib.tasks.options import SegmentOptions

MIN_FREE_BYTES = 1_000_000


@dataclass(frozen=True)
class Job:
    """An image, what to do with it, and where `name`.seg.nrrd, `name`.json and, with `overlay`, `name`.png go;
    with `report`, `name`.html, too.

    image: a file, or the folder of one DICOM scan. view, modality, spacing_known: where not None, they overrule
    what the file says.
    """

    image: Path
    output: Path
    name: str
    task: str = tasks.AUTO
    options: SegmentOptions = field(default_factory=SegmentOptions)
    overlay: bool = False
    report: bool = False
    view: str | None = None
    modality: str | None = None
    spacing_known: bool | None = None

    @property
    def files(self) -> dict[str, Path]:
        """Where the result goes: "segmentation", "json" and, where asked for, "overlay"."""
        endings = {"segmentation": ".seg.nrrd", "json": ".json"}
        if self.overlay:
            endings["overlay"] = ".png"
        if self.report:
            endings["report"] = ".html"
        return {kind: self.output / f"{self.name}{ending}" for kind, ending in endings.items()}


def do(job: Job, progress: Progress = silent) -> SpineResult:
    """Read, run the task, write. Raises a SpineError, and then nothing was written."""
    with understandable_errors():
        check(job)
        progress(0.0, "Reading the image")
        volume = _read(job)
        with output_folder(job.output):
            _check_space(job, volume)
            result = tasks.run(job.task, volume, job.options, part_of(progress, 0.02, 0.95))
            progress(0.95, "Writing the result")
            write(job, volume, result, progress)
    progress(1.0, "Done")
    return result


def check(job: Job) -> None:
    """All that can be told before any work: options, task, and that no result would replace an image."""
    job.options.validate()
    if job.modality not in (None, *MODALITIES):
        raise InputError(f"The modality {job.modality!r} is not known.", f"Use one of: {', '.join(MODALITIES)}.")
    tasks.check_name(job.task)
    if Path(job.name).name != job.name or job.name in ("", ".", ".."):
        raise InputError(f"{job.name!r} is not a name for a result.", "Give a plain file name without a folder.")
    check_originals_stay([job])
    if job.options.vertebrae is not None:
        from SpineLib.io.labeled_spine import check_file

        check_file(Path(job.options.vertebrae))
    for path in job.files.values():
        if path.is_dir():
            raise InputError(f"{path.name} in the output folder is a folder.", "Choose another output folder.")


def check_originals_stay(jobs: Sequence[Job]) -> None:
    """Raise InputError where a result would replace an image or a segmentation that is to be read."""
    images = {_identity(job.image) for job in jobs} - {None}
    given = {_identity(Path(job.options.vertebrae)) for job in jobs if job.options.vertebrae} - {None}
    for job in jobs:
        for path in job.files.values():
            for originals, what in ((images, "image itself"), (given, "given vertebrae")):
                if _identity(path) in originals:
                    raise InputError(
                        f"The result {path.name} would replace the {what}.", "Choose another output folder."
                    )


def _identity(path: Path) -> tuple[int, int] | None:
    """The file itself, under whatever name (links, and disks that do not tell capital letters from small ones)."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


@contextmanager
def understandable_errors() -> Iterator[None]:
    """Turn what the machine may lack into a ResourceError."""
    try:
        yield
    except SpineError:
        raise
    except ImportError as error:
        raise ResourceError(
            f'The Python package "{error.name}" is missing or does not work.', "Install it with pip, then try again."
        ) from error
    except MemoryError as error:
        raise _too_little_memory() from error
    except RuntimeError as error:
        from SpineLib.io.itk import lacks_memory

        if not lacks_memory(error):
            raise
        raise _too_little_memory() from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ResourceError(f"The system refused: {reason}.", "Check the disk and the folder's permissions.") from error


def _too_little_memory() -> ResourceError:
    return ResourceError("The memory does not suffice for this image.", "Close other programs or scale the image down.")


def _read(job: Job) -> Volume:
    from SpineLib import io

    volume = io.read(job.image, job.view)
    modality = volume.modality if job.modality is None else job.modality
    spacing_known = volume.spacing_known if job.spacing_known is None else job.spacing_known
    return replace(volume, modality=modality, spacing_known=spacing_known)


@contextmanager
def output_folder(folder: Path) -> Iterator[None]:
    """Make the folder and prove that it can be written to; take away again what was made when the work fails."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        _make_writable(folder)
        yield
    except BaseException:
        _remove_if_empty(missing)
        raise


def _make_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except FileExistsError as error:
        raise InputError(f"The output {folder} is not a folder.", "Choose a folder.") from error
    except OSError as error:
        raise ResourceError(
            f"The output folder {folder} cannot be written to ({error.strerror}).", "Choose another folder."
        ) from error


def _remove_if_empty(folders: list[Path]) -> None:
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _check_space(job: Job, volume: Volume) -> None:
    needed = MIN_FREE_BYTES + (3 * volume.voxels.size if job.overlay and volume.is_film else 0)
    if shutil.disk_usage(job.output).free < needed:
        raise ResourceError("The disk of the output folder is full.", f"Free at least {needed / 1e6:.0f} MB there.")


def write(job: Job, volume: Volume, result: SpineResult, progress: Progress = silent) -> None:
    """Put the files of a result in their place: all of them, or none. Raises ResourceError."""
    from SpineLib import io

    film = film_of(volume) if volume.is_film else None
    with _staging(job.output) as staging:
        written = {kind: staging / path.name for kind, path in job.files.items()}
        io.write_segmentation(result, written["segmentation"])
        io.write_json(result, written["json"], film)
        if job.overlay:
            _draw(volume, film, result, written["overlay"])
        if job.report:
            from SpineLib.reporting.scan_report import write_report

            write_report(result, written["report"], job.name)
        progress(0.99, "Writing the result")
        for kind, path in job.files.items():
            written[kind].replace(path)


def _draw(volume: Volume, film: Film | None, result: SpineResult, path: Path) -> None:
    from SpineLib.reporting.overlay import write_overlay
    from SpineLib.reporting.scan_overlay import write_scan_overlay

    if film is None:
        write_scan_overlay(volume, result, path)
    else:
        write_overlay(film.pixels, result, path)


@contextmanager
def _staging(output: Path) -> Iterator[Path]:
    """A folder inside the output folder, gone at the end; errors speak of the output folder instead."""
    # Another job of a batch may have failed meanwhile and taken the folder away while it was still empty.
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".spine-", dir=output) as folder:
        try:
            yield Path(folder)
        except ResourceError as error:
            told = [text.replace(folder, str(output)) for text in (error.sentence, error.hint)]
            raise ResourceError(*told) from error
