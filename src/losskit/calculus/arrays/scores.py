"""Array bodies of the primitives of `scores`: `xp` is NumPy or a namespace with its names; no branches on data."""

from __future__ import annotations

from typing import Any

from losskit.calculus.arrays.densities import normal_pdf

Array = Any


def _in_scales(xp: Any, y: Array, m: Array, t: Array) -> Array:
    return xp.where(y == m, 0.0, xp.abs(y - m) * xp.exp(-t))


def decay(xp: Any, y: Array, m: Array, t: Array) -> Array:
    return xp.exp(-_in_scales(xp, y, m, t))


def bell(xp: Any, y: Array, m: Array, t: Array) -> Array:
    return normal_pdf(xp, _in_scales(xp, y, m, t))


def half_decay(xp: Any, y: Array, m: Array, t: Array) -> Array:
    return xp.exp(-_in_scales(xp, y, m, t) / 2.0)


def half_bell(xp: Any, y: Array, m: Array, t: Array) -> Array:
    a = _in_scales(xp, y, m, t)
    return xp.exp(-a * a / 4.0)
