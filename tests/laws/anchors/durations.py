"""Anchors of the losses of censored durations."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import exp, log
from scipy import stats

import losskit as lk
from tests.laws.anchors.samples import AMOUNTS, RNG, R, same, slope, value

INF = float("inf")
T, WIDER = AMOUNTS, AMOUNTS * (1 + RNG.gamma(1, size=AMOUNTS.size))
SEEN = np.stack([T, T], axis=-1)
LATER = np.stack([T, T * INF], axis=-1)
EARLIER = np.stack([0 * T, T], axis=-1)
BETWEEN = np.stack([T, WIDER], axis=-1)
MIXED = np.concatenate([SEEN[::4], LATER[1::4], EARLIER[2::4], BETWEEN[3::4]])
NEAR = R / 3  # where XGBoost clips nothing


def _of(survival: Any, density: Any) -> Any:
    """The negative log-likelihood by the textbook's survival function and density of a duration."""

    def loss(lower: Any, upper: Any, f: Any, sigma: Any) -> Any:
        with mpmath.workdps(400):  # what cancels far off
            k = 1 / mpmath.mpf(sigma)
            if lower == upper:
                return -log(density(upper, exp(f), k))
            ends = [survival(t, exp(f), k) if t != mpmath.inf else 0 for t in (lower, upper)]
            return -log(ends[0] - ends[1])

    return loss


def _normal(t: Any, m: Any, k: Any) -> Any:
    return mpmath.erfc(k * log(t / m) / mpmath.sqrt(2)) / 2 if t else 1


TEXTBOOK: dict[str, Any] = {
    "CensoredWeibullNLL": _of(lambda t, m, k: exp(-((t / m) ** k)),
                              lambda t, m, k: k / m * (t / m) ** (k - 1) * exp(-((t / m) ** k))),
    "CensoredLogNormalNLL": _of(_normal, lambda t, m, k: mpmath.npdf(k * log(t / m)) * k / t),
    "CensoredLogLogisticNLL": _of(lambda t, m, k: 1 / (1 + (t / m) ** k),
                                  lambda t, m, k: k / m * (t / m) ** (k - 1) / (1 + (t / m) ** k) ** 2),
}  # fmt: skip

ALL = (lk.CensoredWeibullNLL(0.8), lk.CensoredLogNormalNLL(0.8), lk.CensoredLogLogisticNLL(0.8))
ROWS = {"seen": SEEN, "later": LATER, "earlier": EARLIER, "between": BETWEEN}


def _partition(loss: Any) -> None:
    """Before, between and after t are all there is."""
    after = np.stack([WIDER, T * INF], axis=-1)
    same(sum(np.exp(-value(loss, y, R)) for y in (EARLIER, BETWEEN, after)), np.ones_like(R))


def _narrow(loss: Any) -> None:
    """An interval of almost no width is its width times the density."""
    width = 1e-9 * T
    y = np.stack([T, T + width], axis=-1)
    got = value(loss, y, R / 3) + np.log(y[:, 1] - T)
    np.testing.assert_allclose(got, value(loss, SEEN, R / 3), rtol=1e-7, atol=1e-7)


def _nothing_known(loss: Any) -> None:
    open_row = [[0.0, INF]]
    assert [float(x[0]) for x in loss.value_gradient_and_hessian(open_row, [1.7], reduction="none")] == [0, 0, 0]


IDENTITIES: dict[str, Any] = {
    **{f"the three parts of time have probability 1: {loss!r}": lambda loss=loss: _partition(loss) for loss in ALL},
    **{f"a narrow interval is its density: {loss!r}": lambda loss=loss: _narrow(loss) for loss in ALL},
    **{f"a duration of which nothing is known costs nothing: {loss!r}": lambda loss=loss: _nothing_known(loss)
       for loss in ALL},
    "Weibull's gradient of durations seen is that of the deviance": lambda: same(
        slope(lk.CensoredWeibullNLL(0.5), SEEN, NEAR), slope(lk.Weibull(2.0), T, NEAR), 1e-9
    ),
    "the log-normal gradient of durations seen is that of the squared error of logarithms": lambda: same(
        slope(lk.CensoredLogNormalNLL(0.5), SEEN, R), 4 * slope(lk.LogNormal(), T, R), 1e-9
    ),
    "right-censored log-logistic durations are logistic": lambda: same(
        value(lk.CensoredLogLogisticNLL(), LATER, R), value(lk.Logistic(), 0 * T, np.log(T) - R), 1e-9
    ),
}  # fmt: skip


def _scipy(loss: Any, distribution: Any) -> None:
    z = distribution(scale=np.exp(NEAR))
    same(value(loss, SEEN, NEAR), -z.logpdf(T), 1e-9)
    same(value(loss, LATER, NEAR), -z.logsf(T), 1e-9)
    same(value(loss, EARLIER, NEAR), -z.logcdf(T), 1e-9)
    inside = np.maximum(z.cdf(WIDER) - z.cdf(T), z.sf(T) - z.sf(WIDER))  # the one that keeps more digits
    same(value(loss, BETWEEN, NEAR), -np.log(inside), 1e-6)


def _xgboost(cls: Any, name: str) -> None:
    """XGBoost's aft-nloglik, whose sigma is 1; and by its step -G/(H + lambda) of a lone leaf its sums G and H."""
    xgboost = pytest.importorskip("xgboost")
    data = xgboost.DMatrix(np.zeros((len(MIXED), 1)), base_margin=NEAR)
    data.set_float_info("label_lower_bound", MIXED[:, 0])
    data.set_float_info("label_upper_bound", MIXED[:, 1])
    sigma = 1.3
    options = {"objective": "survival:aft", "eval_metric": "aft-nloglik", "aft_loss_distribution": name, "eta": 1.0,
               "aft_loss_distribution_scale": sigma, "min_child_weight": 0.0, "verbosity": 0, "nthread": 1}  # fmt: skip
    same(cls(1.0)(MIXED, NEAR), float(xgboost.train(options, data, 0).eval(data).rpartition(":")[2]), 1e-5)
    slope, bend = (part.sum() for part in cls(sigma).gradient_and_hessian(MIXED, NEAR, reduction="sum"))
    for ridge in (0.0, 10.0):
        step = xgboost.train(options | {"lambda": ridge}, data, 1).predict(data, output_margin=True) - NEAR
        same(step, np.full(NEAR.size, -slope / (bend + ridge)), 1e-4)


ANCHORS: dict[str, Any] = {
    "CensoredWeibullNLL": [
        # sigma 1 is exponential: rate 1/2 at 3 is 3/2 + log 2; after 3 3/2; before 3 -log(1 - e^-3/2)
        lambda: same(
            value(lk.CensoredWeibullNLL(), [[3.0, 3.0], [3.0, INF], [0.0, 3.0]], np.full(3, np.log(2))),
            [1.5 + np.log(2), 1.5, -np.log1p(-np.exp(-1.5))],
        ),
        lambda: _scipy(lk.CensoredWeibullNLL(0.8), lambda scale: stats.weibull_min(1 / 0.8, scale=scale)),
        lambda: _xgboost(lk.CensoredWeibullNLL, "extreme"),
    ],
    "CensoredLogNormalNLL": [
        # at the median half lies on either side; the density of e^0 is 1/sqrt(2 pi)
        lambda: same(
            value(lk.CensoredLogNormalNLL(), [[1.0, 1.0], [1.0, INF], [0.0, 1.0]], np.zeros(3)),
            [np.log(2 * np.pi) / 2, np.log(2), np.log(2)],
        ),
        lambda: _scipy(lk.CensoredLogNormalNLL(0.8), lambda scale: stats.lognorm(0.8, scale=scale)),
        lambda: _xgboost(lk.CensoredLogNormalNLL, "normal"),
    ],
    "CensoredLogLogisticNLL": [
        # sigma 1 has survival 1/(1 + t): 1/4 after 3, 3/4 before, 1/6 between 1 and 2, density 1/16
        lambda: same(
            value(lk.CensoredLogLogisticNLL(), [[3.0, 3.0], [3.0, INF], [0.0, 3.0], [1.0, 2.0]], np.zeros(4)),
            np.log([16, 4, 4 / 3, 6]),
        ),
        lambda: _scipy(lk.CensoredLogLogisticNLL(0.8), lambda scale: stats.fisk(1 / 0.8, scale=scale)),
        lambda: _xgboost(lk.CensoredLogLogisticNLL, "logistic"),
    ],
}

_NAMES = ("CensoredWeibullNLL", "CensoredLogNormalNLL", "CensoredLogLogisticNLL")
TELLING = {name: [{"sigma": s} for s in (0.05, 0.4, 3.0)] for name in _NAMES}
INSTANCES = {name: [{}, {"sigma": 0.6}] for name in _NAMES}
