# SPDX-License-Identifier: Apache-2.0
"""Seconds per step of a recipe, and the announcement of each."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from SpineLib.core.progress import Progress


class Stopwatch:
    """Announces each step through `progress`, which may raise Cancelled there, and keeps its `seconds` by name."""

    def __init__(self, progress: Progress) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress

    @contextmanager
    def step(self, name: str, fraction: float, message: str) -> Iterator[None]:
        self._progress(fraction, message)
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 3)
