"""Array bodies of the deviances of amounts, counts and durations."""

from __future__ import annotations

from typing import Any

from losskit.calculus.arrays.core import expm1mx, log1pmx, mul_exp, softplus

Array = Any


def poisson_deviance(xp: Any, y: Array, f: Array) -> Array:
    some = y > 0
    inside = xp.where(some, y, 1.0)
    d = f - xp.log(inside)
    near = xp.abs(d) < 1.5
    far = (xp.exp(f) - y) - inside * xp.where(near, 0.0, d)
    return xp.where(some, xp.where(near, inside * expm1mx(xp, xp.where(near, d, 0.0)), far), xp.exp(f))


def tweedie_deviance(xp: Any, y: Array, f: Array, p: Array) -> Array:
    zero, one, two = p == 0, p == 1, p == 2
    normal = (mul_exp(xp, 1.0, 1.0, f) - y) ** 2 / 2.0
    some = y > 0
    inside = xp.where(some, y, 1.0)
    d = f - xp.log(inside)
    a, b = xp.where(one, 0.5, p - 1.0), xp.where(two, 0.5, 2.0 - p)
    # both sums have terms of one sign: no cancellation on either side of p = 2
    below = xp.exp(b * xp.log(inside)) * (expm1mx(xp, b * d) / b + expm1mx(xp, -a * d) / a)
    above = xp.exp(b * f) * (expm1mx(xp, -b * d) / -b + expm1mx(xp, -d)) / a
    general = xp.where(some, xp.where(p < 2.0, below, above), xp.exp(b * f) / b)
    general = xp.where(one, poisson_deviance(xp, y, f), xp.where(two, expm1mx(xp, -d), general))
    return xp.where(zero, normal, general)


def _tweedie_difference(xp: Any, y: Array, f: Array, p: Array, first: Array, second: Array) -> Array:
    """first mu^(2 - p) - second y mu^(1 - p) at mu = e^f, as one product where the first overflows."""
    large = mul_exp(xp, first, 2.0 - p, f)
    together = mul_exp(xp, first - second * mul_exp(xp, y, -1.0, f), 2.0 - p, f)
    return xp.where(xp.abs(large) < xp.inf, large - mul_exp(xp, second * y, 1.0 - p, f), together)


def tweedie_slope(xp: Any, y: Array, f: Array, p: Array) -> Array:
    return _tweedie_difference(xp, y, f, p, 1.0, 1.0)


def tweedie_bend(xp: Any, y: Array, f: Array, p: Array) -> Array:
    return _tweedie_difference(xp, y, f, p, 2.0 - p, 1.0 - p)


def gamma_deviance(xp: Any, y: Array, f: Array) -> Array:
    return expm1mx(xp, xp.log(y) - f)


def mean_ratio(xp: Any, y: Array, f: Array) -> Array:
    return mul_exp(xp, y, -1.0, f)


def inverse_gaussian(xp: Any, y: Array, f: Array) -> Array:
    return xp.expm1(xp.log(y) - f) ** 2 / (2.0 * y)


def weibull_deviance(xp: Any, y: Array, f: Array, k: Array) -> Array:
    return expm1mx(xp, k * (xp.log(y) - f))


def ratio_power(xp: Any, c: Array, y: Array, f: Array, k: Array) -> Array:
    return mul_exp(xp, c, k, xp.log(y) - f)


def negative_binomial_deviance(xp: Any, y: Array, f: Array, a: Array) -> Array:
    some = y > 0
    inside = xp.where(some, y, 1.0)
    d = f - xp.log(inside)
    odds = a * inside
    low = odds <= 1
    share = xp.where(low, odds, 1.0) / (1.0 + odds)
    e = xp.where(low, d, -d)
    near = xp.abs(e) < 1
    inner = xp.where(near, e, 0.5)
    close = log1pmx(xp, share * xp.expm1(inner)) + share * expm1mx(xp, inner)
    held = xp.where(e < 700, e, 700.0)
    grown = xp.where(e < 700, xp.log1p(share * xp.expm1(held)), e + xp.log(share))
    zero = softplus(xp, f + xp.log(a)) / a
    return xp.where(some, (inside + 1.0 / a) * xp.where(near, close, grown - share * e), zero)


def poisson_deviance_of_mean(xp: Any, y: Array, f: Array) -> Array:
    some = (y > 0) & (f > 0)
    inside, mean = xp.where(some, y, 1.0), xp.where(some, f, 1.0)
    t = (mean - inside) / inside
    near = (t > -0.6) & (t < 1.5)
    close = -inside * log1pmx(xp, xp.where(near, t, 0.0))
    far = inside * (xp.log(inside) - xp.log(mean)) + (mean - inside)
    return xp.where(some, xp.where(near, close, far), xp.where(y > 0, xp.inf, f))
