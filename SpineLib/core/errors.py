# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, in words for the user.

Every error carries one sentence that says what was wrong and a hint that says what to do. The shell prints both on
one line and exits with `exit_code`; the panel shows them in one message; the Python console gets the exception.
"""


class SpineError(Exception):
    """Base of all errors meant for the user. `sentence` says what was wrong, `hint` what to do."""

    exit_code = 1

    def __init__(self, sentence: str, hint: str = "") -> None:
        self.sentence = sentence
        self.hint = hint
        super().__init__(f"{sentence} {hint}".strip())


class InputError(SpineError):
    """The image, the folder or an option cannot be used."""

    exit_code = 2


class ModelError(SpineError):
    """The model is unknown, missing, altered or does not fit the task."""

    exit_code = 3


class ResourceError(SpineError):
    """The machine lacks something: memory, disk, device, write permission, a package."""

    exit_code = 4


class Cancelled(SpineError):
    """The user stopped the work; nothing was written."""

    exit_code = 5

    def __init__(self, sentence: str = "The work was cancelled.", hint: str = "Nothing was written.") -> None:
        super().__init__(sentence, hint)


ERRORS_BY_EXIT_CODE = {kind.exit_code: kind for kind in (InputError, ModelError, ResourceError, Cancelled)}
