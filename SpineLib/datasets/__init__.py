# SPDX-License-Identifier: Apache-2.0
"""Labeled data sets that training and evaluation read: one file and one table line each."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from SpineLib.core.errors import InputError
from SpineLib.datasets import (
    ap_radiographs,
    ctspine1k,
    film_folder,
    rsna2022,
    synthetic_ct,
    totalsegmentator,
    verse,
)
from SpineLib.datasets.film_case import FilmCase
from SpineLib.datasets.scan_case import ScanCase

AnyCase = TypeVar("AnyCase", FilmCase, ScanCase)

DATASETS: dict[str, Callable[[Path], list[FilmCase]]] = {
    "ap_radiographs": ap_radiographs.load,
    "film_folder": film_folder.load,
}

SCAN_DATASETS: dict[str, Callable[[Path], list[ScanCase]]] = {
    "ctspine1k": ctspine1k.load,
    "rsna2022": rsna2022.load,
    "synthetic_ct": synthetic_ct.load,
    "totalsegmentator": totalsegmentator.load,
    "verse": verse.load,
}


def load_dataset(name: str, folder: Path) -> list[FilmCase]:
    """The films of data set `name` under `folder`. Raises InputError when the name or the folder is unknown."""
    return _load(DATASETS, name, folder)


def load_scan_dataset(name: str, folder: Path) -> list[ScanCase]:
    """The scans of data set `name` under `folder`. Raises InputError when the name or the folder is unknown, or when
    two scans have one name."""
    cases = _load(SCAN_DATASETS, name, folder)
    names = [case.name for case in cases]
    for each in names:
        if names.count(each) > 1:
            raise InputError(f'Two scans under "{folder}" are called {each}.', "Remove one, or give a smaller folder.")
    return cases


def _load(table: dict[str, Callable[[Path], list[AnyCase]]], name: str, folder: Path) -> list[AnyCase]:
    if name not in table:
        raise InputError(f'There is no data set called "{name}".', f"Known data sets: {', '.join(sorted(table))}.")
    if not folder.is_dir():
        raise InputError(f'The data folder "{folder}" does not exist.', "Give the folder of the data set with --data.")
    return table[name](folder)
