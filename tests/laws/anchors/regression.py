"""Anchors of the losses of the residual."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from mpmath import cosh, log, sqrt
from scipy import special, stats

import losskit as lk
from tests.laws.anchors.samples import AMOUNTS, COUNTS, ZERO, R, metric, same, sklearn_loss, value

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
    "Tukey": lambda y, f, c: mpmath.mpf(c) ** 2 / 6 * (1 - max(0, 1 - ((y - f) / c) ** 2) ** 3),
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
        lk.LogCosh(2.0).gradient(ZERO, R, reduction="none"), 2 * np.tanh(R / 2)
    ),
    "Tukey of a huge c is half the squared error": lambda: same(value(lk.Tukey(1e9), ZERO, R), R**2 / 2),
    "Tukey's plateau is c squared over six": lambda: same(value(lk.Tukey(2.0), [0.0], [5.0]), [4 / 6]),
}

ANCHORS: dict[str, Any] = {
    "SquaredError": [
        lambda: same(value(lk.SquaredError(), [1.0], [4.0]), [9.0]),
        lambda: same(
            lk.SquaredError()([3, -0.5, 2, 7], [2.5, 0, 2, 8]),
            metric("mean_squared_error", [3, -0.5, 2, 7], [2.5, 0, 2, 8]),
        ),
        lambda: same(value(lk.SquaredError(), ZERO, R) / 2, sklearn_loss("HalfSquaredError", ZERO, R)),
    ],
    "AbsoluteError": [
        lambda: same(value(lk.AbsoluteError(), [1.0], [4.0]), [3.0]),
        lambda: same(lk.AbsoluteError()(COUNTS, R), metric("mean_absolute_error", COUNTS, R)),
        lambda: same(value(lk.AbsoluteError(), COUNTS, R), sklearn_loss("AbsoluteError", COUNTS, R)),
    ],
    "Huber": [
        lambda: same(value(lk.Huber(1.5), [0, 0], [1.0, 3.0]), [0.5, 3.375]),
        lambda: same(value(lk.Huber(1.3), ZERO, R), special.huber(1.3, R)),
        lambda: same(lk.Huber(1.345).gradient(ZERO, R, reduction="none"), np.clip(R, -1.345, 1.345)),
    ],
    "PseudoHuber": [
        lambda: same(value(lk.PseudoHuber(2.0), [0.0], [np.sqrt(12)]), [4.0]),
        lambda: same(value(lk.PseudoHuber(1.3), ZERO, R), special.pseudo_huber(1.3, R)),
        lambda: same(lk.PseudoHuber().gradient([0.0], [np.sqrt(3)]), [np.sqrt(3) / 2]),
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
        lambda: same(lk.Quantile(0.3)(COUNTS, R), metric("mean_pinball_loss", COUNTS, R, alpha=0.3)),
        lambda: same(value(lk.Quantile(0.3), COUNTS, R), sklearn_loss("PinballLoss", COUNTS, R, quantile=0.3)),
    ],
    "Expectile": [
        lambda: same(value(lk.Expectile(0.9), [10, 10], [8, 12]), [3.6, 0.4]),
        lambda: same(lk.Expectile(0.9).constant(AMOUNTS), stats.expectile(AMOUNTS, 0.9), 1e-8),
        lambda: same(lk.Expectile(0.3).constant(COUNTS), stats.expectile(COUNTS, 0.3), 1e-8),
    ],
    "Tukey": [
        lambda: same(value(lk.Tukey(2.0), [0.0], [1.0]), [4 / 6 * (1 - 27 / 64)]),
        lambda: same(lk.Tukey().gradient([0.0], [4.685 / 2]), [4.685 / 2 * 9 / 16]),
        lambda: same(lk.Tukey(3.0).hessian(ZERO[:2], [0.0, 3 / np.sqrt(5)], reduction="none"), [1, 0]),
    ],
}
