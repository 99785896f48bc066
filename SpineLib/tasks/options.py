# SPDX-License-Identifier: Apache-2.0
"""What a user may choose about a run."""

from dataclasses import dataclass, fields
from typing import Any

from SpineLib.core.errors import InputError

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")


@dataclass(frozen=True)
class SegmentOptions:
    """Options of every task.

    model: id of a model in the catalogue or path of a bundle; None takes the task's own.
    device: "auto" takes CUDA where it works, else the CPU. precision: "auto" takes what is fastest there.
    sliding_window: run the network in overlapping windows over the found column instead of on the whole of it at once.
    vertebrae: path of a segmentation whose vertebrae are taken instead of finding them (the task "fracture" only).
    """

    model: str | None = None
    device: str = "auto"
    precision: str = "auto"
    sliding_window: bool = False
    vertebrae: str | None = None

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "SegmentOptions":
        """Options from plain data, validated. Raises InputError for a name that does not exist."""
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise InputError(f'There is no option called "{name}".', f"Known options: {', '.join(known)}.")
        options = cls(**values)
        options.validate()
        return options

    def validate(self) -> None:
        """Raise InputError that says which value is wrong and what is allowed."""
        _must_be_one_of("device", self.device, DEVICES)
        _must_be_one_of("precision", self.precision, PRECISIONS)
        if not isinstance(self.sliding_window, bool):
            raise InputError(f"sliding_window is {self.sliding_window!r}.", "It must be true or false.")
        if self.model is not None and (not isinstance(self.model, str) or not self.model.strip()):
            raise InputError(f"model is {self.model!r}.", "Give a model's id, or leave it out for the default model.")
        if self.vertebrae is not None and (not isinstance(self.vertebrae, str) or not self.vertebrae.strip()):
            raise InputError(f"vertebrae is {self.vertebrae!r}.", "Give the path of a segmentation, or leave it out.")


def _must_be_one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(f"{name} is {value!r}.", f"Allowed: {', '.join(allowed)}.")
