# SPDX-License-Identifier: Apache-2.0
"""A model looking at a film: from pixels, or a window of them, to probabilities at the film's own resolution."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from SpineLib.core.errors import ModelError
from SpineLib.core.progress import Progress
from SpineLib.tasks.column import Column
from SpineLib.tasks.model_loading import load_for
from SpineLib.tasks.options import SegmentOptions

if TYPE_CHECKING:
    from SpineLib.inference.device import Device
    from SpineLib.inference.film_input import FilmInput
    from SpineLib.models.loader import Bundle

Box = tuple[int, int, int, int]
"""(top, left, bottom, right), the last two outside."""

WORTH_A_SECOND_LOOK = 0.7
"""The column is looked at again when its window is shorter than this share of what was seen. Our choice."""
MARGIN = 0.08
"""Added above and below the column, as a share of its height; what the first look missed there is found again."""
MIN_ASPECT = 0.45
"""Least width of the window as a share of its height: the networks learned from films, not from strips."""
WINDOW_OVERLAP = 0.25


@dataclass
class Looker:
    """A loaded model on a device. threshold: from which probability on a pixel is inside. mirrors: whether the answer
    is the mean of those for the film and for its mirror image.

    device: where it runs; another one once the one asked for has failed, which `warnings` then tell.
    """

    bundle: "Bundle"
    device: "Device"
    film_input: "FilmInput"
    threshold: float
    looks_twice: bool
    sliding_window: bool
    mirrors: bool = False
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def for_task(cls, task: str, options: SegmentOptions) -> "Looker":
        """The model and device that the options ask for. Raises ModelError and ResourceError."""
        bundle = load_for(task, options.model)
        # Only now, because it imports torch: an unknown or altered model is told at once.
        from SpineLib.inference.device import select

        metadata = bundle.metadata
        return cls(
            bundle=bundle,
            device=select(options.device, options.precision),
            film_input=_film_input(metadata),
            threshold=float(metadata.get("threshold", 0.5)),
            looks_twice=bool(metadata.get("two_pass", False)) or options.sliding_window,
            sliding_window=options.sliding_window,
            mirrors=bool(metadata.get("mirrored", False)),
        )

    def look(self, pixels: np.ndarray, box: Box, progress: Progress) -> np.ndarray:
        """Probabilities `(rows, columns)`, float32, of a film; 0 outside the box."""
        import torch

        from SpineLib.inference import whole_image
        from SpineLib.inference.film_input import prepare

        tensor, placement = prepare(pixels, self.film_input, box)
        views = torch.cat([tensor, tensor.flip(3)]) if self.mirrors else tensor
        answer = whole_image.predict(self.bundle.network, views, self.device, progress, self._change)[:, 0]
        return placement.restore((answer[0] + answer[1].flip(1)) / 2 if self.mirrors else answer[0])

    def look_closer(self, pixels: np.ndarray, box: Box, progress: Progress) -> np.ndarray:
        """As `look`, with windows of the network's size at twice its resolution where the options ask for them."""
        if not self.sliding_window:
            return self.look(pixels, box, progress)
        from SpineLib.inference import sliding_window
        from SpineLib.inference.film_input import prepare

        rows, columns = box[2] - box[0], box[3] - box[1]
        window = self.film_input.scaled_shape(rows, columns)
        doubled = replace(
            self.film_input,
            long_side=2 * self.film_input.long_side,
            size=(2 * self.film_input.size[0], 2 * self.film_input.size[1]),
        )
        tensor, placement = prepare(pixels, doubled, box)
        answer = sliding_window.predict(
            self.bundle.network, tensor, window, WINDOW_OVERLAP, self.device, progress, self._change
        )
        return placement.restore(answer[0, 0])

    def _change(self, device: "Device", sentence: str) -> None:
        """Stay with what works: a second look need not fail first."""
        self.device = device
        self.warnings.append(sentence)


def whole_view(pixels: np.ndarray) -> Box:
    """The film without its blank borders."""
    from SpineLib.inference.film_input import content_box

    return content_box(pixels)


def closer_view(column: Column, seen: Box, always: bool) -> Box | None:
    """A window around the column, within what was seen; None where it would bring little and is not asked for."""
    top, left, bottom, right = column.box
    margin = MARGIN * (bottom - top) + (right - left) * MARGIN
    height = bottom - top + 2 * margin
    spare = max(margin, (MIN_ASPECT * height - (right - left)) / 2)
    window = (
        max(seen[0], round(top - margin)),
        max(seen[1], round(left - spare)),
        min(seen[2], round(bottom + margin)),
        min(seen[3], round(right + spare)),
    )
    longest = [max(box[2] - box[0], box[3] - box[1]) for box in (window, seen)]
    return window if always or longest[0] < WORTH_A_SECOND_LOOK * longest[1] else None


def _film_input(metadata: dict[str, Any]) -> "FilmInput":
    from SpineLib.inference.film_input import FilmInput

    try:
        wanted = dict(metadata["input"])
        if "size" in wanted:
            wanted["size"] = tuple(wanted["size"])
        return FilmInput(**wanted)
    except (TypeError, KeyError) as error:
        raise ModelError(
            f"The model {metadata['id']} does not say how it wants its films.", "Get the model again."
        ) from error
