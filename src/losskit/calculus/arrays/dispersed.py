"""Array bodies of the negative binomial density: `xp` is NumPy or a namespace with its names; no branches on data.

Letters are those of `losskit.kernels.dispersed`: z = f + a, d = log y - f; e is e^-|z|. In one double z and d would
carry the rounding of their larger summand, which is all that is left of d near y = e^f; so both have a tail.
"""

from __future__ import annotations

from typing import Any

from losskit.calculus.arrays.core import expm1mx, log_parts, power_series, two_sum
from losskit.calculus.arrays.densities import (
    binet_from_one,
    binet_slope,
    shape_bend,
    shape_normaliser,
    shape_slope,
    stirling,
)

Array = Any
Pair = tuple[Array, Array]
_NOTHING = -1e4  # for log 0: far below all else


def _near(xp: Any, head: Array, tail: Array) -> Array:
    """The tail, or 0 where the head is so large (or infinite) that its tail is noise or nan."""
    return xp.where(xp.abs(head) < 1e5, tail, 0.0)


def _log_label(xp: Any, y: Array) -> Pair:
    g, tail = log_parts(xp, xp.where(y > 0, y, 1.0))
    return xp.where(y > 0, g, _NOTHING), xp.where(y > 0, tail, 0.0)


def _distance(xp: Any, y: Array, f: Array) -> Pair:
    """D in two parts, the first rounded from both."""
    g, g_tail = _log_label(xp, y)
    d, tail = two_sum(g, -f)
    tail = _near(xp, d, tail + g_tail)
    return d + tail, _near(xp, d, tail - ((d + tail) - d))


def _gap(xp: Any, d: Array, tail: Array) -> Array:
    """e^-|d| - 1."""
    gap = xp.expm1(-xp.abs(d))
    return gap + xp.where(d > 0, -tail, tail) * (1.0 + gap)


def _odds(xp: Any, f: Array, a: Array, g_tail: Array = 0.0) -> tuple[Array, Array, Array]:
    """Z in two parts, and e; with g_tail z is that of the label, f its logarithm."""
    z, tail = two_sum(f, a)
    tail = _near(xp, z, tail + g_tail)
    return z, tail, xp.exp(-xp.abs(z)) * (1.0 + xp.where(z > 0, -tail, tail))


def dispersed_share(xp: Any, f: Array, a: Array, g_tail: Array = 0.0) -> Array:
    z, _, e = _odds(xp, f, a, g_tail)
    return xp.where(z < 0, e, 1.0) / (1.0 + e)


def dispersed_pull(xp: Any, y: Array, f: Array, a: Array) -> Array:
    d, tail = _distance(xp, y, f)
    gap = _gap(xp, d, tail)
    above = -gap * xp.exp(xp.where(f < -a, f, -a)) / (1.0 + _odds(xp, f, a)[2])
    return xp.where(d > 0, y * gap * dispersed_share(xp, -f, -a), above)


def dispersed_bend(xp: Any, y: Array, f: Array, a: Array) -> Array:
    z, z_tail, e = _odds(xp, f, a)
    x, x_tail = two_sum(-a, -z)
    own = xp.where(z > 0, xp.exp(x) * (1.0 + _near(xp, x, x_tail - z_tail)), xp.exp(f))
    return (y * e + own) / (1.0 + e) ** 2


def _shift(xp: Any, y: Array, f: Array, a: Array) -> Array:
    """v = (mu - y)/(mu + r)."""
    d, tail = _distance(xp, y, f)
    gap = _gap(xp, d, tail)
    below = y * gap * xp.exp(xp.where(a < -f, a, -f)) / (1.0 + _odds(xp, f, a)[2])
    return xp.where(d > 0, below, -gap * dispersed_share(xp, f, a))


def _total_rise(xp: Any, y: Array, f: Array, a: Array) -> Array:
    """log((mu + r)/(y + r))."""
    g, g_tail = _log_label(xp, y)
    z, _, e = _odds(xp, f, a)
    z0, _, e0 = _odds(xp, g, a, g_tail)
    lead = xp.where(z > 0, z, 0.0) - xp.where(z0 > 0, z0, 0.0)
    lead = xp.where((z > 0) & (z0 > 0), f - g, lead)
    return lead + (xp.log1p(e) - xp.log1p(e0))


def _rest(xp: Any, y: Array, a: Array) -> Array:
    """1 - q = r/(y + r)."""
    g, g_tail = _log_label(xp, y)
    return dispersed_share(xp, -g, -a, -g_tail)


def dispersed_sag(xp: Any, y: Array, f: Array, a: Array) -> Array:
    v = _shift(xp, y, f, a)
    near = xp.abs(v) < 0.25
    held = xp.where(near, v, 0.0)
    series = -power_series(held, tuple(1.0 / k for k in range(2, 32))) * held * held
    far = xp.where(v < 0.5, v + xp.log1p(-xp.where(v < 0.5, v, 0.0)), v - _total_rise(xp, y, f, a))
    return xp.where(near, series, far) * xp.exp(-a)


def dispersed_cross(xp: Any, y: Array, f: Array, a: Array) -> Array:
    return dispersed_pull(xp, y, f, a) * dispersed_share(xp, f, a)


def dispersed_sway(xp: Any, y: Array, f: Array, a: Array) -> Array:
    pull, v, rest = dispersed_pull(xp, y, f, a), _shift(xp, y, f, a), _rest(xp, y, a)
    far = _total_rise(xp, y, f, a) * xp.exp(-a) - pull * (dispersed_share(xp, f, a) + rest)
    return xp.where(v < -1.0, far, -dispersed_sag(xp, y, f, a) - pull * (v * rest))


def dispersed_deviance(xp: Any, y: Array, f: Array, a: Array) -> Array:
    g, g_tail = _log_label(xp, y)
    z, _, fade = _odds(xp, f, a)
    z0, _, label_fade = _odds(xp, g, a, g_tail)
    low = z0 <= 0
    d, _ = _distance(xp, y, f)
    e = xp.where(low, -d, d)
    share = label_fade / (1.0 + label_fade)  # the lesser of q and 1 - q
    near = xp.abs(e) < 0.5
    inner = xp.where(near, e, 0.0)
    x = share * xp.expm1(inner)
    square = x * x * power_series(-x, tuple(1.0 / k for k in range(2, 42)))
    series = expm1mx(xp, inner)
    part = xp.where(low, y, xp.exp(-a))
    close = xp.where(share > 0, part * (series - square / xp.where(share > 0, share, 1.0)), part * series)
    up = xp.where(low, z, -z)
    grown = xp.where(up > 0, up, 0.0) + xp.log1p(fade) - xp.log1p(label_fade)
    far = (y + xp.exp(-a)) * grown - part * e
    return xp.where(near, close, far)


def dispersed_floor(xp: Any, y: Array, a: Array) -> Array:
    r = xp.exp(-a)
    held = xp.where(y > 0, y, 1.0)
    narrow = shape_normaliser(xp, -a) - shape_normaliser(xp, xp.log(held + r))
    large = xp.where(r < 1.0, 1.0, r)
    wide = xp.log1p(held / large) / 2.0 + (binet_from_one(xp, large) - binet_from_one(xp, large + held))
    return xp.where(y > 0, stirling(xp, held) + xp.where(a > 0, narrow, wide), 0.0)


def dispersed_floor_slope(xp: Any, y: Array, a: Array) -> Array:
    g, g_tail = _log_label(xp, y)
    q, rest = dispersed_share(xp, g, a, g_tail), dispersed_share(xp, -g, -a, -g_tail)
    small = a > 0
    w = xp.exp(xp.where(small, 0.0, a))
    v = 1.0 / (xp.where(y > 0, y, 1.0) + xp.exp(-a))
    # the slopes without the halves that they all have
    own = xp.where(small, shape_slope(xp, -xp.where(small, a, 0.0)) - 0.5, w * binet_slope(xp, w))
    return xp.where(y > 0, q / 2.0 + (own - rest * (v * binet_slope(xp, v))), 0.0)


def dispersed_floor_bend(xp: Any, y: Array, a: Array) -> Array:
    g, g_tail = _log_label(xp, y)
    q, rest = dispersed_share(xp, g, a, g_tail), dispersed_share(xp, -g, -a, -g_tail)
    total = xp.log(xp.where(y > 0, y, 1.0) + xp.exp(-a))
    bends = shape_bend(xp, -a) - rest * rest * shape_bend(xp, total)
    return xp.where(y > 0, bends + q * rest * shape_slope(xp, total), 0.0)
