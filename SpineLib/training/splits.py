# SPDX-License-Identifier: Apache-2.0
"""Training and validation parts that never share a patient."""

from collections import Counter

import numpy as np

from SpineLib.datasets.film_case import FilmCase


def split_by_patient(
    cases: list[FilmCase], validation_share: float, seed: int
) -> tuple[list[FilmCase], list[FilmCase]]:
    """(training, validation): whole patient groups are drawn until validation holds its share of the films."""
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
