"""Cases that released libraries get wrong; `want` is the true value rounded."""

from __future__ import annotations

import math

import numpy as np
import pytest

import losskit as lk

INF, NAN = math.inf, math.nan
LOGISTIC, BCE, LOGCOSH = lk.Logistic(), lk.BinaryCrossEntropy(), lk.LogCosh()
FOCAL = lk.BinaryFocal(gamma=0.5)

# loss, y, f, value, gradient, ulp
CASES = [
    (LOGISTIC, 1.0, 34.0, 1.7139084315420114e-15, -1.71390843154201e-15, 2),
    (LOGISTIC, 1.0, 700.0, 9.85967654375977e-305, -9.85967654375977e-305, 2),
    (LOGISTIC, 1.0, 40.0, 4.248354255291589e-18, -4.248354255291589e-18, 2),
    (LOGISTIC, 1.0, INF, 0.0, 0.0, 0),
    (LOGISTIC, 0.0, -INF, 0.0, 0.0, 0),
    (LOGISTIC, 0.0, INF, INF, 1.0, 0),
    (LOGISTIC, 1.0, -INF, INF, -1.0, 0),
    (BCE, 1.0, 1e-50, 115.12925464970229, -1e50, 1),
    (BCE, 1.0, 0.0, INF, -INF, 0),
    (BCE, 0.0, 0.0, 0.0, 1.0, 0),
    (BCE, 1.0, 1.0, 0.0, -1.0, 0),
    (BCE, 0.0, 1.0, INF, INF, 0),
    (BCE, 1.0, 1e-9, 20.723265836946414, -1e9, 1),
    (LOGCOSH, 0.0, 1e-9, 5e-19, 1e-9, 1),
    (LOGCOSH, 0.0, 800.0, 799.3068528194401, 1.0, 1),
    (FOCAL, 1.0, 100.0, 7.175095973164411e-66, -1.0762643959746615e-65, 4),
    (lk.BinaryFocal(), 1.0, INF, 0.0, 0.0, 0),
    (lk.BinaryFocal(), 0.0, INF, INF, 1.0, 0),
    (lk.Poisson(), 0.0, -INF, 0.0, 0.0, 0),
    (lk.Poisson(), 0.0, 0.0, 1.0, 1.0, 0),
    (lk.AbsoluteError(), 2.0, 2.0, 0.0, 0.0, 0),
    (lk.Quantile(0.9), 2.0, 2.0, 0.0, 0.0, 0),
    (lk.Hinge(), 1.0, 1.0, 0.0, 0.0, 0),
    (lk.Hinge(), -1.0, INF, INF, 1.0, 0),
    (lk.Huber(), 0.0, -INF, INF, -1.0, 0),
    (lk.PseudoHuber(), 0.0, INF, INF, 1.0, 0),
    (lk.LogCosh(), 0.0, -INF, INF, -1.0, 0),
    (lk.Tukey(), 0.0, INF, 4.685**2 / 6, 0.0, 0),
    (lk.SquaredError(), 0.0, -INF, INF, -INF, 0),
]


def _close(got: float, want: float, ulp: int) -> bool:
    return got == want or abs(got - want) <= ulp * math.ulp(want)


@pytest.mark.parametrize(("loss", "y", "f", "value", "gradient", "ulp"), CASES, ids=lambda x: repr(x)[:30])
def test_value_and_gradient_are_the_true_numbers(loss, y, f, value, gradient, ulp):
    got = loss.value_and_gradient(np.array([y]), np.array([f]), reduction="none")
    assert _close(float(got[0][0]), value, ulp), got
    assert _close(float(got[1][0]), gradient, ulp), got
    assert loss(np.array([y]), np.array([f])) == got[0][0]  # fused and separate agree
    assert loss.gradient(np.array([y]), np.array([f]))[0] == got[1][0]


def test_the_poisson_deviance_sees_a_mean_one_part_in_a_billion_away():
    f = np.log1p(np.float64(1 + 1e-9) - 1)
    got = lk.Poisson()(np.array([1.0]), np.array([f]))
    d = float(f)
    want = d * d / 2 + d**3 / 6  # e^d - 1 - d, the rest is below 1e-27 of it
    assert abs(got - want) <= 4 * math.ulp(want)
    assert got == pytest.approx(1.000000164814082e-18 / 2, rel=1e-7)


def test_the_normal_density_keeps_its_digits_at_a_tiny_variance_and_refuses_a_negative_one():
    y, f = np.array([1e-4]), np.array([[0.0, 1e-8]])
    value, gradient = lk.GaussianVarianceNLL().value_and_gradient(y, f)
    assert _close(float(value), -7.79140183877151, 1)
    assert abs(gradient[0, 1] + 3.746e-9) <= 8 * math.ulp(0.5 / 1e-8)  # in ulp of the largest summand
    with pytest.raises(lk.DomainError, match=r"needs variance > 0; f\[0, 1\] = -1.0"):
        lk.GaussianVarianceNLL()(y, np.array([[0.0, -1.0]]))


def test_the_poisson_density_has_the_factorial_itself():
    assert _close(lk.PoissonNLL()([2.0], [0.0]), 1.6931471805599454, 1)


def test_a_batch_of_no_weight_has_no_mean_and_no_gradient():
    y, f, w = np.zeros(3), np.ones(3), np.zeros(3)
    value, gradient = lk.SquaredError().value_and_gradient(y, f, w)
    assert math.isnan(value)
    assert gradient.tolist() == [0, 0, 0]
    assert lk.SquaredError()(y, f, w, empty="zero") == 0
    with pytest.raises(lk.DomainError, match="no weight"):
        lk.SquaredError()(y, f, w, empty="raise")


def test_weight_zero_silences_nan_and_weight_one_passes_it_on():
    y, f = np.array([0.0, NAN, INF, 1.0]), np.array([1.0, 2.0, 3.0, NAN])
    value, gradient, hessian = lk.SquaredError().value_gradient_and_hessian(y, f, np.array([1.0, 0, 0, 0]))
    assert (value, gradient.tolist(), hessian.tolist()) == (1.0, [2, 0, 0, 0], [2, 0, 0, 0])
    value, gradient = lk.SquaredError().value_and_gradient(y, f, np.array([1.0, 0, 0, 1]))
    assert math.isnan(value)
    assert gradient[:3].tolist() == [1, 0, 0]
    assert math.isnan(gradient[3])


def test_log_densities_at_infinite_precision_and_at_none():
    inf = np.inf
    for loss, mean, sure in ((lk.GaussianNLL(), 1.0, -inf), (lk.LaplaceNLL(), 1.0, -inf), (lk.GammaNLL(), 0.0, inf),
                             (lk.BetaNLL(), 0.0, inf)):  # fmt: skip
        at = 0.5 if isinstance(loss, lk.BetaNLL) else 1.0
        there = loss([at, at / 2, at], [[mean, sure], [mean, sure], [mean, -sure]], reduction="none")
        np.testing.assert_equal(there, [-inf, inf, inf], err_msg=repr(loss))
