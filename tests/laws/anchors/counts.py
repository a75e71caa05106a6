"""Anchors of the losses for counts and amounts."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from mpmath import exp, log
from scipy import special, stats

import losskit as lk
from tests.laws.anchors.samples import AMOUNTS, COUNTS, ZERO, R, bend, mean, metric, same, sklearn_loss, value


def _xlogx(y: Any) -> Any:
    return y * log(y) if y else mpmath.mpf(0)


def _tweedie(y: Any, f: Any, power: Any) -> Any:
    mu = exp(f)
    if power == 0:
        return (y - mu) ** 2 / 2
    if power == 1:
        return (y * log(y / mu) if y else 0) - y + mu
    if power == 2:
        return log(mu / y) + y / mu - 1
    p = mpmath.mpf(power)
    return (y ** (2 - p) if y else 0) / ((1 - p) * (2 - p)) - y * mu ** (1 - p) / (1 - p) + mu ** (2 - p) / (2 - p)


TEXTBOOK: dict[str, Any] = {
    "Poisson": lambda y, f: _xlogx(y) - y - y * f + exp(f),
    "Gamma": lambda y, f: f - log(y) + y * exp(-f) - 1,
    "Tweedie": _tweedie,
    "PoissonMean": lambda y, f: (y * log(y / f) if y else 0) - y + f,
    "NegativeBinomial": lambda y, f, alpha: (
        (y * log(y / exp(f)) if y else 0) - (y + 1 / mpmath.mpf(alpha)) * log((1 + alpha * y) / (1 + alpha * exp(f)))
    ),
    "InverseGaussian": lambda y, f: (y - exp(f)) ** 2 / (2 * y * exp(2 * f)),
    "Weibull": lambda y, f, shape: (y / exp(f)) ** shape - 1 - shape * log(y / exp(f)),
    "LogNormal": lambda y, f: (log(y) - f) ** 2 / 2,
}

IDENTITIES: dict[str, Any] = {
    "Poisson on the mean is Poisson on its logarithm": lambda: same(
        value(lk.PoissonMean(), COUNTS, np.exp(R)), value(lk.Poisson(), COUNTS, R), 1e-9
    ),
    "the negative binomial of a tiny alpha is Poisson": lambda: same(
        value(lk.NegativeBinomial(1e-13), COUNTS, R / 3), value(lk.Poisson(), COUNTS, R / 3), 1e-9
    ),
    "the negative binomial of a huge alpha, times alpha, is gamma's": lambda: same(
        value(lk.NegativeBinomial(1e9), AMOUNTS, R) * 1e9, value(lk.Gamma(), AMOUNTS, R), 1e-6
    ),
    "the inverse Gaussian is Tweedie of power 3": lambda: same(
        value(lk.InverseGaussian(), AMOUNTS, R), value(lk.Tweedie(3), AMOUNTS, R)
    ),
    "Weibull of shape 1 is gamma's": lambda: same(value(lk.Weibull(1.0), AMOUNTS, R), value(lk.Gamma(), AMOUNTS, R)),
    "log-normal is half the squared error of logarithms": lambda: same(
        value(lk.LogNormal(), AMOUNTS, R), value(lk.SquaredError(), np.log(AMOUNTS), R) / 2
    ),
    "Tweedie of power 0 is half the squared error of the mean": lambda: same(
        value(lk.Tweedie(0), R, R / 3), (np.exp(R / 3) - R) ** 2 / 2
    ),
    "Tweedie of power 1 is Poisson": lambda: same(value(lk.Tweedie(1), COUNTS, R), value(lk.Poisson(), COUNTS, R)),
    "Tweedie near power 1 is near Poisson": lambda: same(
        value(lk.Tweedie(1 + 1e-9), COUNTS, R), value(lk.Poisson(), COUNTS, R), 1e-6
    ),
    "Tweedie of power 2 is Gamma": lambda: same(value(lk.Tweedie(2), AMOUNTS, R), value(lk.Gamma(), AMOUNTS, R)),
    "Tweedie near power 2 is near Gamma": lambda: same(
        value(lk.Tweedie(2 - 1e-9), AMOUNTS, R), value(lk.Gamma(), AMOUNTS, R), 1e-6
    ),
    "Tweedie of power 3 is half the inverse Gaussian deviance": lambda: same(
        value(lk.Tweedie(3), AMOUNTS, R), (AMOUNTS - np.exp(R)) ** 2 / (2 * AMOUNTS * np.exp(2 * R)), 1e-9
    ),
}

ANCHORS: dict[str, Any] = {
    "PoissonMean": [
        lambda: same(mean(lk.PoissonMean(), [2.0], [1.0]), 2 * np.log(2) - 1),
        lambda: same(2 * mean(lk.PoissonMean(), COUNTS, np.exp(R)), metric("mean_poisson_deviance", COUNTS, np.exp(R))),
        lambda: same(value(lk.PoissonMean(), COUNTS, np.exp(R)), special.kl_div(COUNTS, np.exp(R)), 1e-9),
    ],
    "NegativeBinomial": [
        # y = 2, mu = 1, alpha = 1: 2 log 2 - 3 log(3/2)
        lambda: same(mean(lk.NegativeBinomial(1.0), [2.0], [0.0]), 2 * np.log(2) - 3 * np.log(1.5)),
        lambda: same(value(lk.NegativeBinomial(0.5), ZERO, R), 2 * np.log1p(np.exp(R) / 2)),
        # up to what does not depend on the mean, the log probability of r = 1/alpha and p = 1/(1 + alpha mu)
        lambda: same(
            np.diff(value(lk.NegativeBinomial(0.5), 3 + ZERO, R)),
            -np.diff(stats.nbinom.logpmf(3, 2, 1 / (1 + np.exp(R) / 2))),
            1e-9,
        ),
    ],
    "InverseGaussian": [
        lambda: same(mean(lk.InverseGaussian(), [2.0], [0.0]), 0.25),
        lambda: same(
            2 * mean(lk.InverseGaussian(), AMOUNTS, R), metric("mean_tweedie_deviance", AMOUNTS, np.exp(R), power=3)
        ),
        # scipy's invgauss(m/s, scale=s) has mean m; the density at the mean's own place is constant in y^-3/2
        lambda: same(
            value(lk.InverseGaussian(), 2 + ZERO, R),
            stats.invgauss.logpdf(2, 2, scale=1) - stats.invgauss.logpdf(2, np.exp(R), scale=1), 1e-7,
        ),
    ],
    "Weibull": [
        lambda: same(value(lk.Weibull(2.0), [np.e], [0.0]), [np.e**2 - 3]),
        lambda: same(bend(lk.Weibull(2.0), [1.0], [0.0]), 4.0),
        lambda: same(
            value(lk.Weibull(1.7), AMOUNTS, R),
            stats.weibull_min.logpdf(AMOUNTS, 1.7, scale=AMOUNTS)
            - stats.weibull_min.logpdf(AMOUNTS, 1.7, scale=np.exp(R)),
            1e-8,
        ),
    ],
    "LogNormal": [
        lambda: same(value(lk.LogNormal(), [np.e], [3.0]), [2.0]),
        lambda: same(2 * mean(lk.LogNormal(), COUNTS + 1, R), metric("mean_squared_error", np.log(COUNTS + 1), R)),
        lambda: same(
            value(lk.LogNormal(), AMOUNTS, R),
            stats.lognorm.logpdf(AMOUNTS, 1, scale=AMOUNTS) - stats.lognorm.logpdf(AMOUNTS, 1, scale=np.exp(R)), 1e-8,
        ),
    ],
    "Poisson": [
        lambda: same(mean(lk.Poisson(), [2.0], [0.0]), 2 * np.log(2) - 1),
        lambda: same(2 * mean(lk.Poisson(), COUNTS, R), metric("mean_poisson_deviance", COUNTS, np.exp(R))),
        lambda: same(value(lk.Poisson(), COUNTS, R), sklearn_loss("HalfPoissonLoss", COUNTS, R), 1e-9),
    ],
    "Gamma": [
        lambda: same(mean(lk.Gamma(), [1.0], [np.log(2)]), np.log(2) - 0.5),
        lambda: same(2 * mean(lk.Gamma(), AMOUNTS, R), metric("mean_gamma_deviance", AMOUNTS, np.exp(R))),
        lambda: same(value(lk.Gamma(), AMOUNTS, R), sklearn_loss("HalfGammaLoss", AMOUNTS, R), 1e-8),
    ],
    "Tweedie": [
        lambda: same(mean(lk.Tweedie(1.5), [4.0], [0.0]), 2.0),  # y sqrt: 2(sqrt y - 1)^2 at mu = 1
        lambda: same(
            2 * mean(lk.Tweedie(1.7), COUNTS, R), metric("mean_tweedie_deviance", COUNTS, np.exp(R), power=1.7)
        ),
        lambda: same(2 * mean(lk.Tweedie(3), AMOUNTS, R), metric("mean_tweedie_deviance", AMOUNTS, np.exp(R), power=3)),
    ],
}

TELLING = {
    "Weibull": [{"shape": k} for k in (0.3, 1.0, 3.0, 20.0)],
    "NegativeBinomial": [{"alpha": a} for a in (1e-6, 0.03, 30.0, 1e4)],
    "Tweedie": [{"power": p} for p in (0.0, 1.0, 1.0 + 1e-9, 1.1, 1.9, 2.0, 2.0 + 1e-9, 2.5, 3.0, 4.5)],
}

INSTANCES = {
    "Tweedie": [{"power": 1.6}, {"power": 3.0}],  # one on either side of 2
    "NegativeBinomial": [{}, {"alpha": 1e-6}, {"alpha": 1e-66}],  # the last is curved still where e^-f is tiny
}
