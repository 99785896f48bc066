# SPDX-License-Identifier: Apache-2.0
"""Training and validation parts that never share a patient."""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from SpineLib.datasets.film_case import FilmCase
from SpineLib.datasets.scan_case import ScanCase

SPLIT = "split.csv"
AnyCase = TypeVar("AnyCase", FilmCase, ScanCase)


def split_by_patient(cases: list[AnyCase], validation_share: float, seed: int) -> tuple[list[AnyCase], list[AnyCase]]:
    """(training, validation): whole patient groups are drawn until validation holds its share of the cases."""
    sizes = Counter(case.patient_group for case in cases)
    groups = sorted(sizes)
    np.random.default_rng(seed).shuffle(groups)
    held_out: set[str] = set()
    taken = 0
    for group in groups:
        if taken >= validation_share * len(cases):
            break
        held_out.add(group)
        taken += sizes[group]
    training = [case for case in cases if case.patient_group not in held_out]
    return training, [case for case in cases if case.patient_group in held_out]


def write_split(
    kind: str,
    training: Sequence[FilmCase] | Sequence[ScanCase],
    validation: Sequence[FilmCase] | Sequence[ScanCase],
    path: Path,
) -> None:
    """A table of part, name and patient group. kind: what a case is called there."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        table = csv.writer(lines, lineterminator="\n")
        table.writerow(["part", kind, "patient_group"])
        for part, cases in (("training", training), ("validation", validation)):
            table.writerows([part, case.name, case.patient_group] for case in cases)
