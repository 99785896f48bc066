# SPDX-License-Identifier: Apache-2.0
"""The anatomy the product can name: codes, SNOMED CT terms and display colors, one table line each.

Label codes are VerSe's (C1..C7 = 1..7, T1..T12 = 8..19, L1..L6 = 20..25, sacrum 26, coccyx 27, T13 28).
T13 and L6 have no SNOMED CT concept of their own: they carry the general concept "vertebra" and keep their plain name.
Neither of Slicer's lists of terms knows a fracture: fractures carry the concept of their vertebra.
"""

from typing import NamedTuple


class Anatomy(NamedTuple):
    """One nameable structure. `color` is RGB in 0..1; `snomed` the SNOMED CT concept id."""

    name: str
    meaning: str
    code: int
    snomed: str
    color: tuple[float, float, float]


def _vertebra(name: str, code: int, snomed: str, color: tuple[float, float, float]) -> Anatomy:
    region = {"C": "cervical", "T": "thoracic", "L": "lumbar"}[name[0]]
    ordinals: tuple[str, ...] = ("First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh")
    ordinals += ("Eighth", "Ninth", "Tenth", "Eleventh", "Twelfth")
    if name in ("T13", "L6"):
        return Anatomy(name, "Vertebra", code, snomed, color)
    return Anatomy(name, f"{ordinals[int(name[1:]) - 1]} {region} vertebra", code, snomed, color)


SPINE = Anatomy("Spine", "Vertebral column", 100, "421060004", (0.95, 0.84, 0.57))
SPINE_BORDER = Anatomy("Spine border", "Vertebral column", 101, "421060004", (0.85, 0.45, 0.35))
SACRUM = Anatomy("Sacrum", "Sacrum", 26, "54735007", (0.90, 0.55, 0.35))
S1 = Anatomy("S1", "First sacral vertebra", 26, "65985001", (0.90, 0.55, 0.35))
COCCYX = Anatomy("Coccyx", "Coccyx", 27, "64688005", (0.75, 0.45, 0.30))
DISC = Anatomy("Disc", "Intervertebral disc", 102, "360499006", (0.50, 0.75, 0.85))
FRACTURE = Anatomy("Fracture", "Vertebra", 103, "51282000", (0.85, 0.08, 0.08))
VERTEBRAL_BODIES = Anatomy("Vertebral bodies", "Body of vertebra", 104, "3572006", (0.93, 0.88, 0.75))

VERTEBRAE: tuple[Anatomy, ...] = (
    _vertebra("C1", 1, "14806007", (0.35, 0.36, 0.76)),
    _vertebra("C2", 2, "39976000", (0.29, 0.49, 0.83)),
    _vertebra("C3", 3, "113205007", (0.26, 0.62, 0.84)),
    _vertebra("C4", 4, "5329002", (0.27, 0.73, 0.80)),
    _vertebra("C5", 5, "36978003", (0.31, 0.79, 0.70)),
    _vertebra("C6", 6, "36054005", (0.39, 0.82, 0.58)),
    _vertebra("C7", 7, "87391001", (0.50, 0.83, 0.46)),
    _vertebra("T1", 8, "64864005", (0.63, 0.84, 0.37)),
    _vertebra("T2", 9, "53733008", (0.76, 0.83, 0.31)),
    _vertebra("T3", 10, "1626008", (0.87, 0.80, 0.29)),
    _vertebra("T4", 11, "73071006", (0.94, 0.73, 0.29)),
    _vertebra("T5", 12, "56401006", (0.96, 0.64, 0.31)),
    _vertebra("T6", 13, "45296009", (0.94, 0.54, 0.34)),
    _vertebra("T7", 14, "62487009", (0.90, 0.44, 0.38)),
    _vertebra("T8", 15, "11068009", (0.86, 0.36, 0.45)),
    _vertebra("T9", 16, "82687006", (0.82, 0.34, 0.56)),
    _vertebra("T10", 17, "7610001", (0.76, 0.35, 0.67)),
    _vertebra("T11", 18, "12989004", (0.67, 0.38, 0.76)),
    _vertebra("T12", 19, "23215003", (0.57, 0.41, 0.82)),
    _vertebra("L1", 20, "66794005", (0.47, 0.45, 0.84)),
    _vertebra("L2", 21, "14293000", (0.40, 0.56, 0.85)),
    _vertebra("L3", 22, "36470004", (0.38, 0.68, 0.83)),
    _vertebra("L4", 23, "11994002", (0.41, 0.77, 0.75)),
    _vertebra("L5", 24, "49668003", (0.48, 0.82, 0.64)),
    _vertebra("L6", 25, "51282000", (0.57, 0.84, 0.52)),
    _vertebra("T13", 28, "51282000", (0.52, 0.40, 0.72)),
)

STRUCTURES: tuple[Anatomy, ...] = (SPINE, SPINE_BORDER, SACRUM, S1, COCCYX, DISC, FRACTURE, VERTEBRAL_BODIES)
FRACTURES: tuple[Anatomy, ...] = tuple(
    bone._replace(name=f"{FRACTURE.name} {bone.name}", code=FRACTURE.code, color=FRACTURE.color)
    for bone in (*VERTEBRAE, SACRUM, S1)
)
BY_NAME: dict[str, Anatomy] = {entry.name: entry for entry in (*VERTEBRAE, *STRUCTURES, *FRACTURES)}
