"""Array bodies of the primitives of `densities`: `xp` is NumPy or a namespace with its names; no branches on data."""

from __future__ import annotations

import math
from typing import Any

from losskit.calculus.arrays.core import expm1mx, negative_exp, power_series
from losskit.calculus.gamma_fits import (
    BINET_FAR,
    BINET_NEAR,
    BINET_SLOPE_FAR,
    BINET_SLOPE_NEAR,
    LOG_FACTORIAL,
    SHAPE_BEND_FAR,
    SHAPE_BEND_LOW,
    SHAPE_BEND_MID,
    SHAPE_BEND_ZERO,
)
from losskit.calculus.normal_fit import HAZARD_EXCESS, OVER_ROOT_TWO_PI, ROOT_HALF_PI, WITHIN

Array = Any
_HALF_LOG_2PI = 0.9189385332046728


def gaussian_nll(xp: Any, r: Array, s: Array) -> Array:
    z = r * xp.exp(-s / 2.0)
    return (z * z / 2.0 + s / 2.0) + _HALF_LOG_2PI


def gaussian_variance_nll(xp: Any, r: Array, v: Array) -> Array:
    z = r / xp.sqrt(v)
    return (z * z / 2.0 + xp.log(v) / 2.0) + _HALF_LOG_2PI


def laplace_nll(xp: Any, a: Array, s: Array) -> Array:
    return (a + s) + 0.6931471805599453


def normal_pdf(xp: Any, x: Array) -> Array:
    return OVER_ROOT_TWO_PI * xp.exp(-x * x / 2.0)


def hazard_excess(xp: Any, x: Array) -> Array:
    """density/upper tail - x of the normal distribution, for x >= 0."""
    return power_series((x - 4.0) / (x + 4.0), HAZARD_EXCESS) / (x + ROOT_HALF_PI)


def normal_cdf(xp: Any, x: Array) -> Array:
    size = xp.where(xp.abs(x) > 60.0, 60.0, xp.abs(x))
    q = normal_pdf(xp, size) / (size + hazard_excess(xp, size))
    return xp.where(x < 0.0, q, 1.0 - q)


def normal_within(xp: Any, x: Array) -> Array:
    size = xp.abs(x)
    held = xp.where(size < 1.0, x, 0.0)
    far = 2.0 * normal_cdf(xp, size) - 1.0
    square = held * held
    near = held * (2.0 * OVER_ROOT_TWO_PI + square * power_series(square, WITHIN))
    return xp.where(size < 1.0, near, xp.where(x < 0.0, -far, far))


def _student(xp: Any, r: Array, s: Array, df: Array) -> tuple[Array, Array]:
    """x = |r| e^-s/sqrt(df), and the square of the lesser of x and 1/x."""
    half = xp.exp(-s / 2.0)
    x = (xp.abs(r) * half) * half / xp.sqrt(df)
    lesser = xp.where(x < 1.0, x, 1.0 / xp.where(x < 1.0, 1.0, x))
    return x, lesser * lesser


def student_log(xp: Any, r: Array, s: Array, df: Array) -> Array:
    x, _ = _student(xp, r, s, df)
    far, over = x > 1e18, xp.abs(x) == xp.inf
    held = xp.where(far, 1.0, x)
    beyond = 2.0 * (xp.log(xp.where(over, xp.abs(r), 1.0)) - s) - xp.log(df)
    beyond = xp.where(over, beyond, 2.0 * xp.log(xp.where(far & (x < xp.inf), x, 1.0)))
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


def binet_from_one(xp: Any, x: Array) -> Array:
    w = 1.0 / x
    return w * xp.where(w < 0.25, power_series(w, BINET_FAR), power_series(w - 0.625, BINET_NEAR))


def binet(xp: Any, x: Array) -> Array:
    small = x < 1.0
    above = binet_from_one(xp, xp.where(small, x + 1.0, x))
    inner = xp.where(small, x, 1.0)
    below = (inner + 0.5) * (xp.log1p(inner) - xp.log(inner)) - 1.0 + above
    return xp.where(small, below, above)


def stirling(xp: Any, y: Array) -> Array:
    small = y < 1.0
    logarithm = xp.log(xp.where(y > 0, y, 1.0))
    above = _HALF_LOG_2PI + logarithm / 2.0 + binet_from_one(xp, xp.where(small, 1.0, y))
    return xp.where(small, y * (1.0 - (logarithm - power_series(y - 0.5, LOG_FACTORIAL))), above)


def poisson_nll(xp: Any, y: Array, f: Array) -> Array:
    log_y = xp.log(xp.where(y > 0, y, 1.0))
    near = (xp.abs(f - log_y) < 0.5) & (y > 0)
    d = xp.where(near, f - log_y, 0.0)
    ratio = power_series(d, tuple(1.0 / math.factorial(k) for k in range(2, 18)))
    deviance = xp.where(near, y * d * d * ratio, xp.exp(f) - y - xp.where(y > 0, y * (f - log_y), 0.0))
    return deviance + stirling(xp, y)


def _shifted(xp: Any, f: Array, z: Array) -> tuple[Array, Array]:
    """t = z + e^f, and e^-|t|."""
    t = z + xp.exp(f)
    return t, xp.exp(-xp.abs(t))


def zero_share(xp: Any, f: Array, z: Array) -> Array:
    t, e = _shifted(xp, f, z)
    return xp.where(t < 0, e, 1.0) / (1.0 + e)


def zero_rest(xp: Any, f: Array, z: Array, k: Array) -> Array:
    t, e = _shifted(xp, f, z)
    return xp.exp(k * f - xp.where(t > 0, t, 0.0)) / (1.0 + e)


def zero_nll(xp: Any, f: Array, z: Array) -> Array:
    mu, decay = xp.exp(f), xp.exp(-xp.abs(z))
    missing = -xp.expm1(-mu) * xp.where(z > 0, decay, 1.0) / (1.0 + decay)
    rare = xp.log1p(decay) + (xp.where(mu < -z, mu, -z) - xp.log1p(_shifted(xp, f, z)[1]))
    return xp.where(missing < 0.5, -xp.log1p(-xp.where(missing < 0.5, missing, 0.0)), rare)


def _held_mean(xp: Any, f: Array) -> tuple[Array, Array, Array]:
    """mu = e^f, whether it is large enough not to vanish beside 1 or when squared, and 1 where it is not."""
    mu = xp.exp(f)
    seen = mu > 1e-20
    return mu, seen, xp.where(seen, mu, 1.0)


def truncated_poisson_nll(xp: Any, y: Array, f: Array) -> Array:
    mu, seen, held = _held_mean(xp, f)
    low = xp.where(held < 1.0, held, 1.0)
    positive = xp.where(seen, xp.log(-xp.expm1(-held)), f)
    close = xp.where(seen, xp.log1p(expm1mx(xp, low) / low), mu / 2.0)
    return xp.where(y == 1.0, xp.where(mu < 1.0, close, (mu - f) + positive), poisson_nll(xp, y, f) + positive)


def truncated_excess(xp: Any, f: Array) -> Array:
    mu, seen, held = _held_mean(xp, f)
    return xp.where(seen, expm1mx(xp, -held) / -xp.expm1(-held), mu / 2.0)


def truncated_bend(xp: Any, f: Array) -> Array:
    mu, seen, held = _held_mean(xp, f)
    near = xp.where(held < 50.0, held, 50.0)
    ratio = xp.where(held < 50.0, expm1mx(xp, near) / xp.expm1(near), 1.0)
    return xp.where(seen, held / -xp.expm1(-held) * ratio, mu / 2.0)


def student_constant(xp: Any, df: Array) -> Array:
    x = df / 2.0
    return _HALF_LOG_2PI + ((0.5 - x * xp.log1p(0.5 / x)) + (binet(xp, x) - binet(xp, x + 0.5)))


def gamma_pull(xp: Any, y: Array, f: Array, a: Array) -> Array:
    half = xp.sqrt(y) * xp.exp(-f / 2.0)
    return half * xp.exp(a) * half


def gamma_excess(xp: Any, y: Array, f: Array, a: Array) -> Array:
    return -xp.expm1(xp.log(y) - f) * xp.exp(a)


def gamma_energy(xp: Any, y: Array, f: Array, a: Array) -> Array:
    z = xp.log(y) - f
    near = xp.abs(z) < 0.5
    inside = xp.where(near, z, 0.0)
    ratio = power_series(inside, tuple(1.0 / math.factorial(k) for k in range(2, 18)))
    far = gamma_pull(xp, y, f, a) - (1.0 + z) * xp.exp(a)
    return xp.where(near, inside * inside * ratio * xp.exp(a), far)


def shape_normaliser(xp: Any, a: Array) -> Array:
    small = a < -0.7
    inner = xp.where(small, xp.exp(a), 1.0)
    below = inner * power_series(inner - 0.5, LOG_FACTORIAL) - a + inner * (1.0 - a)
    return xp.where(small, below, (_HALF_LOG_2PI - a / 2.0) + binet(xp, xp.exp(xp.where(small, 0.0, a))))


def binet_slope(xp: Any, w: Array) -> Array:
    """By 1/w, over w^2, with its sign turned; w up to 1."""
    return xp.where(w < 0.25, power_series(w, BINET_SLOPE_FAR), power_series(w - 0.625, BINET_SLOPE_NEAR))


def shape_slope(xp: Any, a: Array) -> Array:
    k = xp.exp(a)
    small = k < 1.0
    x, w = xp.where(small, k, 1.0), 1.0 / xp.where(small, 1.0 + k, k)
    slope = binet_slope(xp, w)
    below = 1.0 + (0.5 - w / 2.0) + x * (w * w * slope - (xp.log1p(x) - a))
    return xp.where(small, below, 0.5 + w * slope)


def shape_bend(xp: Any, a: Array) -> Array:
    k = negative_exp(xp, a)  # or 1/k
    held = xp.where(a < 0.0, a, 0.0)
    below = power_series(xp.where(k < 0.2, k, 0.2), SHAPE_BEND_LOW) + (SHAPE_BEND_ZERO - held)
    far = power_series(xp.where(k < 0.4, k, 0.4), SHAPE_BEND_FAR)
    low, high = a < -1.7, a > 1.0
    middle = power_series(xp.where(low | high, 0.0, a) + 0.15, SHAPE_BEND_MID)
    return xp.where(low | high, xp.where(k > 0.0, k * xp.where(low, below, far), 0.0), middle)
