# SPDX-License-Identifier: Apache-2.0
"""Seconds per step of a recipe, and the announcement of each."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from SpineLib.core.progress import Progress, part_of


class Stopwatch:
    """Announces each step through `progress`, which may raise Cancelled there, and keeps its `seconds` by name."""

    def __init__(self, progress: Progress, seconds: dict[str, float] | None = None) -> None:
        self.progress = progress
        self.seconds = {} if seconds is None else seconds

    def within(self, start: float, end: float) -> "Stopwatch":
        """For a part of the recipe: its fractions 0..1 are start..end of the whole, the seconds are kept here."""
        return Stopwatch(part_of(self.progress, start, end), self.seconds)

    @contextmanager
    def step(self, name: str, fraction: float, message: str) -> Iterator[None]:
        self.progress(fraction, message)
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 3)
