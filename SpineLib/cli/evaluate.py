# SPDX-License-Identifier: Apache-2.0
"""`spine evaluate FOUND TRUTH -o DIR`: compare a folder of results with a folder of true masks."""

import argparse
from pathlib import Path
from typing import Any

from SpineLib.cli.console import progress_line


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser("evaluate", help="compare results with true masks", description=__doc__)
    parser.add_argument("found", type=Path, metavar="FOUND", help="folder of results, NAME.seg.nrrd")
    parser.add_argument("truth", type=Path, metavar="TRUTH", help="folder of true masks, NAME_mask.png or NAME.*")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the scores")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from SpineLib.evaluation.folders import evaluate

    table = evaluate(arguments.found, arguments.truth, arguments.output, progress_line())
    for metric, numbers in table.items():
        print(describe(metric, numbers))
    print(f"  -> {arguments.output / 'scores.csv'}, {arguments.output / 'summary.json'}")
    return 0


def describe(metric: str, numbers: dict[str, float | None]) -> str:
    """One metric in a line: the mean and, where there are several films, its interval and the median."""
    if "mean" not in numbers:
        return f"{metric}: {numbers['n']}"
    if numbers["n"] == 1:
        return f"{metric}: {numbers['mean']}"
    if not numbers["n"]:
        return f"{metric}: undefined"
    interval = f"95 % interval {numbers['low']} to {numbers['high']}"
    return f"{metric}: mean {numbers['mean']}, {interval}, median {numbers['median']}, n {numbers['n']}"
