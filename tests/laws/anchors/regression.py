"""Anchors of the losses of the residual."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from mpmath import cosh, exp, log, sqrt
from scipy import integrate, special, stats

import losskit as lk
from tests.laws.anchors.samples import AMOUNTS, COUNTS, ZERO, R, mean, metric, same, sklearn_loss, slope, value


def _huber(r: Any, delta: Any) -> Any:
    return r**2 / 2 if abs(r) <= delta else delta * abs(r) - mpmath.mpf(delta) ** 2 / 2


def _quantile(level: float) -> float:
    return float(np.quantile(COUNTS + AMOUNTS, level, method="inverted_cdf"))


def _smoothed(level: float, bandwidth: float, r: float) -> float:
    def integrand(z: float) -> float:
        shifted = r + z
        return max((1 - level) * shifted, -level * shifted) * stats.logistic.pdf(z, scale=bandwidth)

    return integrate.quad(integrand, -25, -r, epsabs=1e-13)[0] + integrate.quad(integrand, -r, 25, epsabs=1e-13)[0]


def _sgd_loss(name: str, epsilon: float, r: Any) -> Any:
    from sklearn.linear_model import _sgd_fast

    peer = getattr(_sgd_fast, name)(epsilon)
    return [peer.py_loss(x, 0.0) for x in r.tolist()]


TEXTBOOK: dict[str, Any] = {
    "SquaredError": lambda y, f: (y - f) ** 2,
    "AbsoluteError": lambda y, f: abs(y - f),
    "Huber": lambda y, f, delta: (
        (y - f) ** 2 / 2 if abs(y - f) <= delta else delta * abs(y - f) - mpmath.mpf(delta) ** 2 / 2
    ),
    "PseudoHuber": lambda y, f, delta: mpmath.mpf(delta) ** 2 * (sqrt(1 + ((y - f) / delta) ** 2) - 1),
    "LogCosh": lambda y, f, scale: mpmath.mpf(scale) ** 2 * log(cosh((y - f) / scale)),
    "Quantile": lambda y, f, level: level * (y - f) if y >= f else (1 - mpmath.mpf(level)) * (f - y),
    "Expectile": lambda y, f, level: (level if y > f else 1 - mpmath.mpf(level)) * (y - f) ** 2,
    "LpError": lambda y, f, p: abs(y - f) ** mpmath.mpf(p),
    "SmoothL1": lambda y, f, beta: (
        (y - f) ** 2 / (2 * mpmath.mpf(beta)) if abs(y - f) < beta else abs(y - f) - mpmath.mpf(beta) / 2
    ),
    "HuberQuantile": lambda y, f, level, delta: abs(level - (1 if y < f else 0)) * _huber(y - f, delta),
    "SmoothedQuantile": lambda y, f, level, h: (1 - mpmath.mpf(level)) * (f - y) + h * log(1 + exp((y - f) / h)),
    "EpsilonInsensitive": lambda y, f, epsilon: max(0, abs(y - f) - epsilon),
    "SquaredEpsilonInsensitive": lambda y, f, epsilon: max(0, abs(y - f) - epsilon) ** 2,
    "Linex": lambda y, f, a: exp(a * (f - y)) - a * (f - y) - 1,
    "AsymmetricSquared": lambda y, f, under, over: (under if y > f else over) * (y - f) ** 2,
    "AsymmetricAbsolute": lambda y, f, under, over: under * (y - f) if y > f else over * (f - y),
    "MeanBias": lambda y, f: f - y,
}

IDENTITIES: dict[str, Any] = {
    "Huber of a huge delta is half the squared error": lambda: same(
        value(lk.Huber(1e9), ZERO, R), value(lk.SquaredError(), ZERO, R) / 2
    ),
    "Huber of a tiny delta over delta is the absolute error": lambda: same(
        value(lk.Huber(1e-13), ZERO, R) / 1e-13, value(lk.AbsoluteError(), ZERO, R), 1e-11
    ),
    "twice the median's pinball is the absolute error": lambda: same(
        2 * value(lk.Quantile(0.5), ZERO, R), value(lk.AbsoluteError(), ZERO, R)
    ),
    "twice the middle expectile is the squared error": lambda: same(
        2 * value(lk.Expectile(0.5), ZERO, R), value(lk.SquaredError(), ZERO, R)
    ),
    "pinballs of level and of 1 - level mirror each other": lambda: same(
        value(lk.Quantile(0.2), ZERO, R), value(lk.Quantile(0.8), ZERO, -R)
    ),
    "expectiles of level and of 1 - level mirror each other": lambda: same(
        value(lk.Expectile(0.2), ZERO, R), value(lk.Expectile(0.8), ZERO, -R)
    ),
    "pseudo-Huber of a huge delta is half the squared error": lambda: same(
        value(lk.PseudoHuber(1e9), ZERO, R), R**2 / 2, 1e-11
    ),
    "pseudo-Huber's distance to its asymptote is delta squared": lambda: same(
        value(lk.PseudoHuber(2.0), [0.0], [1e9]), [2e9 - 4], 1e-15
    ),
    "log-cosh of a huge scale is half the squared error": lambda: same(
        value(lk.LogCosh(1e9), ZERO, R), R**2 / 2, 1e-11
    ),
    "log-cosh's derivative is a hyperbolic tangent": lambda: same(
        slope(lk.LogCosh(2.0), ZERO, R), 2 * np.tanh(R / 2)
    ),
    "Lp of p = 2 is the squared error": lambda: same(value(lk.LpError(2), ZERO, R), value(lk.SquaredError(), ZERO, R)),
    "Lp of p = 1 is the absolute error": lambda: same(value(lk.LpError(1), ZERO, R), np.abs(R)),
    "smooth L1 is Huber over beta": lambda: same(value(lk.SmoothL1(1.7), ZERO, R), value(lk.Huber(1.7), ZERO, R) / 1.7),
    "Huber quantile of level 1/2 is half of Huber": lambda: same(
        value(lk.HuberQuantile(0.5, 1.7), ZERO, R), value(lk.Huber(1.7), ZERO, R) / 2
    ),
    "Huber quantile of a tiny delta over delta is the pinball": lambda: same(
        value(lk.HuberQuantile(0.8, 1e-13), ZERO, R) / 1e-13, value(lk.Quantile(0.8), ZERO, R), 1e-11
    ),
    "Huber quantile of a huge delta is half of the expectile": lambda: same(
        value(lk.HuberQuantile(0.8, 1e9), ZERO, R), value(lk.Expectile(0.8), ZERO, R) / 2
    ),
    "smoothed quantile of a tiny bandwidth is the pinball": lambda: same(
        value(lk.SmoothedQuantile(0.8, 1e-9), ZERO[1:], R[1:]), value(lk.Quantile(0.8), ZERO[1:], R[1:])
    ),
    "smoothed quantile of level 1/2 is a log-cosh": lambda: same(
        value(lk.SmoothedQuantile(0.5, 2.0), ZERO, R) - 2 * np.log(2), value(lk.LogCosh(4.0), ZERO, R) / 8, 1e-9
    ),
    "epsilon-insensitive of a tiny epsilon is the absolute error": lambda: same(
        value(lk.EpsilonInsensitive(1e-300), ZERO, R), np.abs(R)
    ),
    "squared epsilon-insensitive is the square of the plain one": lambda: same(
        value(lk.SquaredEpsilonInsensitive(0.3), ZERO, R), value(lk.EpsilonInsensitive(0.3), ZERO, R) ** 2
    ),
    "linex of a tiny a is a^2 r^2/2": lambda: same(value(lk.Linex(1e-9), ZERO, R) / 1e-18, R**2 / 2, 1e-8),
    "linex of a and of -a mirror each other": lambda: same(
        value(lk.Linex(0.7), ZERO, R), value(lk.Linex(-0.7), ZERO, -R)
    ),
    "linex is the Gamma deviance of logarithms": lambda: same(
        value(lk.Linex(-1.0), np.log(AMOUNTS), R), value(lk.Gamma(), AMOUNTS, R), 1e-9
    ),
    "asymmetric squares of shares are the expectile": lambda: same(
        value(lk.AsymmetricSquared(0.3, 0.7), ZERO, R), value(lk.Expectile(0.3), ZERO, R)
    ),
    "asymmetric absolute of shares is the pinball": lambda: same(
        value(lk.AsymmetricAbsolute(0.3, 0.7), ZERO, R), value(lk.Quantile(0.3), ZERO, R)
    ),
}

ANCHORS: dict[str, Any] = {
    "SquaredError": [
        lambda: same(value(lk.SquaredError(), [1.0], [4.0]), [9.0]),
        lambda: same(
            mean(lk.SquaredError(), [3, -0.5, 2, 7], [2.5, 0, 2, 8]),
            metric("mean_squared_error", [3, -0.5, 2, 7], [2.5, 0, 2, 8]),
        ),
        lambda: same(value(lk.SquaredError(), ZERO, R) / 2, sklearn_loss("HalfSquaredError", ZERO, R)),
    ],
    "AbsoluteError": [
        lambda: same(value(lk.AbsoluteError(), [1.0], [4.0]), [3.0]),
        lambda: same(mean(lk.AbsoluteError(), COUNTS, R), metric("mean_absolute_error", COUNTS, R)),
        lambda: same(value(lk.AbsoluteError(), COUNTS, R), sklearn_loss("AbsoluteError", COUNTS, R)),
    ],
    "Huber": [
        lambda: same(value(lk.Huber(1.5), [0, 0], [1.0, 3.0]), [0.5, 3.375]),
        lambda: same(value(lk.Huber(1.3), ZERO, R), special.huber(1.3, R)),
        lambda: same(slope(lk.Huber(1.345), ZERO, R), np.clip(R, -1.345, 1.345)),
    ],
    "PseudoHuber": [
        lambda: same(value(lk.PseudoHuber(2.0), [0.0], [np.sqrt(12)]), [4.0]),
        lambda: same(value(lk.PseudoHuber(1.3), ZERO, R), special.pseudo_huber(1.3, R)),
        lambda: same(slope(lk.PseudoHuber(), [0.0], [np.sqrt(3)]), [np.sqrt(3) / 2]),
    ],
    "LogCosh": [
        lambda: same(value(lk.LogCosh(), [0.0], [np.log(2)]), [np.log(1.25)]),
        lambda: same(value(lk.LogCosh(), ZERO, R), np.logaddexp(R, -R) - np.log(2), 1e-9),
        lambda: same(
            value(lk.LogCosh(0.5), ZERO, R), -0.25 * (stats.hypsecant.logpdf(2 * R) - stats.hypsecant.logpdf(0)), 1e-9
        ),
    ],
    "Quantile": [
        lambda: same(value(lk.Quantile(0.9), [10, 10], [8, 12]), [1.8, 0.2]),
        lambda: same(mean(lk.Quantile(0.3), COUNTS, R), metric("mean_pinball_loss", COUNTS, R, alpha=0.3)),
        lambda: same(value(lk.Quantile(0.3), COUNTS, R), sklearn_loss("PinballLoss", COUNTS, R, quantile=0.3)),
    ],
    "Expectile": [
        lambda: same(value(lk.Expectile(0.9), [10, 10], [8, 12]), [3.6, 0.4]),
        lambda: same(lk.Expectile(0.9).constant(AMOUNTS), stats.expectile(AMOUNTS, 0.9), 1e-8),
        lambda: same(lk.Expectile(0.3).constant(COUNTS), stats.expectile(COUNTS, 0.3), 1e-8),
    ],
    "LpError": [
        lambda: same(value(lk.LpError(3), [1.0, 1.0], [3.0, 0.5]), [8.0, 0.125]),
        lambda: same(value(lk.LpError(1.5), ZERO, R), np.abs(R) ** 1.5),
        # best constant of p = 4: the root of a cubic
        lambda: same(np.sum((lk.LpError(4).constant(AMOUNTS) - AMOUNTS) ** 3) + 1, 1, 1e-8),
    ],
    "SmoothL1": [
        lambda: same(value(lk.SmoothL1(), [0, 0], [0.5, 3.0]), [0.125, 2.5]),
        lambda: same(value(lk.SmoothL1(1.3), ZERO, R), special.huber(1.3, R) / 1.3),
        # torch.nn.functional.smooth_l1_loss(tensor([0., 0.]), tensor([1., 4.]), beta=2., reduction="none")
        lambda: same(value(lk.SmoothL1(2.0), [0.0, 0.0], [1.0, 4.0]), [0.25, 3.0]),
    ],
    "HuberQuantile": [
        lambda: same(value(lk.HuberQuantile(0.9, 1.0), [0, 0, 0], [-3.0, 3.0, -0.5]), [2.25, 0.25, 0.1125]),
        lambda: same(value(lk.HuberQuantile(0.3, 1.3), ZERO, R), np.abs(0.3 - (R > 0)) * special.huber(1.3, R)),
        lambda: same(lk.HuberQuantile(0.8, 1e-6).constant(COUNTS + AMOUNTS), _quantile(0.8), 1e-5),
    ],
    "SmoothedQuantile": [
        lambda: same(value(lk.SmoothedQuantile(0.3, 2.0), [0.0], [0.0]), [2 * np.log(2)]),
        lambda: same(value(lk.SmoothedQuantile(0.3, 0.5), ZERO, R), 0.7 * R + 0.5 * np.logaddexp(0, -R / 0.5), 1e-12),
        # convolution of the pinball with the logistic density, by quadrature
        lambda: same(mean(lk.SmoothedQuantile(0.3, 0.5), [0.0], [0.4]), _smoothed(0.3, 0.5, 0.4), 1e-9),
    ],
    "EpsilonInsensitive": [
        lambda: same(value(lk.EpsilonInsensitive(0.1), [0, 0, 0], [0.05, 0.3, -2.0]), [0, 0.2, 1.9]),
        lambda: same(value(lk.EpsilonInsensitive(0.4), ZERO, R), np.clip(np.abs(R) - 0.4, 0, None)),
        lambda: same(value(lk.EpsilonInsensitive(0.4), ZERO, R), _sgd_loss("EpsilonInsensitive", 0.4, R)),
    ],
    "SquaredEpsilonInsensitive": [
        lambda: same(value(lk.SquaredEpsilonInsensitive(0.1), [0, 0, 0], [0.05, 0.3, -2.1]), [0, 0.04, 4.0]),
        lambda: same(value(lk.SquaredEpsilonInsensitive(0.4), ZERO, R), np.clip(np.abs(R) - 0.4, 0, None) ** 2),
        lambda: same(value(lk.SquaredEpsilonInsensitive(0.4), ZERO, R), _sgd_loss("SquaredEpsilonInsensitive", 0.4, R)),
    ],
    "Linex": [
        lambda: same(value(lk.Linex(), [0, 0], [1.0, -1.0]), [np.e - 2, 1 / np.e]),
        lambda: same(value(lk.Linex(0.4), ZERO, R), np.expm1(0.4 * R) - 0.4 * R, 1e-9),
        # Zellner (1986): for a normal of mean m and variance v the best estimate is m - a v/2
        lambda: same(lk.Linex(0.8).constant(stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000, 1, 0.5)), 0.9, 1e-4),
    ],
    "AsymmetricSquared": [
        lambda: same(value(lk.AsymmetricSquared(3.0, 2.0), [10, 10], [8, 13]), [12, 18]),
        lambda: same(value(lk.AsymmetricSquared(3.0, 2.0), ZERO, R), np.where(R < 0, 3, 2) * R**2),
        lambda: same(lk.AsymmetricSquared(9.0, 1.0).constant(AMOUNTS), stats.expectile(AMOUNTS, 0.9), 1e-8),
    ],
    "AsymmetricAbsolute": [
        lambda: same(value(lk.AsymmetricAbsolute(3.0, 2.0), [10, 10], [8, 13]), [6, 6]),
        lambda: same(
            mean(lk.AsymmetricAbsolute(3.0, 7.0), COUNTS, R), 10 * metric("mean_pinball_loss", COUNTS, R, alpha=0.3)
        ),
        # the newsvendor: price 10, cost 4, no salvage: critical ratio 0.6, demand uniform
        lambda: same(lk.AsymmetricAbsolute(6.0, 4.0).constant(np.arange(1.0, 102.0)), 61.0),
    ],
    "MeanBias": [
        lambda: same(value(lk.MeanBias(), [1.0, 1.0], [4.0, 0.5]), [3.0, -0.5]),
        lambda: same(mean(lk.MeanBias(), COUNTS, R), R.mean() - COUNTS.mean()),
        lambda: same(lk.MeanBias().constant([3.0, 5.0]), -np.inf),
    ],
}

TELLING = {
    "LpError": [{"p": p} for p in (1.0, 1.25, 2.0, 2.5, 3.0, 7.0)],
    "Linex": [{"a": a} for a in (-1.0, 0.3, -40.0, 1e-3)],
}

INSTANCES = {  # a scale of 1 hides what it multiplies
    "SmoothL1": [{"beta": 1.7}],
    "HuberQuantile": [{"level": 0.7, "delta": 1.7}],
    "SmoothedQuantile": [{"level": 0.7, "bandwidth": 1.7}],
    "Linex": [{"a": -0.7}],
}
