"""Anchors of the full negative log densities."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from mpmath import exp, log, loggamma, pi
from scipy import special, stats

import losskit as lk
from tests.laws.anchors.samples import AMOUNTS, COUNTS, RNG, R, mean, same, slope, value

S = RNG.normal(size=R.size)  # logarithms of scales
Y = np.round(RNG.normal(size=R.size) * 2, 2)
BOTH = np.stack([R, S], axis=-1)
LOW = np.minimum(R, 3.0)
SHARES = special.expit(R)
SHARE_SCORES = np.stack([S, S[::-1]], axis=-1)
SHAPES = [np.exp(S[::-1]) * special.expit(side * S) for side in (1, -1)]
VARIANCES = np.stack([R, np.exp(S)], axis=-1)


def _student(y: Any, location: Any, s: Any, df: Any) -> Any:
    n = mpmath.mpf(df)
    normaliser = loggamma(n / 2) - loggamma((n + 1) / 2) + log(n * pi) / 2 + s
    return normaliser + (n + 1) / 2 * log(1 + ((y - location) / exp(s)) ** 2 / n)


def _negative_binomial(y: Any, f: Any, a: Any) -> Any:
    with mpmath.workdps(600):  # r may be 1e170
        r, odds = exp(-a), exp(f + a)
        ways = mpmath.fprod((r + k) / (k + 1) for k in range(int(y)))
        return -log(ways * (odds / (1 + odds)) ** y) + r * log(1 + odds)


def _beta(y: Any, f: Any, s: Any) -> Any:
    with mpmath.workdps(600):
        p, m = exp(s), 1 / (1 + exp(-f))
        normaliser = loggamma(p * m) + loggamma(p * (1 - m)) - loggamma(p)
        return normaliser - (p * m - 1) * log(y) - (p * (1 - m) - 1) * log(1 - y)


TEXTBOOK: dict[str, Any] = {
    "GaussianNLL": lambda y, mean, s: (y - mean) ** 2 / (2 * exp(s)) + log(2 * pi * exp(s)) / 2,
    "GaussianVarianceNLL": lambda y, mean, v: (y - mean) ** 2 / (2 * v) + log(2 * pi * v) / 2,
    "LaplaceNLL": lambda y, location, s: abs(y - location) / exp(s) + log(2 * exp(s)),
    "StudentTNLL": _student,
    "GammaNLL": lambda y, f, a: (
        loggamma(exp(a)) - exp(a) * log(exp(a) / exp(f)) - (exp(a) - 1) * log(y) + exp(a) * y / exp(f)
    ),
    "BetaNLL": _beta,
    "PoissonNLL": lambda y, f: exp(f) - y * f + loggamma(y + 1),
    "ZeroInflatedPoisson": lambda y, f, z: -log(
        (1 if y == 0 else 0) / (1 + exp(-z)) + exp(-exp(f)) * exp(f) ** y / mpmath.gamma(y + 1) / (1 + exp(z))),
    "HurdlePoisson": lambda y, f, z: -log(
        1 / (1 + exp(-z)) if y == 0
        else exp(-exp(f)) * exp(f) ** y / mpmath.gamma(y + 1) / -mpmath.expm1(-exp(f)) / (1 + exp(z))),
    "NegativeBinomialNLL": _negative_binomial,
}

IDENTITIES: dict[str, Any] = {
    "the normal density by its variance is that by its logarithm": lambda: same(
        value(lk.GaussianVarianceNLL(), Y, VARIANCES), value(lk.GaussianNLL(), Y, BOTH)
    ),
    "Student's t of many degrees of freedom is normal": lambda: same(
        value(lk.StudentTNLL(1e13), Y, BOTH), value(lk.GaussianNLL(), Y, np.stack([R, 2 * S], axis=-1)), 1e-9
    ),
    "Student's t of one degree of freedom is Cauchy's": lambda: same(
        value(lk.StudentTNLL(1.0), Y, BOTH), np.log(np.pi) + S + np.log1p(((Y - R) / np.exp(S)) ** 2)
    ),
    "the Poisson density is its half deviance and what does not depend on the mean": lambda: same(
        value(lk.PoissonNLL(), COUNTS, R), value(lk.Poisson(), COUNTS, R) - stats.poisson.logpmf(COUNTS, COUNTS), 1e-11
    ),
    "the gamma density is its half deviance, weighted by the shape, and what does not depend on the mean": lambda: same(
        lk.GammaNLL().gradient(AMOUNTS, BOTH, reduction="none")[:, 0],
        np.exp(S) * slope(lk.Gamma(), AMOUNTS, R), 1e-9,
    ),
    "a Poisson count without extra zeros": lambda: same(
        value(lk.ZeroInflatedPoisson(), COUNTS, np.stack([R, np.full_like(R, -np.inf)], axis=-1)),
        value(lk.PoissonNLL(), COUNTS, R)
    ),
    "the negative binomial without dispersion is Poisson": lambda: same(
        value(lk.NegativeBinomialNLL(), COUNTS, np.stack([R, np.full_like(R, -np.inf)], axis=-1)),
        value(lk.PoissonNLL(), COUNTS, R)
    ),
    "the negative binomial density is its half deviance and what does not depend on the mean": lambda: same(
        lk.NegativeBinomialNLL().gradient(COUNTS, np.stack([R, 0 * R + np.log(0.5)], axis=-1), reduction="none")[:, 0],
        slope(lk.NegativeBinomial(0.5), COUNTS, R), 1e-11
    ),
    "a hurdle is a binary loss and, above 0, a truncated count": lambda: same(
        value(lk.HurdlePoisson(), COUNTS, BOTH),
        value(lk.Logistic(), (COUNTS == 0) * 1.0, S)
        + np.where(COUNTS > 0, value(lk.PoissonNLL(), COUNTS, R) + np.log(-np.expm1(-np.exp(R))), 0), 1e-9
    ),
    "a hurdle of Poisson's own zeros is Poisson": lambda: same(
        value(lk.HurdlePoisson(), COUNTS, np.stack([LOW, -np.log(np.expm1(np.exp(LOW)))], axis=-1)),
        value(lk.PoissonNLL(), COUNTS, LOW), 1e-9
    ),
    "the beta density of mean 1/2 and precision 2 is uniform": lambda: same(
        value(lk.BetaNLL(), SHARES, np.tile([0.0, np.log(2)], (SHARES.size, 1))), 0 * SHARES, 1e-14
    ),
    "the beta density looks the same from the other side": lambda: same(
        value(lk.BetaNLL(), 1 - SHARES, SHARE_SCORES * [-1, 1]), value(lk.BetaNLL(), SHARES, SHARE_SCORES), 1e-9
    ),
    "the beta density that fits best is SciPy's": lambda: same(lk.BetaNLL().constant(SHARES), _beta_of_scipy(), 1e-6),
    "the normal density of variance 1 is half the squared error and a constant": lambda: same(
        value(lk.GaussianNLL(), Y, np.stack([R, 0 * R], axis=-1)) - np.log(2 * np.pi) / 2,
        value(lk.SquaredError(), Y, R) / 2, 1e-9,
    ),
}


def _torch(name: str, *arrays: Any, **options: Any) -> Any:
    """What PyTorch gives, or its formula where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    return getattr(torch.nn, name)(reduction="none", **options)(*map(torch.tensor, arrays)).numpy()


def _gaussian_of_torch() -> None:
    theirs = _torch("GaussianNLLLoss", R, Y, np.exp(S), full=True, eps=1e-300)
    same(value(lk.GaussianVarianceNLL(), Y, VARIANCES),
         theirs if theirs is not None else (S + (R - Y) ** 2 / np.exp(S)) / 2 + np.log(2 * np.pi) / 2)


def _beta_of_scipy() -> list[float]:
    a, b, _, _ = stats.beta.fit(SHARES, floc=0, fscale=1)
    return [float(np.log(a / b)), float(np.log(a + b))]


def _beta_of_statsmodels() -> Any:
    """Minus what its regression, of the mean and the precision on a constant, gives each row."""
    from statsmodels.othermod.betareg import BetaModel

    one = np.ones((SHARES.size, 1))
    return -BetaModel(SHARES, one, exog_precision=one).loglikeobs(np.array([0.7, 0.8]))


def _gamma_of_scipy() -> list[float]:
    shape, _, scale = stats.gamma.fit(AMOUNTS, floc=0)
    return [float(np.log(shape * scale)), float(np.log(shape))]


def _statsmodels(model: str, y: Any, params: list[float], **options: Any) -> Any:
    """Minus what a count model of statsmodels gives each row at these parameters, of a constant alone."""
    from statsmodels.discrete import count_model, discrete_model, truncated_model

    home = next(m for m in (count_model, discrete_model, truncated_model) if hasattr(m, model))
    return -getattr(home, model)(y, np.ones((len(y), 1)), **options).loglikeobs(np.array(params))


def _row(*f: float) -> Any:
    return np.tile(f, (COUNTS.size, 1))


ANCHORS: dict[str, Any] = {
    "GaussianNLL": [
        # variance 1e-8, one standard deviation away: -log(1e4) + log(2 pi)/2 + 1/2
        lambda: same(mean(lk.GaussianNLL(), [1e-4], [[0.0, np.log(1e-8)]]), -7.79140183877151),
        lambda: same(value(lk.GaussianNLL(), Y, BOTH), -stats.norm.logpdf(Y, R, np.exp(S / 2))),
        lambda: same(lk.GaussianNLL().constant(Y), [Y.mean(), np.log(Y.var())]),
    ],
    "GaussianVarianceNLL": [
        lambda: same(mean(lk.GaussianVarianceNLL(), [1e-4], [[0.0, 1e-8]]), -7.79140183877151),
        lambda: same(value(lk.GaussianVarianceNLL(), Y, VARIANCES), -stats.norm.logpdf(Y, R, np.exp(S / 2))),
        _gaussian_of_torch,
    ],
    "LaplaceNLL": [
        lambda: same(mean(lk.LaplaceNLL(), [3.0], [[1.0, 0.0]]), 2 + np.log(2)),
        lambda: same(value(lk.LaplaceNLL(), Y, BOTH), -stats.laplace.logpdf(Y, R, np.exp(S))),
        lambda: same(lk.LaplaceNLL().constant(Y), [np.median(Y), np.log(np.abs(Y - np.median(Y)).mean())]),
    ],
    "StudentTNLL": [
        # 3 degrees of freedom at 0: the density is 2/(pi sqrt 3)
        lambda: same(mean(lk.StudentTNLL(3.0), [0.0], [[0.0, 0.0]]), np.log(np.pi * np.sqrt(3) / 2)),
        lambda: same(value(lk.StudentTNLL(2.5), Y, BOTH), -stats.t.logpdf(Y, 2.5, R, np.exp(S))),
        lambda: same(  # up to what does not depend on the location, the loss of the residual
            lk.StudentTNLL(3.0).gradient(Y, np.stack([R, 0 * R + np.log(2)], axis=-1), reduction="none")[:, 0],
            slope(lk.StudentT(df=3.0, scale=2.0), Y, R),
        ),
    ],
    "GammaNLL": [
        lambda: same(mean(lk.GammaNLL(), [3.0], [[np.log(2), 0.0]]), np.log(2) + 1.5),  # shape 1 is exponential
        lambda: same(value(lk.GammaNLL(), AMOUNTS, BOTH),
                     -stats.gamma.logpdf(AMOUNTS, np.exp(S), scale=np.exp(R - S)), 1e-9),
        lambda: same(lk.GammaNLL().constant(AMOUNTS), _gamma_of_scipy(), 1e-6),
    ],
    "BetaNLL": [
        lambda: same(mean(lk.BetaNLL(), [0.5], [[0.0, np.log(4)]]), -np.log(1.5)),  # shapes 2 and 2: 6 y (1 - y)
        lambda: same(value(lk.BetaNLL(), SHARES, SHARE_SCORES), -stats.beta.logpdf(SHARES, *SHAPES)),
        lambda: same(value(lk.BetaNLL(), SHARES, np.tile([0.7, 0.8], (SHARES.size, 1))), _beta_of_statsmodels()),
    ],
    "PoissonNLL": [
        lambda: same(mean(lk.PoissonNLL(), [2.0], [0.0]), 1.6931471805599454),
        lambda: same(value(lk.PoissonNLL(), COUNTS, R), -stats.poisson.logpmf(COUNTS, np.exp(R)), 1e-9),
        lambda: same(slope(lk.PoissonNLL(), COUNTS, R), slope(lk.Poisson(), COUNTS, R)),
    ],
    "ZeroInflatedPoisson": [
        # a third extra zeros, mean 1: 1/3 + 2/3 e^-1 at 0
        lambda: same(mean(lk.ZeroInflatedPoisson(), [0.0], [[0.0, -np.log(2)]]), -np.log(1 / 3 + 2 / 3 / np.e)),
        lambda: same(value(lk.ZeroInflatedPoisson(), COUNTS, np.stack([LOW, S], axis=-1)), -np.log(
            special.expit(S) * (COUNTS == 0) + special.expit(-S) * stats.poisson.pmf(COUNTS, np.exp(LOW))), 1e-9),
        lambda: same(value(lk.ZeroInflatedPoisson(), COUNTS, _row(0.7, -0.4)),
                     _statsmodels("ZeroInflatedPoisson", COUNTS, [-0.4, 0.7]), 1e-9),
    ],
    "HurdlePoisson": [
        # half zeros, mean 1 of counts that would be 0 as well: (1/2) (e^-1/2) / (1 - e^-1) at 2
        lambda: same(mean(lk.HurdlePoisson(), [2.0], [[0.0, 0.0]]), np.log(4 * np.e) + np.log1p(-np.exp(-1))),
        lambda: same(value(lk.HurdlePoisson(), COUNTS + 1, BOTH)[:20], np.log1p(np.exp(S[:20]))
                     - stats.poisson.logpmf(COUNTS[:20] + 1, np.exp(R[:20])) + np.log(
                         stats.poisson.sf(0, np.exp(R[:20]))), 1e-9),
        lambda: same(value(lk.HurdlePoisson(), COUNTS + 1, _row(0.7, -50.0)),
                     _statsmodels("TruncatedLFPoisson", COUNTS + 1, [0.7]), 1e-9),
    ],
    "NegativeBinomialNLL": [
        # dispersion 1 is geometric: mean 3 has 3^2/4^3 at 2
        lambda: same(mean(lk.NegativeBinomialNLL(), [2.0], [[np.log(3), 0.0]]), np.log(64 / 9)),
        lambda: same(value(lk.NegativeBinomialNLL(), COUNTS, BOTH),
                     -stats.nbinom.logpmf(COUNTS, np.exp(-S), 1 / (1 + np.exp(R + S))), 1e-9),
        lambda: same(value(lk.NegativeBinomialNLL(), COUNTS, _row(0.7, np.log(0.8))),
                     _statsmodels("NegativeBinomialP", COUNTS, [0.7, 0.8]), 1e-9),
    ],
}

TELLING = {"StudentTNLL": [{"df": n} for n in (0.4, 1.0, 3.0, 30.0, 1e6)]}
