"""Anchors of scoring rules whose forecast has a formula."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from mpmath import erf, exp, log, pi, sqrt
from scipy import integrate, stats

import losskit as lk
from tests.laws.anchors.samples import RNG, R, mean, same, value

S = RNG.normal(size=R.size)
Y = np.round(RNG.normal(size=R.size) * 2, 2)
BOTH = np.stack([R, S], axis=-1)
ENDS = np.stack([R - np.exp(S), R + 0.7 * np.exp(S)], axis=-1)
STANDARD = [[0.0, 0.0]]


def _normal(y: Any, mean: Any, s: Any) -> Any:
    z = (y - mean) / exp(s)
    return exp(s) * (z * erf(z / sqrt(2)) + sqrt(2 / pi) * exp(-(z**2) / 2) - 1 / sqrt(pi))


def _logistic(y: Any, location: Any, s: Any) -> Any:
    z = (y - location) / exp(s)
    return exp(s) * (z - 2 * log(1 / (1 + exp(-z))) - 1)


def _laplace(y: Any, location: Any, s: Any) -> Any:
    z = abs(y - location) / exp(s)
    return exp(s) * (z + exp(-z) - mpmath.mpf(3) / 4)


def _interval(y: Any, lower: Any, upper: Any, level: Any) -> Any:
    outside = max(lower - y, 0) + max(y - upper, 0)
    return upper - lower + 2 / (1 - mpmath.mpf(level)) * outside


TEXTBOOK: dict[str, Any] = {
    "IntervalScore": _interval, "CRPSGaussian": _normal, "CRPSLogistic": _logistic, "CRPSLaplace": _laplace,
}  # fmt: skip

IDENTITIES: dict[str, Any] = {
    f"the score of a {name} distribution far from y is the distance": lambda name=name: same(
        value(getattr(lk, name)(), Y, np.stack([R + 1e9, S], axis=-1)), np.abs(Y - R - 1e9), 1e-7
    )
    for name in ("CRPSGaussian", "CRPSLogistic", "CRPSLaplace")
}


def _integrated(distribution: Any, loss: Any) -> None:
    """The definition: the squared distance of the distribution function from the step at y, integrated."""
    for y, (location, s) in zip(Y[:6], BOTH[:6], strict=True):
        of = distribution(location, np.exp(s))
        below = integrate.quad(lambda x, of=of: of.cdf(x) ** 2, -np.inf, y, epsabs=1e-11)[0]
        above = integrate.quad(lambda x, of=of: of.sf(x) ** 2, y, np.inf, epsabs=1e-11)[0]
        same(loss([y], [[location, s]]), below + above, 1e-7)


def _calibrated(distribution: Any, loss: Any) -> None:
    """Of targets spread as forecast, the mean score is half the mean distance of two draws, and the least."""
    y = distribution.ppf((np.arange(20_000) + 0.5) / 20_000)
    right = loss(y, np.tile(STANDARD, (y.size, 1)))
    same(right, 2 * np.mean(y * ((np.arange(y.size) + 0.5) / y.size - 0.5)), 1e-3)
    for away in ([0.2, 0.0], [0.0, 0.2], [0.0, -0.2]):
        assert loss(y, np.tile([away], (y.size, 1))) > right


def _of_the_ends(level: float) -> None:
    alpha = 1 - level
    pinballs = [lk.Quantile(q)(Y, ENDS[:, j], reduction="none") for j, q in enumerate((alpha / 2, 1 - alpha / 2))]
    same(value(lk.IntervalScore(level), Y, ENDS), 2 / alpha * sum(pinballs))


ANCHORS: dict[str, Any] = {
    "IntervalScore": [
        lambda: same(lk.IntervalScore(0.8)([3.0, 1.0], [[0.0, 2.0], [0.0, 2.0]], reduction="none"), [12.0, 2.0]),
        lambda: _of_the_ends(0.9),
        lambda: same(lk.IntervalScore(0.5).constant(Y), np.quantile(Y, [0.25, 0.75], method="median_unbiased"), 0.1),
    ],
    "CRPSGaussian": [
        lambda: same(mean(lk.CRPSGaussian(), [0.0], STANDARD), (np.sqrt(2) - 1) / np.sqrt(np.pi)),
        lambda: _integrated(stats.norm, lk.CRPSGaussian()),
        lambda: _calibrated(stats.norm, lk.CRPSGaussian()),
    ],
    "CRPSLogistic": [
        lambda: same(mean(lk.CRPSLogistic(), [0.0], STANDARD), 2 * np.log(2) - 1),
        lambda: _integrated(stats.logistic, lk.CRPSLogistic()),
        lambda: _calibrated(stats.logistic, lk.CRPSLogistic()),
    ],
    "CRPSLaplace": [
        lambda: same(mean(lk.CRPSLaplace(), [0.0], STANDARD), 0.25),
        lambda: _integrated(stats.laplace, lk.CRPSLaplace()),
        lambda: _calibrated(stats.laplace, lk.CRPSLaplace()),
    ],
}

TELLING = {"IntervalScore": [{"level": q} for q in (0.5, 0.99)]}


_PLACES = (np.arange(20_000) + 0.5) / 20_000


def _between(loss: Any, ends: Any) -> Any:
    """Targets of which the share `level` lies between the ends, and as many below as above."""
    q = (1 - loss.level) / 2
    return np.interp(_PLACES, [0, q, 1 - q, 1], [ends[0] - 1, *ends, ends[1] + 1])


# targets spread as a prediction says: what a proper score is least for
FORECAST = {
    "IntervalScore": _between,
    **{
        name: lambda loss, f, of=of: f[0] + np.exp(f[1]) * of.ppf(_PLACES)
        for name, of in (("CRPSGaussian", stats.norm), ("CRPSLogistic", stats.logistic), ("CRPSLaplace", stats.laplace))
    },
}
