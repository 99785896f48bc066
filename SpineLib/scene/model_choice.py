# SPDX-License-Identifier: Apache-2.0
"""What the panels offer to choose from: views, models and devices, in words. Loads no network."""

from typing import Any, NamedTuple

from SpineLib.models import catalogue
from SpineLib.scene.volume_from_node import is_scan

AUTO = "auto"
VIEW_LABELS = {AUTO: "Automatic", "ap": "Frontal (AP or PA)", "lateral": "Lateral", "ct": "CT"}
DEVICE_LABELS = {AUTO: "Automatic", "cpu": "Processor (CPU)", "cuda": "NVIDIA graphics card (CUDA)"}


class Choice(NamedTuple):
    """One line of a combo box: its value and its text."""

    value: str
    text: str


def views() -> list[Choice]:
    """Automatic, and every view that some model knows."""
    tasks = {AUTO, *(entry.task for entry in catalogue.entries())}
    return [Choice(task, label) for task, label in VIEW_LABELS.items() if task in tasks]


def devices() -> list[Choice]:
    """Where the work can be done."""
    return [Choice(device, label) for device, label in DEVICE_LABELS.items()]


def task_for(view: str, volumeNode: Any) -> str:
    """The task whose models to offer: that of the view, and under "auto" the one that the volume calls for."""
    if view != AUTO:
        return view
    return "ct" if volumeNode is not None and is_scan(volumeNode) else "ap"


def models(task: str) -> list[Choice]:
    """The models for a task, shipped ones first."""
    found = catalogue.entries(task)
    return [Choice(entry.id, f"{entry.title} {entry.version}") for entry in found]


def describe(model_id: str) -> str:
    """License and expected time of a model, one line. Raises ModelError for an unknown one."""
    entry = catalogue.find(model_id)
    more = "point here for its sources" if entry.license_note else ""
    return " · ".join(part for part in (f"License: {entry.license}", _time(entry.expected_seconds), more) if part)


def sources(model_id: str) -> str:
    """What a model was built on and who is to be named, "" where nobody is. Raises ModelError for an unknown one."""
    return catalogue.find(model_id).license_note


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
