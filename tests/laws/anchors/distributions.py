"""Anchors of the full negative log densities."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from mpmath import exp, log, loggamma, pi
from scipy import stats

import losskit as lk
from tests.laws.anchors.samples import AMOUNTS, COUNTS, RNG, R, same, value

S = RNG.normal(size=R.size)  # logarithms of scales
Y = np.round(RNG.normal(size=R.size) * 2, 2)
BOTH = np.stack([R, S], axis=-1)
VARIANCES = np.stack([R, np.exp(S)], axis=-1)


def _student(y: Any, location: Any, s: Any, df: Any) -> Any:
    n = mpmath.mpf(df)
    normaliser = loggamma(n / 2) - loggamma((n + 1) / 2) + log(n * pi) / 2 + s
    return normaliser + (n + 1) / 2 * log(1 + ((y - location) / exp(s)) ** 2 / n)


TEXTBOOK: dict[str, Any] = {
    "GaussianNLL": lambda y, mean, s: (y - mean) ** 2 / (2 * exp(s)) + log(2 * pi * exp(s)) / 2,
    "GaussianVarianceNLL": lambda y, mean, v: (y - mean) ** 2 / (2 * v) + log(2 * pi * v) / 2,
    "LaplaceNLL": lambda y, location, s: abs(y - location) / exp(s) + log(2 * exp(s)),
    "StudentTNLL": _student,
    "GammaNLL": lambda y, f, a: (
        loggamma(exp(a)) - exp(a) * log(exp(a) / exp(f)) - (exp(a) - 1) * log(y) + exp(a) * y / exp(f)
    ),
    "PoissonNLL": lambda y, f: exp(f) - y * f + loggamma(y + 1),
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
        np.exp(S) * lk.Gamma().gradient(AMOUNTS, R, reduction="none"), 1e-9,
    ),
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


def _gamma_of_scipy() -> list[float]:
    shape, _, scale = stats.gamma.fit(AMOUNTS, floc=0)
    return [float(np.log(shape * scale)), float(np.log(shape))]


ANCHORS: dict[str, Any] = {
    "GaussianNLL": [
        # variance 1e-8, one standard deviation away: -log(1e4) + log(2 pi)/2 + 1/2
        lambda: same(lk.GaussianNLL()([1e-4], [[0.0, np.log(1e-8)]]), -7.79140183877151),
        lambda: same(value(lk.GaussianNLL(), Y, BOTH), -stats.norm.logpdf(Y, R, np.exp(S / 2))),
        lambda: same(lk.GaussianNLL().constant(Y), [Y.mean(), np.log(Y.var())]),
    ],
    "GaussianVarianceNLL": [
        lambda: same(lk.GaussianVarianceNLL()([1e-4], [[0.0, 1e-8]]), -7.79140183877151),
        lambda: same(value(lk.GaussianVarianceNLL(), Y, VARIANCES), -stats.norm.logpdf(Y, R, np.exp(S / 2))),
        _gaussian_of_torch,
    ],
    "LaplaceNLL": [
        lambda: same(lk.LaplaceNLL()([3.0], [[1.0, 0.0]]), 2 + np.log(2)),
        lambda: same(value(lk.LaplaceNLL(), Y, BOTH), -stats.laplace.logpdf(Y, R, np.exp(S))),
        lambda: same(lk.LaplaceNLL().constant(Y), [np.median(Y), np.log(np.abs(Y - np.median(Y)).mean())]),
    ],
    "StudentTNLL": [
        # 3 degrees of freedom at 0: the density is 2/(pi sqrt 3)
        lambda: same(lk.StudentTNLL(3.0)([0.0], [[0.0, 0.0]]), np.log(np.pi * np.sqrt(3) / 2)),
        lambda: same(value(lk.StudentTNLL(2.5), Y, BOTH), -stats.t.logpdf(Y, 2.5, R, np.exp(S))),
        lambda: same(  # up to what does not depend on the location, the loss of the residual
            lk.StudentTNLL(3.0).gradient(Y, np.stack([R, 0 * R + np.log(2)], axis=-1))[:, 0],
            lk.StudentT(df=3.0, scale=2.0).gradient(Y, R),
        ),
    ],
    "GammaNLL": [
        lambda: same(lk.GammaNLL()([3.0], [[np.log(2), 0.0]]), np.log(2) + 1.5),  # shape 1 is exponential
        lambda: same(value(lk.GammaNLL(), AMOUNTS, BOTH),
                     -stats.gamma.logpdf(AMOUNTS, np.exp(S), scale=np.exp(R - S)), 1e-9),
        lambda: same(lk.GammaNLL().constant(AMOUNTS), _gamma_of_scipy(), 1e-6),
    ],
    "PoissonNLL": [
        lambda: same(lk.PoissonNLL()([2.0], [0.0]), 1.6931471805599454),
        lambda: same(value(lk.PoissonNLL(), COUNTS, R), -stats.poisson.logpmf(COUNTS, np.exp(R)), 1e-9),
        lambda: same(lk.PoissonNLL().gradient(COUNTS, R), lk.Poisson().gradient(COUNTS, R)),
    ],
}

TELLING = {"StudentTNLL": [{"df": n} for n in (0.4, 1.0, 3.0, 30.0, 1e6)]}
