# SPDX-License-Identifier: Apache-2.0
"""What the panel offers to choose from: views and models, in words, from the catalogue. Loads no network."""

from typing import Any, NamedTuple

from SpineLib.models import catalogue

AUTO = "auto"
VIEW_LABELS = {AUTO: "Automatic", "ap": "Frontal (AP or PA)", "lateral": "Lateral"}


class Choice(NamedTuple):
    """One line of a combo box: its value and its text."""

    value: str
    text: str


def views() -> list[Choice]:
    """Automatic, and every task that some model can do."""
    tasks = sorted({entry.task for entry in catalogue.entries()})
    return [Choice(task, VIEW_LABELS.get(task, task)) for task in (AUTO, *tasks)]


def models(task: str) -> list[Choice]:
    """The models for a task ("auto": for any), shipped ones first."""
    found = catalogue.entries(None if task == AUTO else task)
    return [Choice(entry.id, f"{entry.title} {entry.version}") for entry in found]


def describe(model_id: str) -> str:
    """License and expected time of a model, one line. Raises ModelError for an unknown one."""
    entry = catalogue.find(model_id)
    parts = [f"License: {entry.license}", _time(entry.expected_seconds)]
    return " · ".join(part for part in parts if part) + (f"\n{entry.license_note}" if entry.license_note else "")


def fill(combo: Any, choices: list[Choice], value: str | None) -> None:
    """Let a combo box offer `choices`; the one of `value` is chosen, else the first."""
    combo.clear()
    for choice in choices:
        combo.addItem(choice.text, choice.value)
    combo.setCurrentIndex(max(combo.findData(value), 0) if choices else -1)


def _time(seconds: dict[str, float]) -> str:
    labels = {"cpu": "CPU", "cuda": "GPU"}
    told = [
        f"about {_rounded(seconds[device])} on the {label}" for device, label in labels.items() if device in seconds
    ]
    return ", ".join(told)


def _rounded(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(seconds, 1):.0f} s"
