"""Array bodies behind robust losses of a residual."""

from __future__ import annotations

from typing import Any

from losskit.calculus.arrays.core import FAR, expm1mx, log1pmx, negative_exp, sigmoid_minus, sigmoid_slope

Array = Any


def abs_power(xp: Any, c: Array, r: Array, a: Array) -> Array:
    flat = (c == 0) | (a == 0)
    return xp.where(flat, c, xp.where(c == 0, 1.0, c) * xp.where(flat, 1.0, xp.abs(r)) ** xp.where(flat, 1.0, a))


def sign_power(xp: Any, c: Array, r: Array, a: Array) -> Array:
    size = abs_power(xp, c, r, a)
    return xp.where(r < 0, -size, xp.where(r == 0, 0.0, size))


def _square(xp: Any, r: Array, c: Array) -> tuple[Array, Array, Array]:
    """Whether r/c is too large to be squared, r/c kept from there, and its square."""
    far = xp.abs(r) / c > FAR
    x = xp.where(far, 1.0, r) / c
    return far, x, x * x


def log1p_square(xp: Any, k: Array, r: Array, c: Array) -> Array:
    far, _, square = _square(xp, r, c)
    return k * xp.where(far, 2.0 * xp.log(xp.abs(r) / c), xp.log1p(square))


def damped(xp: Any, k: Array, r: Array, c: Array) -> Array:
    far, _, square = _square(xp, r, c)
    return xp.where(far, k * c * c / xp.where(far, r, 1.0), k * r / (1.0 + square))


def inverse_square(xp: Any, k: Array, r: Array, c: Array) -> Array:
    far, _, square = _square(xp, r, c)
    x = xp.where(far, r, 1.0) / c
    return xp.where(far, k / x / x, k / (1.0 + square))


def one_minus_square(xp: Any, r: Array, c: Array) -> Array:
    size = xp.abs(r)
    return (c - size) / c * (1.0 + size / c)


def div_square(xp: Any, x: Array, s: Array) -> Array:
    return x / s / s


def div_cube(xp: Any, x: Array, s: Array) -> Array:
    return x / s / s / s


def fair(xp: Any, r: Array, c: Array) -> Array:
    x = xp.abs(r) / c
    return c * (c * -log1pmx(xp, x))


def mul_log1p(xp: Any, k: Array, x: Array, c: Array) -> Array:
    return k * xp.log1p(x / c)


def scaled_sin(xp: Any, r: Array, c: Array) -> Array:
    return c * xp.sin(r / c)


def scaled_cos(xp: Any, r: Array, c: Array) -> Array:
    return xp.cos(r / c)


def welsch(xp: Any, r: Array, c: Array) -> Array:
    x = xp.where(xp.abs(r) < 40.0 * c, r, 40.0 * c) / c
    return c * c / 2.0 * -xp.expm1(-(x * x))


def mul_gauss(xp: Any, k: Array, r: Array, c: Array) -> Array:
    far = xp.abs(r) >= 40.0 * c
    x = xp.where(far, 0.0, r) / c
    return xp.where(far, 0.0, xp.where(far, 1.0, k) * xp.exp(-(x * x)))


def linex(xp: Any, r: Array, a: Array) -> Array:
    return expm1mx(xp, a * r)


def linex_slope(xp: Any, r: Array, a: Array) -> Array:
    return a * xp.expm1(a * r)


def smoothed_pinball(xp: Any, r: Array, level: Array, h: Array) -> Array:
    return xp.where(r > 0, 1.0 - level, level) * xp.abs(r) + h * xp.log1p(negative_exp(xp, r / h))


def smoothed_step(xp: Any, r: Array, level: Array, h: Array) -> Array:
    return sigmoid_minus(xp, r / h, level)


def logistic_density(xp: Any, r: Array, h: Array) -> Array:
    return sigmoid_slope(xp, r / h) / h


def log1p_ratio(xp: Any, x: Array, y: Array) -> Array:
    t = (x - y) / (1.0 + y)
    near = (t > -0.5) & (t < 1.0)
    return xp.where(near, xp.log1p(xp.where(near, t, 0.0)), xp.log1p(x) - xp.log1p(y))


def _barron(xp: Any, r: Array, alpha: Array, c: Array) -> tuple[Array, Array, Array, Array]:
    """Squares of r/c, distances from alpha to 2, their quotients' log1p, and whether alpha is -inf."""
    limit = alpha == -xp.inf
    b = xp.where(limit | (alpha == 2), 1.0, xp.abs(xp.where(limit, 0.0, alpha) - 2.0))
    z = (r / c) * (r / c)
    return z, b, xp.log1p(z / b), limit


def barron(xp: Any, r: Array, alpha: Array, c: Array) -> Array:
    z, b, power, limit = _barron(xp, r, alpha, c)
    odd = limit | (alpha == 0)
    a = xp.where(odd, 1.0, alpha)
    general = b / a * xp.expm1(a / 2.0 * power)
    special = xp.where(limit, -xp.expm1(-z / 2.0), power)
    return c * c * xp.where(alpha == 2, z / 2.0, xp.where(odd, special, general))


def _barron_weight(xp: Any, alpha: Array, z: Array, power: Array, limit: Array) -> Array:
    exponent = xp.where(limit, -z / 2.0, (xp.where(limit, 0.0, alpha) / 2.0 - 1.0) * power)
    return xp.exp(exponent)


def barron_slope(xp: Any, r: Array, alpha: Array, c: Array) -> Array:
    z, _, power, limit = _barron(xp, r, alpha, c)
    return r * xp.where(alpha == 2, 1.0, _barron_weight(xp, alpha, z, power, limit))


def barron_bend(xp: Any, r: Array, alpha: Array, c: Array) -> Array:
    z, b, power, limit = _barron(xp, r, alpha, c)
    # 1/q + (alpha - 1) s/q with s = z/b, q = 1 + s
    factor = xp.where(limit, 1.0 - z, (1.0 + (xp.where(limit, 0.0, alpha) - 1.0) * (z / b)) / (1.0 + z / b))
    bend = factor * _barron_weight(xp, alpha, z, power, limit)
    return xp.where(alpha == 2, 1.0, bend)
