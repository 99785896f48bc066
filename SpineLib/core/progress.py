# SPDX-License-Identifier: Apache-2.0
"""How long work tells where it stands: `progress(fraction, message)`, fraction in 0..1.

Whoever listens may raise `Cancelled` from inside the call; the work then stops there and leaves nothing behind.
"""

from collections.abc import Callable

Progress = Callable[[float, str], None]


def silent(fraction: float, message: str) -> None:
    """Listen to nothing."""


def part_of(progress: Progress, start: float, end: float) -> Progress:
    """Map the 0..1 of a sub-step onto start..end of the whole."""

    def report(fraction: float, message: str) -> None:
        progress(start + (end - start) * fraction, message)

    return report


def forward_only(progress: Progress) -> Progress:
    """Never tell less than was told before, as where a step turns out to take longer than thought."""
    most = 0.0

    def report(fraction: float, message: str) -> None:
        nonlocal most
        most = max(most, fraction)
        progress(most, message)

    return report
