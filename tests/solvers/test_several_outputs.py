"""Linear models of several outputs a row: densities by location and scale, and quantiles at several levels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

import losskit as lk


def test_quantiles_at_several_levels_are_a_fit_each():
    X, y = load_diabetes(return_X_y=True)
    loss, w = lk.MultiQuantile((0.1, 0.5, 0.9)), np.random.default_rng(0).integers(0, 3, len(y))
    model = lk.LinearRegressor(loss, penalty=lk.L2(0.01)).fit(X, y, sample_weight=w)
    for level, coef, intercept in zip(loss.levels, model.coef_, model.intercept_, strict=True):
        own = lk.LinearRegressor(lk.Quantile(level), penalty=lk.L2(0.03)).fit(X, y, sample_weight=w)
        np.testing.assert_array_equal([*coef, intercept], [*own.coef_, own.intercept_])
    scores = X @ model.coef_.T + model.intercept_
    assert model.solution_.value == pytest.approx(loss(y, scores, w) + 0.005 * (model.coef_**2).sum(), rel=1e-12)
    assert model.solution_.certificate_kind == "gap"
    assert model.solution_.certificate <= 1e-10
    np.testing.assert_allclose(model.predict(X), scores)
    assert (y[:, None] <= model.predict(X)).mean(axis=0) == pytest.approx(loss.levels, abs=0.1)


def test_what_no_linear_model_fits_says_what_does():
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(lk.CapabilityError, match=r"np\.sort"):
        lk.LinearRegressor(lk.MultiQuantile(non_crossing=True)).fit(X, y)
    with pytest.raises(lk.CapabilityError, match="MultiQuantile"):
        lk.LinearRegressor(lk.WeightedIntervalScore()).fit(X, y)
    with pytest.raises(lk.CapabilityError, match=r"LinearRegressor\(MultiQuantile\(\)\)"):
        lk.minimise(lk.MultiQuantile(), None, X, y)
    with pytest.raises(lk.CapabilityError, match="one quantile"):
        lk.LinearRegressor(lk.MultiQuantile()).fit(X[:60, :2], y[:60]).inference(X[:60, :2], y[:60])


@pytest.mark.filterwarnings("ignore::losskit.errors.ConvergenceWarning")
@pytest.mark.parametrize("seed", [18, 24])
def test_a_step_that_overflows_a_density_is_taken_back_without_a_word(seed):
    rng = np.random.default_rng(seed)  # rows that fit exactly: the variance runs to 0
    X = rng.normal(size=(40, 3))
    y = X @ [1.0, 2.0, 3.0] + (rng.random(40) < 0.2) * rng.normal(size=40) * np.exp(3 * X[:, 0])
    assert np.isfinite(lk.minimise(lk.GaussianNLL(), None, X, y).value)  # numpy's warnings are errors here
