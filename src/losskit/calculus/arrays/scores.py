"""Array bodies of the primitives of `scores`: `xp` is NumPy or a namespace with its names; no branches on data."""

from __future__ import annotations

from typing import Any

from losskit.calculus.arrays.core import two_prod, two_sum
from losskit.calculus.normal_fit import OVER_ROOT_TWO_PI

Array = Any


def _in_scales(xp: Any, y: Array, m: Array, t: Array) -> Array:
    return xp.where(y == m, 0.0, xp.abs(y - m) * xp.exp(-t))


def _bell(xp: Any, y: Array, m: Array, t: Array, rate: float) -> Array:
    """exp(-rate a^2) at a = (y - m) e^-t: the square in two parts, else its rounding would count as often as it is."""
    a = _in_scales(xp, y, m, t)
    inside = (xp.abs(t) < 300.0) & (a > 1e-4) & (a < 50.0)  # elsewhere the plain square will do
    s, up, down = xp.where(inside, t, 0.0), xp.where(inside, y, 1.0), xp.where(inside, m, 0.0)
    r, rest = two_sum(up, -down)
    square, lost = two_prod(r, r)
    scale = xp.exp(-2.0 * s)
    exponent, tail = two_prod(square, scale)
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
