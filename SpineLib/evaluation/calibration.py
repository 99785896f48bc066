# SPDX-License-Identifier: Apache-2.0
"""Logistic weights that make a vertebra's probability of a fracture mean what it says."""

import numpy as np

from SpineLib.tasks.fracture_odds import LOSS_WEIGHT


def fit(marks: np.ndarray, losses: np.ndarray, fractured: np.ndarray, strictness: float = 1.0) -> dict[str, float]:
    """Weights of the mark (log odds) and of not knowing the lost height, and the intercept, by penalized maximum
    likelihood; beside `LOSS_WEIGHT`.

    marks, losses (0..1, nan where not measured), fractured (bool): one a vertebra. A lost height below 0 counts as 0,
    as in `tasks.ct_fracture`.
    strictness: of the ridge penalty, so that separable data give finite weights. Raises ValueError without both kinds.
    """
    from scipy.optimize import minimize

    truth = fractured.astype(float)
    if truth.min() == truth.max():
        raise ValueError("vertebrae with and without a fracture are needed")
    unknown = np.isnan(losses)
    lost = LOSS_WEIGHT * np.where(unknown, 0, np.maximum(losses, 0))
    inputs = np.stack([marks, unknown, np.ones_like(marks)], axis=1)

    def cost(weights: np.ndarray) -> float:
        scores = inputs @ weights + lost
        return float(np.logaddexp(0, scores).sum() - truth @ scores + strictness * (weights[:2] ** 2).sum() / 100)

    evidence, neck, intercept = (round(float(each), 3) for each in minimize(cost, np.array([0.5, 0.0, -3.0])).x)
    return {"evidence": evidence, "loss": LOSS_WEIGHT, "unknown": neck, "intercept": intercept}


def at_prevalence(calibration: dict[str, float], fitted: float, wanted: float) -> dict[str, float]:
    """The weights for scans of which another share of the vertebrae is fractured than of those that they were fitted
    on (0..1 each): the intercept moves by the difference of log odds (Saerens et al., Neural Computation 2002)."""
    moved = np.log(wanted / (1 - wanted)) - np.log(fitted / (1 - fitted))
    return {**calibration, "intercept": round(calibration["intercept"] + float(moved), 3)}
