# SPDX-License-Identifier: Apache-2.0
"""The course of a training as a picture, on films and on scans."""

import io
import json
from itertools import pairwise
from pathlib import Path

COLORS = 32
"""A picture of few colors takes a quarter of the room, and every model brings one."""
NO_SCORES = ("step", "stage", "epoch", "loss", "validation_loss", "seconds")


def draw_curves(curves: Path, picture: Path) -> None:
    """Draw the loss and the validation scores of a `curves.jsonl` over its steps, or over the epochs of all stages."""
    from matplotlib.figure import Figure
    from PIL import Image

    lines = [json.loads(line) for line in curves.read_text(encoding="utf-8").splitlines()]
    notes = [note for note in lines if "loss" in note]
    unit = "step" if "step" in notes[0] else "epoch"
    places = [note.get("step", number) for number, note in enumerate(notes, start=1)]
    figure = Figure(figsize=(7, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(places, [note["loss"] for note in notes], color="tab:blue")
    left.set(xlabel=unit, ylabel="training loss", ylim=(0, None))
    for name in dict.fromkeys(name for note in notes for name in note if name not in NO_SCORES):
        scored = [(place, note[name]) for place, note in zip(places, notes, strict=True) if name in note]
        right.plot(*zip(*scored, strict=True), marker=".", label=name.replace("_", " "))
    right.set(xlabel=unit, ylabel="validation score", ylim=(None, 1))
    if right.lines:
        right.legend(fontsize="x-small")
    stages = [note.get("stage") for note in notes]
    for axis in (left, right):
        axis.grid(alpha=0.3)
        for place, (before, after) in enumerate(pairwise(stages), start=1):
            if before != after:
                axis.axvline(place + 0.5, color="gray", linestyle="--", linewidth=0.8)
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=110)
    Image.open(drawn).convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(picture, "PNG", optimize=True)
