"""Anchors of the losses for counts and amounts."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from mpmath import exp, log

import losskit as lk
from tests.laws.anchors.samples import AMOUNTS, COUNTS, R, metric, same, sklearn_loss, value


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
}

IDENTITIES: dict[str, Any] = {
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
    "Poisson": [
        lambda: same(lk.Poisson()([2.0], [0.0]), 2 * np.log(2) - 1),
        lambda: same(2 * lk.Poisson()(COUNTS, R), metric("mean_poisson_deviance", COUNTS, np.exp(R))),
        lambda: same(value(lk.Poisson(), COUNTS, R), sklearn_loss("HalfPoissonLoss", COUNTS, R), 1e-9),
    ],
    "Gamma": [
        lambda: same(lk.Gamma()([1.0], [np.log(2)]), np.log(2) - 0.5),
        lambda: same(2 * lk.Gamma()(AMOUNTS, R), metric("mean_gamma_deviance", AMOUNTS, np.exp(R))),
        lambda: same(value(lk.Gamma(), AMOUNTS, R), sklearn_loss("HalfGammaLoss", AMOUNTS, R), 1e-8),
    ],
    "Tweedie": [
        lambda: same(lk.Tweedie(1.5)([4.0], [0.0]), 2.0),  # y sqrt: 2(sqrt y - 1)^2 at mu = 1
        lambda: same(2 * lk.Tweedie(1.7)(COUNTS, R), metric("mean_tweedie_deviance", COUNTS, np.exp(R), power=1.7)),
        lambda: same(2 * lk.Tweedie(3)(AMOUNTS, R), metric("mean_tweedie_deviance", AMOUNTS, np.exp(R), power=3)),
    ],
}

TELLING = {
    "Tweedie": [{"power": p} for p in (0.0, 1.0, 1.0 + 1e-9, 1.1, 1.9, 2.0, 2.0 + 1e-9, 2.5, 3.0, 4.5)],
}

INSTANCES = {"Tweedie": [{"power": 1.6}, {"power": 3.0}]}  # one on either side of 2
