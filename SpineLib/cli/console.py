# SPDX-License-Identifier: Apache-2.0
"""What the command line shows: results on stdout, errors on stderr in one line each, progress only to a person."""

import sys

from SpineLib.core.errors import SpineError
from SpineLib.core.progress import Progress, silent
from SpineLib.core.result import SpineResult
from SpineLib.reporting.in_words import angles, found_vertebrae

LINE = 78


def print_error(error: SpineError, about: str = "") -> None:
    """One line: `spine: SENTENCE HINT`; `about` names the image where there are several."""
    text = " ".join(f"{error.sentence} {error.hint}".split())
    print(f"spine: {about}: {text}" if about else f"spine: {text}", file=sys.stderr, flush=True)


def progress_line() -> Progress:
    """A line that is rewritten while work goes on, where stderr is a terminal; silent elsewhere."""
    if not sys.stderr.isatty():
        return silent

    def show(fraction: float, message: str) -> None:
        text = f"{100 * fraction:3.0f} % {message}"[:LINE] if fraction < 1 else ""
        print(f"\r{text:<{LINE}}\r", end="", file=sys.stderr, flush=True)

    return show


def progress_log() -> Progress:
    """One line a step on stdout, for work that takes hours."""

    def show(fraction: float, message: str) -> None:
        print(f"{100 * fraction:5.1f} % {message}", flush=True)

    return show


def describe(result: SpineResult) -> str:
    """The result in one short line."""
    if result.is_empty:
        return "no spine found"
    if result.vertebrae:
        parts = (found_vertebrae(result), angles(result), f"{_seconds(result):.1f} s")
        return ", ".join(part for part in parts if part)
    numbers = [f"{each.name.replace('_', ' ')} {each.value:,.0f} {each.unit}" for each in result.measurements]
    confidence = max((structure.confidence for structure in result.structures), default=0.0)
    return f"{', '.join(numbers)}, confidence {confidence:.2f}, {_seconds(result):.1f} s"


def _seconds(result: SpineResult) -> float:
    return sum(result.provenance.get("seconds", {}).values())
