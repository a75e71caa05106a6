"""Array bodies of the primitives of `densities`: `xp` is NumPy or a namespace with its names; no branches on data."""

from __future__ import annotations

import math
from typing import Any

from losskit.calculus.gamma_fits import BINET_FAR, BINET_NEAR, LOG_FACTORIAL

Array = Any
_HALF_LOG_2PI = 0.9189385332046728


def _series(x: Array, coefficients: tuple[float, ...]) -> Array:
    total = coefficients[-1] + 0.0 * x
    for c in reversed(coefficients[:-1]):
        total = total * x + c
    return total


def gaussian_nll(xp: Any, r: Array, s: Array) -> Array:
    z = r * xp.exp(-s / 2.0)
    return (z * z / 2.0 + s / 2.0) + _HALF_LOG_2PI


def gaussian_variance_nll(xp: Any, r: Array, v: Array) -> Array:
    z = r / xp.sqrt(v)
    return (z * z / 2.0 + xp.log(v) / 2.0) + _HALF_LOG_2PI


def laplace_nll(xp: Any, a: Array, s: Array) -> Array:
    return (a + s) + 0.6931471805599453


def _student(xp: Any, r: Array, s: Array, df: Array) -> tuple[Array, Array]:
    """x = |r| e^-s/sqrt(df), and the square of the lesser of x and 1/x."""
    half = xp.exp(-s / 2.0)
    x = (xp.abs(r) * half) * half / xp.sqrt(df)
    lesser = xp.where(x < 1.0, x, 1.0 / xp.where(x < 1.0, 1.0, x))
    return x, lesser * lesser


def student_log(xp: Any, r: Array, s: Array, df: Array) -> Array:
    x, _ = _student(xp, r, s, df)
    far = x > 1e150
    held = xp.where(far, 1.0, x)
    beyond = 2.0 * (xp.log(xp.where(far, xp.abs(r), 1.0)) - s) - xp.log(df)
    return xp.where(far, beyond, xp.log1p(held * held))


def student_share(xp: Any, r: Array, s: Array, df: Array) -> Array:
    x, q = _student(xp, r, s, df)
    return xp.where(x < 1.0, q, 1.0) / (1.0 + q)


def student_spread(xp: Any, r: Array, s: Array, df: Array) -> Array:
    _, q = _student(xp, r, s, df)
    return df * q / (1.0 + q) / (1.0 + q)


def student_pull(xp: Any, r: Array, s: Array, df: Array) -> Array:
    x, q = _student(xp, r, s, df)
    near = x < 1.0
    half = xp.exp(-s)
    return xp.where(near, r * half * half, df / xp.where(near, 1.0, r)) / (1.0 + q)


def student_cross(xp: Any, r: Array, s: Array, df: Array) -> Array:
    x, q = _student(xp, r, s, df)
    near = x < 1.0
    half = xp.exp(-s)
    far = df / xp.where(near, 1.0, r) / xp.where(near, 1.0, x) / xp.where(near, 1.0, x)
    return xp.where(near, r * half * half, far) / (1.0 + q) / (1.0 + q)


def student_bend(xp: Any, r: Array, s: Array, df: Array) -> Array:
    x, q = _student(xp, r, s, df)
    near = x < 1.0
    held, inverse = xp.where(near, 1.0, r), 1.0 / xp.where(near, 1.0, x)
    half = xp.exp(-s)
    far = (inverse - 1.0) * (1.0 + inverse) * (df / held) / held
    return xp.where(near, half * (1.0 - x) * (1.0 + x) * half, far) / (1.0 + q) / (1.0 + q)


def _binet_from_one(xp: Any, x: Array) -> Array:
    w = 1.0 / x
    return w * xp.where(w < 0.25, _series(w, BINET_FAR), _series(w - 0.625, BINET_NEAR))


def binet(xp: Any, x: Array) -> Array:
    small = x < 1.0
    above = _binet_from_one(xp, xp.where(small, x + 1.0, x))
    inner = xp.where(small, x, 1.0)
    below = (inner + 0.5) * (xp.log1p(inner) - xp.log(inner)) - 1.0 + above
    return xp.where(small, below, above)


def stirling(xp: Any, y: Array) -> Array:
    small = y < 1.0
    logarithm = xp.log(xp.where(y > 0, y, 1.0))
    above = _HALF_LOG_2PI + logarithm / 2.0 + _binet_from_one(xp, xp.where(small, 1.0, y))
    return xp.where(small, y * (1.0 - (logarithm - _series(y - 0.5, LOG_FACTORIAL))), above)


def poisson_nll(xp: Any, y: Array, f: Array) -> Array:
    log_y = xp.log(xp.where(y > 0, y, 1.0))
    near = (xp.abs(f - log_y) < 0.5) & (y > 0)
    d = xp.where(near, f - log_y, 0.0)
    ratio = _series(d, tuple(1.0 / math.factorial(k) for k in range(2, 18)))
    deviance = xp.where(near, y * d * d * ratio, xp.exp(f) - y - xp.where(y > 0, y * (f - log_y), 0.0))
    return deviance + stirling(xp, y)


def student_constant(xp: Any, df: Array) -> Array:
    x = df / 2.0
    return _HALF_LOG_2PI + ((0.5 - x * xp.log1p(0.5 / x)) + (binet(xp, x) - binet(xp, x + 0.5)))
