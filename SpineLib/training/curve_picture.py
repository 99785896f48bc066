# SPDX-License-Identifier: Apache-2.0
"""The course of a training as a picture."""

import json
from itertools import pairwise
from pathlib import Path


def draw_curves(curves: Path, picture: Path) -> None:
    """Draw the loss and the validation Dice of a `curves.jsonl` over the epochs of all stages."""
    from matplotlib.figure import Figure

    notes = [json.loads(line) for line in curves.read_text(encoding="utf-8").splitlines()]
    epochs = [note for note in notes if "loss" in note]
    figure = Figure(figsize=(7, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(range(1, len(epochs) + 1), [note["loss"] for note in epochs], color="tab:blue")
    left.set(xlabel="epoch", ylabel="training loss", ylim=(0, None))
    scored = [(place, note["dice"]) for place, note in enumerate(epochs, start=1) if "dice" in note]
    if scored:
        right.plot(*zip(*scored, strict=True), marker=".", color="tab:green")
    right.set(xlabel="epoch", ylabel="validation Dice (network's resolution)", ylim=(None, 1))
    for axis in (left, right):
        axis.grid(alpha=0.3)
        for place, (before, after) in enumerate(pairwise(epochs), start=1):
            if before["stage"] != after["stage"]:
                axis.axvline(place + 0.5, color="gray", linestyle="--", linewidth=0.8)
    figure.savefig(picture, dpi=110)
