"""Confidences that mean something."""

import numpy as np
import pytest

from ml.training.calibration import fit_logistic


def test_finds_the_curve_that_the_hits_were_drawn_from() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=20_000)
    hits = random.random(values.shape) < 1 / (1 + np.exp(-(2.0 * values - 0.5)))
    assert fit_logistic(values, hits) == (pytest.approx(2.0, abs=0.1), pytest.approx(-0.5, abs=0.1))


def test_separable_hits_give_a_finite_curve() -> None:
    slope, offset = fit_logistic(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([False, False, True, True]))
    assert np.isfinite([slope, offset]).all()
    assert slope > 0
