"""Array bodies of the primitives of `durations`: `xp` is NumPy or a namespace with its names; no branches on data."""

from __future__ import annotations

import math
from typing import Any

from losskit.calculus.arrays.core import power_series
from losskit.calculus.arrays.densities import hazard_excess, normal_pdf
from losskit.calculus.normal_fit import NODE_WEIGHTS, NODES

Array = Any
_HALF_LOG_2PI = 0.9189385332046728


def aft_z(xp: Any, t: Array, f: Array, s: Array) -> Array:
    return (xp.log(t) - f) / s


def aft_exp(xp: Any, t: Array, f: Array, s: Array) -> Array:
    return xp.exp(aft_z(xp, t, f, s))


def aft_exp_times(xp: Any, t: Array, f: Array, s: Array, c: Array) -> Array:
    return c * aft_exp(xp, t, f, s)


def aft_softplus(xp: Any, t: Array, f: Array, s: Array) -> Array:
    return xp.logaddexp(0.0, aft_z(xp, t, f, s))


def aft_sigmoid(xp: Any, t: Array, f: Array, s: Array, c: Array) -> Array:
    e = xp.exp(-xp.abs(aft_z(xp, t, f, s)))
    return c * xp.where(aft_z(xp, t, f, s) < 0.0, e, 1.0) / (1.0 + e)


def aft_sigmoid_slope(xp: Any, t: Array, f: Array, s: Array, c: Array) -> Array:
    return aft_sigmoid(xp, t, f, s, c) * aft_sigmoid(xp, t, f, -s, 1.0)


def _gap(xp: Any, a: Array, b: Array) -> Array:
    """log(b/a), infinite where either bound is open."""
    inner = (a > 0.0) & (b < xp.inf)
    a = xp.where(inner, a, 1.0)
    return xp.where(inner, xp.log1p((b - a) / a), xp.inf)


def aft_gap(xp: Any, a: Array, b: Array, s: Array) -> Array:
    return _minus_log1mexp(xp, _gap(xp, a, b) / s)


def _minus_log1mexp(xp: Any, x: Array) -> Array:
    """-log(1 - e^-x) for x > 0."""
    low = x < 0.7
    return -xp.where(low, xp.log(-xp.expm1(-xp.where(low, x, 1.0))), xp.log1p(-xp.exp(-x)))


def _rise(xp: Any, a: Array, b: Array, f: Array, s: Array) -> tuple[Array, Array]:
    """The rise of e^z from a to b, and its logarithm."""
    width, z = _gap(xp, a, b) / s, aft_z(xp, b, f, s)
    lost = -xp.expm1(-width)
    return xp.exp(z) * lost, z + xp.log(lost)


def weibull_mass(xp: Any, a: Array, b: Array, f: Array, s: Array) -> Array:
    d, log_d = _rise(xp, a, b, f, s)
    small = d < 1e-30
    return xp.where(small, -log_d, _minus_log1mexp(xp, xp.where(small, 1.0, d)))


def weibull_pull(xp: Any, a: Array, b: Array, f: Array, s: Array, c: Array) -> Array:
    d = _held(xp, _rise(xp, a, b, f, s)[0])
    return c * d * xp.exp(-d) / -xp.expm1(-d)


def weibull_bend(xp: Any, a: Array, b: Array, f: Array, s: Array, c: Array) -> Array:
    d = _held(xp, _rise(xp, a, b, f, s)[0])
    inner = xp.where(d < 0.5, d, 0.0)
    near = inner * inner * power_series(-inner, tuple(1.0 / math.factorial(k) for k in range(2, 18)))
    excess = xp.where(d < 0.5, near, xp.exp(-d) - 1.0 + d)
    return c * d * xp.exp(-d) / -xp.expm1(-d) * excess / -xp.expm1(-d)


def _held(xp: Any, d: Array) -> Array:
    return xp.where(d < 1e-30, 1e-30, xp.where(d < 1400.0, d, 1400.0))


def _interval(xp: Any, a: Array, b: Array, f: Array, s: Array) -> tuple[Array, ...]:
    """The ends in units of z, turned about 0 to the right; whether they were; and the width."""
    x, y = aft_z(xp, a, f, s), aft_z(xp, b, f, s)
    x, y = xp.where(x > -60.0, x, -60.0), xp.where(y < 1e4, y, 1e4)
    turned = x + y < 0.0
    width = _gap(xp, a, b) / s
    return xp.where(turned, -y, x), xp.where(turned, -x, y), turned, xp.where(width < 1e3, width, 1e3)


def _inside(xp: Any, x: Array, y: Array, width: Array) -> tuple[Array, Array, Array, Array]:
    """Whether the interval is wide about 0; else of u = z - x inside: the mass by e^(-x u - u^2/2), the mean, and
    width times the density at the end.
    """
    right = xp.where(x > 0.0, x, 0.0)
    narrow = (width <= 1.0) & (width * (right + width / 2.0) <= 2.0)
    about = (x < 0.0) & ~narrow
    x, width = xp.where(about, 0.0, x), xp.where(about, 1.0, width)
    far = xp.exp(-width * (x + width / 2.0))
    u = [width * c for c in NODES]
    density = [weight * xp.exp(-v * (x + v / 2.0)) for v, weight in zip(u, NODE_WEIGHTS, strict=True)]
    total, first = sum(density), sum(v * p for v, p in zip(u, density, strict=True))
    end = xp.where(y > 0.0, y, 0.0)
    w, v = hazard_excess(xp, right), hazard_excess(xp, end)
    mass = xp.where(narrow, width * total, 1.0 / (right + w) - far / (end + v))
    gone = far * (v + width) / (end + v)
    mean = xp.where(narrow, first / total, (w / (right + w) - gone) / xp.where(narrow, 1.0, mass))
    return about, mass, mean, width * far / mass


def _tail(xp: Any, x: Array) -> Array:
    x = xp.where(x > 0.0, xp.where(x < 60.0, x, 60.0), 0.0)
    return normal_pdf(xp, x) / (x + hazard_excess(xp, x))


def normal_mass(xp: Any, a: Array, b: Array, f: Array, s: Array) -> Array:
    x, y, _, width = _interval(xp, a, b, f, s)
    about, mass, _, _ = _inside(xp, x, y, width)
    around = -xp.log1p(-_tail(xp, -x) - _tail(xp, y))
    return xp.where(about, around, x * x / 2.0 + _HALF_LOG_2PI - xp.log(mass))


def _around(xp: Any, x: Array, y: Array) -> tuple[Array, ...]:
    """The densities at the ends over the mass between."""
    mass = 1.0 - _tail(xp, -x) - _tail(xp, y)
    return normal_pdf(xp, x) / mass, normal_pdf(xp, y) / mass


def normal_mean(xp: Any, a: Array, b: Array, f: Array, s: Array, c: Array) -> Array:
    x, y, turned, width = _interval(xp, a, b, f, s)
    about, _, mean, _ = _inside(xp, x, y, width)
    left, right = _around(xp, x, y)
    mean = xp.where(about, left - right, x + mean)
    return c * xp.where(turned, -mean, mean)


def normal_bend(xp: Any, a: Array, b: Array, f: Array, s: Array, c: Array) -> Array:
    x, y, _, width = _interval(xp, a, b, f, s)
    about, _, mean, end = _inside(xp, x, y, width)
    left, right = _around(xp, x, y)
    around = (left - right) ** 2 + y * right - x * left
    return c * xp.where(about, around, mean * (mean + x) + end)
