"""Distributions of scipy.stats as losses: values against scipy's own, derivatives against differences of them."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from scipy import stats

import losskit as lk
from losskit.likelihood import CONTINUOUS, DISCRETE
from tests.laws.array_laws import by_arrays

SHAPES = {"beta": (2.3, 1.7), "gamma": (1.7,), "lognorm": (0.8,), "pareto": (2.5,), "t": (3.5,), "weibull_min": (1.4,),
          "nbinom": (2.5, 0.3), "poisson": (2.2,)}


def _rows(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets inside the support, parameters, and minus scipy's log density there."""
    law = getattr(stats, name)
    parameters = (*SHAPES.get(name, ()), *((0.4, 1.6) if name in CONTINUOUS else ()))
    y = law.ppf(np.linspace(0.1, 0.9, 12), *parameters)
    density = law.logpdf if name in CONTINUOUS else law.logpmf
    return y, np.tile(parameters, (12, 1)), -density(y, *parameters)


@pytest.mark.parametrize("name", [*CONTINUOUS, *DISCRETE])
def test_a_written_density_is_scipys_and_its_derivatives_are_those_of_scipys(name):
    loss = lk.NegativeLogLikelihood(name)
    y, f, wanted = _rows(name)
    k, law = len(loss.outputs), getattr(stats, name)
    evaluate = by_arrays(loss.trace(), loss)
    value, gradient, hessian = evaluate(loss, y, f if k > 1 else f[:, 0])
    np.testing.assert_allclose(value, wanted, rtol=1e-11, atol=1e-12)
    gradient, hessian = gradient.reshape(12, k), hessian.reshape(12, k, k)
    for i in range(k):
        h = 1e-5 * np.eye(k)[i]
        ends = [-(law.logpdf if name in CONTINUOUS else law.logpmf)(y, *(f + s * h).T) for s in (1, -1)]
        np.testing.assert_allclose(gradient[:, i], (ends[0] - ends[1]) / 2e-5, rtol=1e-6, atol=1e-7)
        slopes = [evaluate(loss, y, f + s * h if k > 1 else (f + s * h)[:, 0])[1].reshape(12, k) for s in (1, -1)]
        np.testing.assert_allclose(hessian[:, i], (slopes[0] - slopes[1]) / 2e-5, rtol=1e-6, atol=1e-6)


def test_a_distribution_is_given_as_itself_or_by_name_and_travels():
    loss = lk.NegativeLogLikelihood(stats.gamma)
    assert loss == lk.NegativeLogLikelihood("gamma") == pickle.loads(pickle.dumps(loss))
    assert repr(loss) == "NegativeLogLikelihood(distribution='gamma')"
    assert loss.outputs == ("a", "loc", "scale")
    assert lk.NegativeLogLikelihood(stats.poisson).outputs == ("mu",)
    y, f, wanted = _rows("gamma")
    w = np.arange(12.0)
    assert loss(y, f, w) == pytest.approx(np.average(wanted, weights=w), rel=1e-12)
    assert loss([-1.0], [[2.0, 0.0, 1.0]]) == math.inf
    assert np.array_equal(loss.gradient([-1.0], [[2.0, 0.0, 1.0]]), np.zeros((1, 3)))
    with pytest.raises(lk.DomainError, match="scale > 0"):
        loss([1.0], [[2.0, 0.0, -1.0]])


def test_any_other_distribution_has_a_value_and_says_why_it_has_no_derivatives():
    loss = lk.NegativeLogLikelihood(stats.genextreme)
    y = stats.genextreme.rvs(-0.2, 1.0, 2.0, size=9, random_state=2)
    f, w = np.tile([-0.2, 1.0, 2.0], (9, 1)), np.r_[0.0, np.ones(8)]
    rows = -stats.genextreme.logpdf(y, -0.2, 1.0, 2.0)
    np.testing.assert_array_equal(loss(y, f, reduction="none"), rows)
    assert loss(y, f, w) == pytest.approx(rows[1:].mean(), rel=1e-15)
    assert loss(y, f, w, "mean_over_rows") == pytest.approx(rows[1:].sum() / 9, rel=1e-15)
    assert loss(y, f, w, "sum") == pytest.approx(rows[1:].sum(), rel=1e-15)
    assert math.isnan(loss(y, f, 0 * w))
    assert loss(y, f, 0 * w, empty="zero") == 0
    out = np.empty(9)
    assert loss(y, f, reduction="none", out=out) is out
    np.testing.assert_array_equal(out, rows)
    assert lk.NegativeLogLikelihood("skellam")([-1.0], [[1.0, 2.0]]) == -stats.skellam.logpmf(-1, 1, 2)
    for act in (loss.gradient, loss.hessian, loss.value_and_gradient):
        with pytest.raises(lk.CapabilityError, match=r"genextreme is not written here.*formulas of beta, cauchy"):
            act(y, f)
    with pytest.raises(lk.DomainError, match=r"parameters that genextreme takes; row \[1\].*scale = -1.0.*1 of 2 rows"):
        loss([0.0, 1.0], [[0.1, 0.0, 1.0], [0.1, 0.0, -1.0]])
    with pytest.raises(lk.DomainError, match=r"finite targets; row \[0\] has y = nan"):
        loss([math.nan], [[0.1, 0.0, 1.0]])


@pytest.mark.parametrize("given", ["gauss", stats.norm(0, 1), 3, None, stats, type(stats.norm)()],
                         ids=["name", "frozen", "number", "nothing", "module", "unnamed"])
def test_what_is_no_distribution_of_scipy_is_refused(given):
    with pytest.raises(lk.ParameterError, match=r"such as scipy\.stats\.gamma or its name"):
        lk.NegativeLogLikelihood(given)
