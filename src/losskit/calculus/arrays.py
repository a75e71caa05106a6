"""Array bodies of the stable primitives: `xp` is NumPy or a namespace with its names; no branches on data."""

from __future__ import annotations

from typing import Any

from losskit.calculus.array_densities import (
    binet,
    dispersed_bend,
    dispersed_cross,
    dispersed_deviance,
    dispersed_floor,
    dispersed_floor_bend,
    dispersed_floor_slope,
    dispersed_pull,
    dispersed_sag,
    dispersed_sway,
    gamma_energy,
    gamma_excess,
    gamma_pull,
    gaussian_nll,
    gaussian_variance_nll,
    laplace_nll,
    normal_cdf,
    normal_pdf,
    poisson_nll,
    shape_bend,
    shape_normaliser,
    shape_slope,
    stirling,
    student_bend,
    student_constant,
    student_cross,
    student_log,
    student_pull,
    student_share,
    student_spread,
    truncated_bend,
    truncated_excess,
    truncated_poisson_nll,
    zero_nll,
    zero_rest,
    zero_share,
)
from losskit.calculus.array_durations import (
    aft_exp,
    aft_exp_times,
    aft_gap,
    aft_sigmoid,
    aft_sigmoid_slope,
    aft_softplus,
    aft_z,
    normal_bend,
    normal_mass,
    normal_mean,
    weibull_bend,
    weibull_mass,
    weibull_pull,
)
from losskit.calculus.array_scores import bell, decay, half_bell, half_decay

Array = Any
_FAR = 1e18  # beyond it 1 + x^2 is x^2 in double, and up to it x^2 is finite in single


def where(xp: Any, condition: Array, a: Array, b: Array) -> Array:
    return xp.where(condition, a, b)


def maximum(xp: Any, a: Array, b: Array) -> Array:
    return xp.where(b > a, b, a)


def minimum(xp: Any, a: Array, b: Array) -> Array:
    return xp.where(b < a, b, a)


def _decay(xp: Any, x: Array) -> Array:
    return xp.exp(-xp.abs(x))


def sigmoid(xp: Any, x: Array) -> Array:
    e = _decay(xp, x)
    return xp.where(x > 0, 1.0, e) / (1.0 + e)


def sigmoid_slope(xp: Any, x: Array) -> Array:
    e = _decay(xp, x)
    return e / (1.0 + e) / (1.0 + e)


def softplus(xp: Any, x: Array) -> Array:
    return xp.where(x > 0, x, 0.0) + xp.log1p(_decay(xp, x))


def softplus_minus(xp: Any, z: Array, y: Array) -> Array:
    share = xp.where(z > 0, 1.0 - y, y)
    return xp.where(share == 0, 0.0, share * xp.abs(z)) + xp.log1p(_decay(xp, z))


def sigmoid_minus(xp: Any, z: Array, y: Array) -> Array:
    e = _decay(xp, z)
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
    far = xp.abs(r) / delta > _FAR
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


def _series(x: Array, coefficients: list[float]) -> Array:
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
    return xp.where(near, inside * inside * _series(inside, coefficients), far)


def log1pmx(xp: Any, x: Array) -> Array:
    # log1p(x) = 2 atanh(u) with u = x/(2+x)
    near = xp.abs(x) < 0.5
    inside = xp.where(near, x, 0.0)
    u = inside / (2.0 + inside)
    tail = u * u * _series(u * u, [2.0 / (2 * k + 3) for k in range(20)])
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


def abs_power(xp: Any, c: Array, r: Array, a: Array) -> Array:
    flat = (c == 0) | (a == 0)
    return xp.where(flat, c, xp.where(c == 0, 1.0, c) * xp.where(flat, 1.0, xp.abs(r)) ** xp.where(flat, 1.0, a))


def sign_power(xp: Any, c: Array, r: Array, a: Array) -> Array:
    size = abs_power(xp, c, r, a)
    return xp.where(r < 0, -size, xp.where(r == 0, 0.0, size))


def _square(xp: Any, r: Array, c: Array) -> tuple[Array, Array, Array]:
    """Whether r/c is too large to be squared, r/c kept from there, and its square."""
    far = xp.abs(r) / c > _FAR
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


def div_square(xp: Any, x: Array, s: Array) -> Array:
    return x / s / s


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
    return xp.where(r > 0, 1.0 - level, level) * xp.abs(r) + h * xp.log1p(_decay(xp, r / h))


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
    e = _decay(xp, x)
    near = xp.where(size < 800.0, size, 800.0)
    return xp.log1p(e) + near * e / (1.0 + e)


def softplus_tilted(xp: Any, z: Array, y: Array, k: Array) -> Array:
    c = xp.where(z > 0, 1.0 - y - k, y + k)
    return xp.where(c == 0, 0.0, xp.where(c == 0, 1.0, c) * xp.abs(z)) + xp.log1p(_decay(xp, z))


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
