"""Turns a model's own certainty into a probability that means something."""

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]


def fit_logistic(values: Vector, hits: npt.NDArray[np.bool_], *, steps: int = 25) -> tuple[float, float]:
    """Slope and offset of P(hit) = sigmoid(slope * value + offset), by maximum likelihood (Platt 1999).

    Newton's method; a touch of ridge on the slope keeps it finite where values separate the hits.
    """
    design = np.stack([values, np.ones_like(values)], axis=1)
    ridge = np.diag([1e-3, 1e-9])
    weights = np.zeros(2)
    for _ in range(steps):
        chance = 1.0 / (1.0 + np.exp(-design @ weights))
        slope = design.T @ (hits - chance) - ridge @ weights
        curvature = (design * (chance * (1.0 - chance))[:, None]).T @ design + ridge
        weights += np.linalg.solve(curvature, slope)
    return float(weights[0]), float(weights[1])
