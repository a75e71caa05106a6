"""Array bodies behind losses of a score of two classes."""

from __future__ import annotations

from typing import Any

from losskit.calculus.arrays.core import expm1mx, log1pmx, minimum, mul_exp, negative_exp, sigmoid, softplus

Array = Any


def sigmoid_square(xp: Any, x: Array) -> Array:
    return sigmoid(xp, x) ** 2


def tangent_gap(xp: Any, m: Array) -> Array:
    half = 0.5463024898437905  # tan(1/2)
    above = m > 0
    inside = xp.where(above, m, 0.0)
    return xp.where(above, 2.0 * xp.arctan2(inside - half, 1.0 + half * inside), 2.0 * xp.arctan(m) - 1.0)


def tangent_slope(xp: Any, m: Array) -> Array:
    far = xp.abs(m) > 1e9
    held = xp.where(far, 0.0, m)
    return xp.where(far, 2.0 / xp.where(far, m, 1.0) / xp.where(far, m, 1.0), 2.0 / (1.0 + held * held))


def sigmoid_gap(xp: Any, x: Array, a: Array) -> Array:
    cost = softplus(xp, -x)
    small = xp.abs(a * cost) < 1e-17
    return xp.where(small, cost, -xp.expm1(-a * cost) / a)


def softplus_less_sigmoid(xp: Any, x: Array) -> Array:
    # with u = sigmoid(x) below 1/2 it is -log(1 - u) - u
    u = sigmoid(xp, xp.where(x < 0, x, 0.0))
    return xp.where(x < 0, -log1pmx(xp, -u), softplus(xp, x) - sigmoid(xp, x))


def logit_entropy(xp: Any, x: Array) -> Array:
    size = xp.abs(x)
    e = negative_exp(xp, x)
    near = xp.where(size < 800.0, size, 800.0)
    return xp.log1p(e) + near * e / (1.0 + e)


def softplus_tilted(xp: Any, z: Array, y: Array, k: Array) -> Array:
    c = xp.where(z > 0, 1.0 - y - k, y + k)
    return xp.where(c == 0, 0.0, xp.where(c == 0, 1.0, c) * xp.abs(z)) + xp.log1p(negative_exp(xp, z))


def softplus_times(xp: Any, x: Array, w: Array) -> Array:
    none = w == 0
    return xp.where(none, 0.0, w * xp.where(none, 1.0, softplus(xp, x)))


def sigmoid_times(xp: Any, x: Array, w: Array) -> Array:
    return w * sigmoid(xp, x)


def softplus_scaled(xp: Any, x: Array, w: Array) -> Array:
    t = mul_exp(xp, w, 1.0, x)
    return xp.where(t < xp.inf, xp.log1p(t), x + xp.log(w))


def sigmoid_scaled(xp: Any, x: Array, w: Array) -> Array:
    t = mul_exp(xp, w, 1.0, x)
    return xp.where(t < xp.inf, t / (1.0 + t), xp.where(t > 1.0, 1.0, t))


def dwd_power(xp: Any, m: Array, q: Array) -> Array:
    start = q / (q + 1.0)
    return xp.exp(-q * xp.log(xp.where(m > start, m, start) / start))


def flip_loss(xp: Any, x: Array, a: Array, b: Array) -> Array:
    p, q = sigmoid(xp, x), sigmoid(xp, -x)
    rest = a * p + (1.0 - b) * q
    alone = softplus(xp, -x) - xp.log1p(-a)
    return xp.where(b == 0, alone, xp.where(rest < 0.5, -xp.log1p(-rest), -xp.log((1.0 - a) * p + b * q)))


def _against(xp: Any, x: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """e^-x, and sigmoid(x) over the mixture."""
    e = xp.exp(xp.where(x > -700.0, -x, 700.0))
    return e, 1.0 / (1.0 - a + b * e)


def flip_slope(xp: Any, x: Array, a: Array, b: Array) -> Array:
    _, share = _against(xp, x, a, b)
    return (1.0 - a - b) * sigmoid(xp, -x) * share


def flip_bend(xp: Any, x: Array, a: Array, b: Array) -> Array:
    e, share = _against(xp, x, a, b)
    p, q = sigmoid(xp, x), sigmoid(xp, -x)
    return flip_slope(xp, x, a, b) * ((1.0 - a) * p - b * q * e) * share


def _above(xp: Any, x: Array, m: Array) -> tuple[Array, Array]:
    """Whether sigmoid(x) is above m, and 1 - m/sigmoid(x), which is positive there."""
    odds = m / (1.0 - m)
    d = x - xp.where(odds > 0, xp.log(xp.where(odds > 0, odds, 1.0)), -xp.inf)
    inside = d > 0
    return inside, (1.0 - m) * -xp.expm1(-xp.where(inside, d, 1.0))


def above_power(xp: Any, x: Array, m: Array, g: Array) -> Array:
    inside, share = _above(xp, x, m)
    return xp.where(inside, xp.exp(g * (xp.log(share) - softplus(xp, -x))), 0.0)


def above_rate(xp: Any, c: Array, x: Array, m: Array) -> Array:
    inside, share = _above(xp, x, m)
    return xp.where(inside, c * sigmoid(xp, -x) / share, 0.0)


def above_cost(xp: Any, x: Array, m: Array) -> Array:
    inside, share = _above(xp, x, m)
    u = sigmoid(xp, x) * share
    beyond = -xp.log1p(-xp.where(u < 0.5, u, 0.5))
    rest = -xp.log(sigmoid(xp, -xp.where(u < 0.5, 0.0, x)) + m)
    return xp.where(inside, xp.where(m == 0, softplus(xp, x), xp.where(u < 0.5, beyond, rest)), 0.0)


def _tempered(xp: Any, x: Array, b: Array) -> tuple[Array, Array]:
    """Logarithms of the smaller and of the larger of the tempered probabilities at scores x and 0."""
    k, size = b - 1.0, xp.abs(x)
    held = xp.where(size < xp.inf, size, 1e37)
    w = minimum(xp, -xp.log1p(k * held) / k, xp.log(0.5 + 0.0 * held))
    for _ in range(6):
        q = xp.exp(w)
        rest = xp.expm1(-k * xp.log1p(-q))
        slope = 1.0 + (1.0 + rest) * q / ((1.0 - q) * (1.0 + k * held + rest))
        w = minimum(xp, w - (xp.log1p(k * held + rest) / k + w) / slope, xp.log(0.5 + 0.0 * held))
    return w, xp.log1p(-xp.exp(w))


def bitempered(xp: Any, x: Array, a: Array, b: Array) -> Array:
    w, other = _tempered(xp, x, b)
    c, d = 1.0 - a, 2.0 - a
    power = xp.exp(d * w)
    near = (expm1mx(xp, d * other) + power) / d - expm1mx(xp, c * other) / c
    return xp.where(x > 0, near, (xp.expm1(d * other) + power) / d - xp.expm1(c * w) / c)


def bitempered_slope(xp: Any, x: Array, a: Array, b: Array) -> Array:
    w, other = _tempered(xp, x, b)
    odds = w - other
    share = (1.0 + xp.exp(a * odds)) / (1.0 + xp.exp(b * odds))
    return xp.exp((b - a) * w + xp.where(x > 0, w, other)) * share


def bitempered_bend(xp: Any, x: Array, a: Array, b: Array) -> Array:
    w, other = _tempered(xp, x, b)
    odds = w - other
    one, two = 1.0 + xp.exp(a * odds), 1.0 + xp.exp(b * odds)
    gap = b * xp.expm1((1.0 + b) * odds) / two - a * xp.expm1((1.0 + a) * odds) / one
    power = xp.exp((2.0 * b - a - 1.0) * w) * one / two / two
    return power * xp.where(x > 0, xp.exp(w) * (1.0 - gap), xp.exp(w) + xp.exp(other) * gap)
