# SPDX-License-Identifier: Apache-2.0
"""What the tissues measure: Hounsfield units drawn anew for each person, or random intensities.

Means and spreads are those that textbooks of CT give, rounded; our choice. Random intensities per tissue follow Billot
et al., "SynthSeg" (Medical Image Analysis 2023), so that what is learned does not hang on the units.
"""

import numpy as np

TISSUES: dict[str, tuple[float, float]] = {
    # name: mean and spread over people in HU
    "air": (-1000.0, 0.0),
    "lung": (-850.0, 30.0),
    "gas": (-950.0, 30.0),
    "fat": (-103.0, 8.0),
    "skin": (15.0, 20.0),
    "muscle": (56.0, 7.0),
    "blood": (44.0, 5.0),
    "liver": (58.0, 9.0),
    "spleen": (50.0, 5.0),
    "kidney": (34.0, 5.0),
    "bowel": (28.0, 12.0),
    "canal": (22.0, 8.0),
    "disc": (82.0, 14.0),
    "cortical": (880.0, 100.0),
    "endplate": (500.0, 80.0),
    "trabecular": (165.0, 45.0),
    "table": (-700.0, 80.0),
    "cement": (1900.0, 300.0),
    "metal": (3071.0, 0.0),
}
UPTAKE = {"blood": 1.0, "kidney": 0.7, "liver": 0.25, "spleen": 0.35, "muscle": 0.04, "bowel": 0.12}
"""Share of the blood's contrast agent that a tissue takes up."""
OSTEOPOROSIS_SHARE = 0.25
OSTEOPOROTIC_HU = (25.0, 105.0)
"""Lumbar trabecular bone: below some 110 HU osteoporosis is likely (Pickhardt et al., Annals of Int. Medicine 2013)."""


def hounsfield_units(rng: np.random.Generator, osteoporotic: bool) -> dict[str, float]:
    """HU by tissue of one person, with contrast agent in 45 % of them."""
    values = {name: float(rng.normal(mean, spread)) for name, (mean, spread) in TISSUES.items()}
    values["trabecular"] = max(values["trabecular"], 110.0)
    contrast = float(rng.uniform(60, 330)) if rng.random() < 0.45 else 0.0
    for name, share in UPTAKE.items():
        values[name] += contrast * share
    if osteoporotic:
        values["trabecular"] = float(rng.uniform(*OSTEOPOROTIC_HU))
        values["cortical"] *= 0.85
        values["endplate"] *= 0.85
    return values


def random_intensities(rng: np.random.Generator) -> dict[str, float]:
    """Any value for any tissue, in the range of HU so that both kinds are treated alike; air stays dark."""
    values = {name: float(rng.uniform(-300, 900)) for name in TISSUES}
    dark = float(rng.uniform(-1000, -400))
    for name in ("air", "gas", "lung", "metal"):
        values[name] = dark + float(rng.uniform(0, 60))
    # Cortical bone gives no signal in most sequences.
    if rng.random() < 0.5:
        values["cortical"] = values["endplate"] = dark + float(rng.uniform(0, 200))
    return values
