# SPDX-License-Identifier: Apache-2.0
"""The course of a training on scans as a picture."""

import json
from pathlib import Path


def draw_curves(curves: Path, picture: Path) -> None:
    """Draw the loss and the validation scores of a `curves.jsonl` over the steps."""
    from matplotlib.figure import Figure

    notes = [json.loads(line) for line in curves.read_text(encoding="utf-8").splitlines()]
    steps = [note["step"] for note in notes]
    figure = Figure(figsize=(7, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(steps, [note["loss"] for note in notes], color="tab:blue")
    left.set(xlabel="step", ylabel="training loss", ylim=(0, None))
    for name in notes[-1]:
        if name not in ("step", "loss", "validation_loss", "seconds"):
            right.plot(steps, [note.get(name) for note in notes], marker=".", label=name.replace("_", " "))
    right.set(xlabel="step", ylabel="score on validation patches", ylim=(None, 1))
    right.legend(fontsize="x-small")
    for axis in (left, right):
        axis.grid(alpha=0.3)
    figure.savefig(picture, dpi=110)
