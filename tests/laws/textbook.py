"""Each loss as the textbooks write it, in mpmath: no text shared with the package, derivatives numerical."""

from __future__ import annotations

from typing import Any

import mpmath
from mpmath import cosh, exp, log, sqrt


def _xlogx(y: Any) -> Any:
    return y * log(y) if y else mpmath.mpf(0)


def _focal(y: Any, f: Any, gamma: Any, alpha: Any) -> Any:
    p = 1 / (1 + exp(-f))
    one, zero = -((1 - p) ** gamma) * log(p), -(p**gamma) * log(1 - p)
    if alpha is not None:
        one, zero = alpha * one, (1 - alpha) * zero
    return y * one + (1 - y) * zero


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
    "Poisson": lambda y, f: _xlogx(y) - y - y * f + exp(f),
    "Gamma": lambda y, f: f - log(y) + y * exp(-f) - 1,
    "Tweedie": _tweedie,
    "Logistic": lambda y, f: log(1 + exp(f)) - y * f,
    "BinaryCrossEntropy": lambda y, f: -(y * log(f) if y else 0) - ((1 - y) * log(1 - f) if y != 1 else 0),
    "Hinge": lambda y, f: max(mpmath.mpf(0), 1 - y * f),
    "SquaredHinge": lambda y, f: max(mpmath.mpf(0), 1 - y * f) ** 2,
    "BinaryFocal": _focal,
}


def textbook(name: str, parameters: dict[str, Any], y: float, f: float, order: int) -> Any:
    """The `order`-th derivative by f at a point away from kinks, to 25 digits or more."""
    with mpmath.workdps(80):
        y_exact = mpmath.mpf(y)
        return mpmath.diff(
            lambda x: TEXTBOOK[name](y_exact, x, *parameters.values()), mpmath.mpf(f), order, h=mpmath.mpf(10) ** -25
        )
