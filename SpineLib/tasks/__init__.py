# SPDX-License-Identifier: Apache-2.0
"""The recipes, one file a job, and their table. A new job is one file and one line here."""

from SpineLib.core.errors import InputError
from SpineLib.core.progress import Progress, forward_only, silent
from SpineLib.core.result import SpineResult
from SpineLib.core.volume import Volume
from SpineLib.tasks import ap_radiograph, ct_fracture, ct_spine
from SpineLib.tasks.options import SegmentOptions

TASKS = {
    # name: recipe (volume, options, progress) -> SpineResult
    ap_radiograph.NAME: ap_radiograph.segment,
    ct_spine.NAME: ct_spine.segment,
    ct_fracture.NAME: ct_fracture.segment,
}
AUTO = "auto"
CHOSEN_BY_ITSELF = (ap_radiograph.NAME, ct_spine.NAME)
"""What "auto" may choose."""


def choose(volume: Volume, asked: str = AUTO) -> str:
    """The task for an image: the one asked for, or under "auto" the one its view calls for.

    A scan is taken for a CT, a film whose header does not name its view for a frontal one. Raises InputError where no
    task fits.
    """
    if asked != AUTO:
        check_name(asked)
        return asked
    if not volume.is_film:
        return ct_spine.NAME
    if volume.modality != "radiograph":
        raise InputError(
            "The image is a single slice of a scan.", "Choose the whole scan, or a radiograph with a single image."
        )
    if volume.view == "lateral":
        raise InputError(
            "The film is a lateral view; only frontal (AP or PA) films can be segmented so far.",
            'If the file names its view wrongly, ask for the task "ap" instead of "auto".',
        )
    return ap_radiograph.NAME


def run(task: str, volume: Volume, options: SegmentOptions | None = None, progress: Progress = silent) -> SpineResult:
    """Do a task ("auto", "ap", "ct", "fracture") on an image. Raises a SpineError; the image is never changed."""
    options = options or SegmentOptions()
    options.validate()
    chosen = choose(volume, task)
    if options.vertebrae is not None and chosen != ct_fracture.NAME:
        raise InputError(
            f'The task "{chosen}" takes no given vertebrae.',
            f'Leave them out, or choose the task "{ct_fracture.NAME}".',
        )
    return TASKS[chosen](volume, options, forward_only(progress))


def check_name(task: str) -> None:
    """Raise InputError unless there is such a task."""
    if task != AUTO and task not in TASKS:
        raise InputError(f'There is no task called "{task}".', f"Known tasks: {AUTO}, {', '.join(TASKS)}.")
