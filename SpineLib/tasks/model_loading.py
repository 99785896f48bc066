# SPDX-License-Identifier: Apache-2.0
"""The model that the options ask for, loaded once and kept for a worker's next request."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from SpineLib.core.errors import ModelError

if TYPE_CHECKING:
    from SpineLib.models.loader import Bundle


def load_for(task: str, model: str | None) -> "Bundle":
    """The bundle of that id or path, of the task's own where it is None. Raises ModelError.

    An unknown or altered model is told before torch is imported.
    """
    name, folder = _wanted(task, model)
    bundle = _load(name, _state_of(folder))
    _check_task(bundle.id, bundle.metadata.get("task", task), task)
    return bundle


def _wanted(task: str, model: str | None) -> tuple[str, Path]:
    """Id or path of the model to load, and its folder."""
    from SpineLib.models import catalogue

    if model is None:
        known = catalogue.entries(task)
        if not known:
            raise ModelError(f'No model for the task "{task}" is installed.', "Import one: spine models import FILE.")
        return known[0].id, known[0].folder
    if len(Path(model).parts) > 1:
        return model, Path(model)
    entry = catalogue.find(model)
    _check_task(model, entry.task, task)
    return model, entry.folder


def _check_task(model: str, known: str, wanted: str) -> None:
    if known != wanted:
        raise ModelError(f'The model {model} is for the task "{known}", not for "{wanted}".', "Choose another one.")


def _state_of(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Differs as soon as a file of the folder was replaced or altered."""
    states = ((path, path.stat()) for path in sorted(folder.rglob("*")))
    return tuple((str(path), state.st_size, state.st_mtime_ns) for path, state in states)


@lru_cache(maxsize=4)
def _load(model: str, state: tuple[tuple[str, int, int], ...]) -> "Bundle":
    """Keep the last models loaded as long as their files stay as they are."""
    from SpineLib.models.loader import load

    return load(model)
