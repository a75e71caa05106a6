"""Array bodies of the beta density: `xp` is NumPy or a namespace with its names; no branches on data.

As in `losskit.kernels.betas`, m is the lesser of the mean and what it lacks to 1, e/(1 + e) with e = e^-|f|.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from losskit.calculus.arrays.core import expm1mx, log1pmx, negative_exp, power_series
from losskit.calculus.arrays.densities import shape_bend, shape_normaliser, shape_slope
from losskit.calculus.gamma_fits import SHAPE_BEND_FAR, SHAPE_BEND_LOW, SHAPE_BEND_MID

Array = Any


def _shapes(xp: Any, f: Array, s: Array) -> tuple[Array, Array, Array]:
    """e, and the logarithms of the lesser and the greater shape."""
    e = negative_exp(xp, f)
    greater = s - xp.log1p(e)
    return e, greater - xp.abs(f), greater


def _turned(xp: Any, x: Array, f: Array) -> Array:
    return xp.where(f > 0, x, xp.where(f < 0, -x, 0.0 * f))


def beta_floor(xp: Any, f: Array, s: Array) -> Array:
    _, a, b = _shapes(xp, f, s)
    return shape_normaliser(xp, a) + (shape_normaliser(xp, b) - shape_normaliser(xp, s))


def beta_lift(xp: Any, f: Array, s: Array) -> Array:
    _, a, b = _shapes(xp, f, s)
    return shape_slope(xp, a) + (shape_slope(xp, b) - shape_slope(xp, s))


def beta_tilt(xp: Any, f: Array, s: Array) -> Array:
    e, a, b = _shapes(xp, f, s)
    return _turned(xp, (shape_slope(xp, a) - e * shape_slope(xp, b)) / (1.0 + e), f)


def beta_curve(xp: Any, f: Array, s: Array) -> Array:
    e, a, b = _shapes(xp, f, s)
    bends = shape_bend(xp, a) + e * (e * shape_bend(xp, b))
    return (e * (shape_slope(xp, a) + shape_slope(xp, b)) + bends) / (1.0 + e) / (1.0 + e)


def beta_sway(xp: Any, f: Array, s: Array) -> Array:
    e, a, b = _shapes(xp, f, s)
    return _turned(xp, (e * shape_bend(xp, b) - shape_bend(xp, a)) / (1.0 + e), f)


def _divided_series(x: Array, b: Array, coefficients: Sequence[float]) -> Array:
    """(P(x) - b P(b x))/(1 - b) for the power series P of x."""
    powers, total = 0.0 * b, 0.0 * x
    scale = 1.0 + 0.0 * x
    for c in coefficients:
        powers = 1.0 + b * powers
        total = total + c * (powers * scale)
        scale = scale * x
    return total


def _divided_difference(x: Array, y: Array, coefficients: Sequence[float]) -> Array:
    """(P(x) - P(y))/(x - y) for the power series P."""
    value = slope = coefficients[-1] + 0.0 * x
    for c in reversed(coefficients[1:-1]):
        value = value * x + c
        slope = slope * y + value
    return slope


def beta_flex(xp: Any, f: Array, s: Array) -> Array:
    e, a, _ = _shapes(xp, f, s)
    rest, rise = 1.0 / (1.0 + e), xp.log1p(e)
    low, far = s < -1.0, s > 1.4
    k = xp.exp(xp.where(low, s, 0.0))
    series = power_series(e * rest * k, SHAPE_BEND_LOW) - _divided_series(k, rest, SHAPE_BEND_LOW)
    seen = e > 1e-17
    entropy = xp.abs(f) + xp.where(seen, (1.0 + e) * (rise / xp.where(seen, e, 1.0)), 1.0)
    below = (entropy + series) * rest * xp.exp(s - xp.abs(f))
    held = xp.where(low | far, 0.0, s) + 0.15
    middle = -rise * _divided_difference(held, held - rise, SHAPE_BEND_MID)
    w = xp.exp(-xp.where(far, s, 1.4))
    beyond = w * e * _divided_series(w * (1.0 + e), rest, SHAPE_BEND_FAR)
    return xp.where(low, below, shape_bend(xp, a) + xp.where(far, beyond, middle))


def _gap(xp: Any, y: Array, f: Array) -> Array:
    """f - log(y/(1 - y))."""
    return f - (xp.log(y) - xp.log1p(-y))


def beta_energy(xp: Any, y: Array, f: Array, s: Array) -> Array:
    e, over = negative_exp(xp, f), f > 0
    rest, d = 1.0 / (1.0 + e), xp.where(over, -1.0, 1.0) * _gap(xp, y, f)
    cost = xp.where(over, -xp.log(y), -xp.log1p(-y))
    near = ((d > -1.0) & (d < 2.0)) | ((e < 1e-17) & (xp.abs(d) < 80.0) & (cost < 1e-17))
    c = xp.where(near, d, 0.5)
    rise = xp.expm1(-c)
    x = e * rest * rise
    flat = xp.abs(x) < 1e-9
    held = xp.where(flat, 1.0, x)
    ratio = xp.where(flat, x / 3.0 - 0.5, log1pmx(xp, held) / (held * held))
    half = xp.exp((s - xp.abs(f)) / 2.0)
    close = half * ((expm1mx(xp, -c) + x * (ratio * rise)) * rest) * half
    far = (cost - xp.log1p(e)) + e * rest * xp.where(e > 0, d, 0.0)
    return xp.where(near, close, far * xp.exp(s))


def _spread(xp: Any, f: Array, s: Array) -> Array:
    """The root of phi m (1 - m)."""
    return xp.exp((s - xp.abs(f)) / 2.0) / (1.0 + negative_exp(xp, f))


def beta_pull(xp: Any, y: Array, f: Array, s: Array) -> Array:
    root = _spread(xp, f, s)
    return root * xp.where(root > 0, _gap(xp, y, f), 0.0) * root


def beta_bend(xp: Any, y: Array, f: Array, s: Array) -> Array:
    root = _spread(xp, f, s)
    return root * (1.0 + xp.tanh(-f / 2.0) * xp.where(root > 0, _gap(xp, y, f), 0.0)) * root
