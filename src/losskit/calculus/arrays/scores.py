"""Array bodies of the primitives of `scores`: `xp` is NumPy or a namespace with its names; no branches on data."""

from __future__ import annotations

from typing import Any

from losskit.calculus.normal_fit import OVER_ROOT_TWO_PI

Array = Any
_HALF_OF_THE_BITS = 2.0**27 + 1.0


def _in_scales(xp: Any, y: Array, m: Array, t: Array) -> Array:
    return xp.where(y == m, 0.0, xp.abs(y - m) * xp.exp(-t))


def _product(a: Array, b: Array) -> tuple[Array, Array]:
    """a b and what its rounding lost (Dekker 1971), for numbers whose product is far from over- and underflow."""
    high, other = (x * _HALF_OF_THE_BITS - (x * _HALF_OF_THE_BITS - x) for x in (a, b))
    low, p = a - high, a * b
    return p, ((high * other - p) + high * (b - other) + low * other) + low * (b - other)


def _bell(xp: Any, y: Array, m: Array, t: Array, rate: float) -> Array:
    """exp(-rate a^2) at a = (y - m) e^-t: the square in two parts, else its rounding would count as often as it is."""
    a = _in_scales(xp, y, m, t)
    inside = (xp.abs(t) < 300.0) & (a > 1e-4) & (a < 50.0)  # elsewhere the plain square will do
    s, up, down = xp.where(inside, t, 0.0), xp.where(inside, y, 1.0), xp.where(inside, m, 0.0)
    r = up - down
    back = r - up
    rest = (up - (r - back)) - (down + back)
    square, lost = _product(r, r)
    scale = xp.exp(-2.0 * s)
    exponent, tail = _product(square, scale)
    tail = tail + (lost + 2.0 * r * rest) * scale
    return xp.where(inside, xp.exp(-rate * exponent) * (1.0 - rate * tail), xp.exp(-rate * a * a))


def decay(xp: Any, y: Array, m: Array, t: Array) -> Array:
    return xp.exp(-_in_scales(xp, y, m, t))


def bell(xp: Any, y: Array, m: Array, t: Array) -> Array:
    return OVER_ROOT_TWO_PI * _bell(xp, y, m, t, 0.5)


def half_decay(xp: Any, y: Array, m: Array, t: Array) -> Array:
    return xp.exp(-_in_scales(xp, y, m, t) / 2.0)


def half_bell(xp: Any, y: Array, m: Array, t: Array) -> Array:
    return _bell(xp, y, m, t, 0.25)
