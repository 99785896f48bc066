# SPDX-License-Identifier: Apache-2.0
"""Which anatomy a segment or a label stands for that this product or another program has made."""

import re
from collections.abc import Iterable
from typing import TypeVar

from SpineLib.core.anatomy import BY_NAME, DISC, S1, SACRUM, VERTEBRAE, VERTEBRAL_BODIES

Thing = TypeVar("Thing")

LEVELS = frozenset(each.name for each in VERTEBRAE)
_LEVEL = re.compile(r"(?:vertebrae?[ _-]*)?([CL]|Th?)[ _-]?0*(\d{1,2})(?:[ _-]*vertebrae?)?", re.IGNORECASE)
_OTHERS = {
    # name in small letters: the name here; the first sacral vertebra counts as sacrum
    **dict.fromkeys(("sacrum", "s1", "vertebrae_s1", "vertebra s1"), SACRUM.name),
    VERTEBRAL_BODIES.name.lower(): VERTEBRAL_BODIES.name,
    DISC.name.lower(): DISC.name,
}
_GENERAL_CONCEPT = "51282000"
"""Of T13 and L6, which it cannot tell apart."""
_BY_CONCEPT = {each.snomed: each.name for each in (*VERTEBRAE, SACRUM, VERTEBRAL_BODIES, DISC)} | {
    S1.snomed: SACRUM.name
}
_BY_CONCEPT.pop(_GENERAL_CONCEPT)
_PART = re.compile(r"fracture|bod(y|ies)|posterior|arch|process|endplate|border|canal", re.IGNORECASE)
"""A segment named so is a part of the vertebra whose concept it may carry."""

VERSE_LABELS = {each.code: each.name for each in (*VERTEBRAE, SACRUM, DISC, VERTEBRAL_BODIES)}
"""VerSe's codes, with those of this product above them."""
TOTALSEGMENTATOR_LABELS = {25: SACRUM.name, 26: SACRUM.name} | {
    50 - place: each.name for place, each in enumerate(each for each in VERTEBRAE if each.name not in ("T13", "L6"))
}
"""Labels of TotalSegmentator's task "total", version 2: from C1, 50, down to L5, 27."""
ONLY_TOTALSEGMENTATOR = frozenset(range(29, 118)) - VERSE_LABELS.keys()
"""Of vertebrae, or of the hips and other parts that its maps hold."""
LOWEST_SPINE = frozenset(TOTALSEGMENTATOR_LABELS) - ONLY_TOTALSEGMENTATOR
"""Sacrum, S1, L5 and L4 to TotalSegmentator; L6, sacrum, coccyx and T13 to VerSe, which never stand alone there."""


def anatomy_of_name(name: str) -> str | None:
    """The name here of what a segment is called: "vertebrae_L1", "Th12", "sacrum"; None for anything else."""
    plain = name.strip()
    if found := _LEVEL.fullmatch(plain):
        level = f"{found.group(1)[0].upper()}{int(found.group(2))}"
        return level if level in LEVELS else None
    return _OTHERS.get(plain.lower())


def anatomy_of_concept(snomed: str, name: str) -> str | None:
    """The name here of a SNOMED CT concept, unless the segment's name says that it is something else or a part."""
    if name in BY_NAME or _PART.search(name):
        return None
    return _BY_CONCEPT.get(snomed)


def by_anatomy(segments: Iterable[tuple[str, str, Thing]]) -> dict[str, list[Thing]]:
    """Things by the name of their anatomy. segments: (name, SNOMED CT concept or "", thing).

    Names are believed first; concepts tell what is left, where no name has told it already.
    """
    left: list[tuple[str, str, Thing]] = []
    named: dict[str, list[Thing]] = {}
    coded: dict[str, list[Thing]] = {}
    for name, snomed, thing in segments:
        known = anatomy_of_name(name)
        if known is None:
            left.append((name, snomed, thing))
        else:
            named.setdefault(known, []).append(thing)
    for name, snomed, thing in left:
        known = anatomy_of_concept(snomed, name)
        if known is not None and known not in named:
            coded.setdefault(known, []).append(thing)
    return {**named, **coded}


def label_names(labels: Iterable[int]) -> dict[int, str]:
    """What the labels of a map stand for: TotalSegmentator's where VerSe does not know one of them or they make no
    spine of VerSe's, else VerSe's."""
    present = set(labels)
    is_pelvis = present <= LOWEST_SPINE and bool(present & {27, 28})
    names = TOTALSEGMENTATOR_LABELS if is_pelvis or present & ONLY_TOTALSEGMENTATOR else VERSE_LABELS
    return {label: names[label] for label in sorted(present) if label in names}
