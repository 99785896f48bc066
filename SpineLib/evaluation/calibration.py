# SPDX-License-Identifier: Apache-2.0
"""Logistic weights that make a vertebra's probability of a fracture mean what it says."""

import numpy as np


def fit(marks: np.ndarray, losses: np.ndarray, fractured: np.ndarray, strictness: float = 1.0) -> dict[str, float]:
    """Weights of the mark (0..1), of the lost height (0..1) and of not knowing it, and the intercept, by penalized
    maximum likelihood.

    marks, losses (nan where not measured), fractured (bool): one a vertebra. A lost height below 0 counts as 0, as in
    `tasks.ct_fracture`.
    strictness: of the ridge penalty, so that separable data give finite weights. Raises ValueError without both kinds.
    """
    from scipy.optimize import minimize

    truth = fractured.astype(float)
    if truth.min() == truth.max():
        raise ValueError("vertebrae with and without a fracture are needed")
    unknown = np.isnan(losses)
    inputs = np.stack([marks, np.where(unknown, 0, np.maximum(losses, 0)), unknown, np.ones_like(marks)], axis=1)

    def cost(weights: np.ndarray) -> float:
        scores = inputs @ weights
        return float(np.logaddexp(0, scores).sum() - truth @ scores + strictness * (weights[:3] ** 2).sum() / 100)

    found = minimize(cost, np.array([5.0, 5.0, 0.0, -3.0])).x
    names = ("mark", "loss", "unknown", "intercept")
    return {name: round(float(value), 3) for name, value in zip(names, found, strict=True)}
