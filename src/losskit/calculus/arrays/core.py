"""Array bodies that many formulas share: selects, sigmoids, functions without cancellation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Array = Any
_HALF_OF_THE_BITS = 2.0**27 + 1.0
_LN2 = 0.6931471805599453
_LN2_HEAD = float.fromhex("0x1.62e42fefa3800p-1")  # 42 bits: exact times any exponent
_LN2_TAIL = float.fromhex("0x1.ef35793c76730p-45")
_LOG_TAIL = tuple(2.0 / k for k in range(3, 27, 2))  # of log((1 + s)/(1 - s)) = 2 s + s z P(z), z = s^2
FAR = 1e18  # beyond it 1 + x^2 is x^2 in double, and up to it x^2 is finite in single


def where(xp: Any, condition: Array, a: Array, b: Array) -> Array:
    return xp.where(condition, a, b)


def maximum(xp: Any, a: Array, b: Array) -> Array:
    return xp.where(b > a, b, a)


def minimum(xp: Any, a: Array, b: Array) -> Array:
    return xp.where(b < a, b, a)


def negative_exp(xp: Any, x: Array) -> Array:
    return xp.exp(-xp.abs(x))


def sigmoid(xp: Any, x: Array) -> Array:
    e = negative_exp(xp, x)
    return xp.where(x > 0, 1.0, e) / (1.0 + e)


def sigmoid_slope(xp: Any, x: Array) -> Array:
    e = negative_exp(xp, x)
    return e / (1.0 + e) / (1.0 + e)


def softplus(xp: Any, x: Array) -> Array:
    return xp.where(x > 0, x, 0.0) + xp.log1p(negative_exp(xp, x))


def softplus_minus(xp: Any, z: Array, y: Array) -> Array:
    share = xp.where(z > 0, 1.0 - y, y)
    return xp.where(share == 0, 0.0, share * xp.abs(z)) + xp.log1p(negative_exp(xp, z))


def sigmoid_minus(xp: Any, z: Array, y: Array) -> Array:
    e = negative_exp(xp, z)
    tail = e / (1.0 + e)
    return xp.where(z > 0, (1.0 - y) - tail, tail - y)


def sigmoid_power(xp: Any, x: Array, a: Array) -> Array:
    return xp.exp(-a * softplus(xp, -x))


def sech2(xp: Any, r: Array, scale: Array) -> Array:
    e = xp.exp(-2.0 * xp.abs(r / scale))
    return 4.0 * e / (1.0 + e) / (1.0 + e)


def log_cosh(xp: Any, r: Array, scale: Array) -> Array:
    x = xp.abs(r / scale)
    near = xp.where(x < 1.0, x, 0.0)
    half = xp.expm1(near / 2.0)
    sinh = half * (half + 2.0) / (half + 1.0) / 2.0
    far = x + (xp.log1p(xp.exp(-2.0 * x)) - 0.6931471805599453)
    return scale * (scale * xp.where(x < 1.0, xp.log1p(2.0 * sinh * sinh), far))


def log_cosh_slope(xp: Any, r: Array, scale: Array) -> Array:
    return scale * xp.tanh(r / scale)


def _hypot1(xp: Any, r: Array, delta: Array) -> tuple[Array, Array, Array]:
    """Whether r is so far out that only its size counts, r kept from there, and sqrt(1 + (r/delta)^2)."""
    far = xp.abs(r) / delta > FAR
    held = xp.where(far, 0.0, r)
    x = held / delta
    return far, held, xp.sqrt(1.0 + x * x)


def pseudo_huber(xp: Any, r: Array, delta: Array) -> Array:
    far, held, root = _hypot1(xp, r, delta)
    return xp.where(far, delta * xp.abs(r), held * (held / (root + 1.0)))


def pseudo_huber_slope(xp: Any, r: Array, delta: Array) -> Array:
    far, held, root = _hypot1(xp, r, delta)
    return xp.where(far, xp.where(r < 0, -delta, delta), held / root)


def pseudo_huber_bend(xp: Any, r: Array, delta: Array) -> Array:
    far, _, root = _hypot1(xp, r, delta)
    root = xp.where(far, xp.abs(r / delta), root)
    return 1.0 / root / root / root


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """a + b and what its rounding lost (Knuth 1969)."""
    s = a + b
    v = s - a
    return s, (a - (s - v)) + (b - v)


def two_prod(a: Array, b: Array) -> tuple[Array, Array]:
    """a b and what its rounding lost (Dekker 1971), for numbers whose product is far from over- and underflow."""
    high, other = (x * _HALF_OF_THE_BITS - (x * _HALF_OF_THE_BITS - x) for x in (a, b))
    low, p = a - high, a * b
    return p, ((high * other - p) + high * (b - other) + low * other) + low * (b - other)


def log_parts(xp: Any, y: Array) -> tuple[Array, Array]:
    """log y in two parts for 1 <= y < 2^44, beyond in one: 2^k is the whole number nearest to e^(k log 2)."""
    far = y >= 2.0**44
    inside = xp.where(far, 1.0, y)
    k = xp.floor(xp.log(inside) / _LN2 + 0.5)
    m = inside / xp.floor(xp.exp(k * _LN2) + 0.5)
    f = m - 1.0
    s, (square, lost) = f / (2.0 + f), two_prod(f, f)
    h, tail = two_sum(f, -square / 2.0)
    z = s * s
    tail = tail - lost / 2.0 + s * (square / 2.0 + z * power_series(z, _LOG_TAIL))
    a, rest = two_sum(k * _LN2_HEAD, h)
    rest = rest + (tail + k * _LN2_TAIL)
    head = a + rest
    return xp.where(far, xp.log(y), head), xp.where(far, 0.0, rest - (head - a))


def power_series(x: Array, coefficients: Sequence[float]) -> Array:
    total = coefficients[-1] + 0.0 * x
    for c in reversed(coefficients[:-1]):
        total = total * x + c
    return total


def expm1mx(xp: Any, x: Array) -> Array:
    near = xp.abs(x) < 0.5
    inside = xp.where(near, x, 0.0)
    coefficients, factorial = [], 1.0
    for k in range(2, 18):
        factorial *= k
        coefficients.append(1.0 / factorial)
    far = xp.where(x < 700.0, xp.expm1(xp.where(x < 700.0, x, 0.0)) - x, xp.exp(x))
    return xp.where(near, inside * inside * power_series(inside, coefficients), far)


def log1pmx(xp: Any, x: Array) -> Array:
    # log1p(x) = 2 atanh(u) with u = x/(2+x)
    near = xp.abs(x) < 0.5
    inside = xp.where(near, x, 0.0)
    u = inside / (2.0 + inside)
    tail = u * u * power_series(u * u, [2.0 / (2 * k + 3) for k in range(20)])
    return xp.where(near, u * tail - inside * u, xp.log1p(xp.where(near, 0.0, x)) - x)


def xlogy(xp: Any, a: Array, x: Array) -> Array:
    return xp.where(a == 0, 0.0, a * xp.log(xp.where(a == 0, 1.0, x)))


def xlog1py(xp: Any, a: Array, x: Array) -> Array:
    return xp.where(a == 0, 0.0, a * xp.log1p(xp.where(a == 0, 0.0, x)))


def xdivy(xp: Any, a: Array, x: Array) -> Array:
    return xp.where(a == 0, 0.0, a / xp.where(a == 0, 1.0, x))


def mul_exp(xp: Any, c: Array, a: Array, x: Array) -> Array:
    exponent = xp.where(a == 0, 0.0, a) * xp.where(a == 0, 0.0, x)
    half = xp.exp(exponent / 2.0)
    return xp.where(c == 0, 0.0, xp.where(c == 0, 1.0, c) * half * half)
