# SPDX-License-Identifier: Apache-2.0
"""Names, terms and labels of other programs, and what they mean here."""

import pytest

from SpineLib.core.level_order import positions
from SpineLib.core.segment_names import by_anatomy, label_names

SNOMED_L1, SNOMED_VERTEBRA = "66794005", "51282000"


@pytest.mark.parametrize(
    ("called", "meant"),
    [
        ("L1", "L1"),
        ("vertebrae_L1", "L1"),
        ("Vertebra T12", "T12"),
        ("Th12", "T12"),
        ("l6", "L6"),
        ("C03", "C3"),
        ("T13", "T13"),
        ("vertebrae_S1", "Sacrum"),
        ("sacrum", "Sacrum"),
        ("Vertebral bodies", "Vertebral bodies"),
    ],
)
def test_names_of_other_programs_are_known(called: str, meant: str) -> None:
    assert by_anatomy([(called, "", 1)]) == {meant: [1]}


@pytest.mark.parametrize("called", ["L7", "C8", "T0", "rib_left_1", "Fracture L1", "L1 body", "Spine", ""])
def test_other_names_are_not_taken_for_vertebrae(called: str) -> None:
    assert by_anatomy([(called, "", 1)]) == {}


def test_terms_tell_where_no_name_does() -> None:
    assert by_anatomy([("Segment_1", SNOMED_L1, 1)]) == {"L1": [1]}
    assert by_anatomy([("Segment_1", SNOMED_VERTEBRA, 1)]) == {}
    assert by_anatomy([("Segment_1", SNOMED_L1, 1), ("L1", "", 2)]) == {"L1": [2]}
    assert by_anatomy([("Fracture L1", SNOMED_L1, 1), ("old fracture", SNOMED_L1, 2)]) == {}


def test_labels_are_those_of_verse_or_totalsegmentator() -> None:
    assert label_names([19, 20, 26, 28]) == {19: "T12", 20: "L1", 26: "Sacrum", 28: "T13"}
    assert label_names([31, 32, 25, 5]) == {25: "Sacrum", 31: "L1", 32: "T12"}
    assert label_names([25, 27, 28, 77]) == {25: "Sacrum", 27: "L5", 28: "L4"}
    assert label_names([25, 26, 27]) == {25: "Sacrum", 26: "Sacrum", 27: "L5"}
    assert label_names([24, 25, 26, 102]) == {24: "L5", 25: "L6", 26: "Sacrum", 102: "Disc"}


def test_levels_are_ordered_from_the_head() -> None:
    assert list(positions({"L1", "T13", "C7", "T2", "T12", "L6"})) == ["C7", "T2", "T12", "T13", "L1", "L6"]
