"""The stable scalar bodies behind a formula's primitives; generated kernels import everything from here.

Functions of one argument that a kernel calls together (softplus_minus, sigmoid_minus, sigmoid_slope) are written from
the same sub-expressions, so that LLVM computes their one exp(-|x|) and one reciprocal once.
"""

import math

from losskit.kernels.elementary import (
    INF,
    LN2_HEAD,
    LN2_TAIL,
    MANTISSA,
    NAN,
    ONE_BITS,
    TINY,
    TWO52_BITS,
    add_fast,
    clamp,
    exp,
    exp2part,
    exp_minus,
    exp_parts,
    expm1,
    expm1_parts,
    expm1mx,
    expm1mx2part,
    exponent_field,
    fast_two_sum,
    finite_tail,
    floor,
    fma,
    from_bits,
    log,
    log1p,
    log1pmx,
    log_combined,
    log_parts,
    polynomial,
    power,
    scalar,
    scale,
    tanh,
    to_bits,
    two_prod,
    two_sum,
)

__all__ = [
    "add_fast",
    "exp",
    "exp_minus",
    "expm1",
    "expm1mx",
    "floor",
    "fma",
    "hypot1",
    "hypot1_slope",
    "hypot1m1",
    "log",
    "log1p",
    "log1pmx",
    "logcosh",
    "mul_exp",
    "poisson_deviance",
    "power",
    "sech2",
    "sigmoid",
    "sigmoid_minus",
    "sigmoid_power",
    "sigmoid_slope",
    "softplus",
    "softplus_minus",
    "tanh",
    "tweedie_deviance",
    "xdivy",
    "xlog1py",
    "xlogy",
]

# log((1 + s)/(1 - s)) = 2 s + s z R(z), z = s^2, for 0 <= s <= tanh(1/2)^2, error 2^-59.2 s
LOGCOSH_TAIL = (
    0.6666666666666646,
    0.4000000000014465,
    0.28571428536512844,
    0.22222226293836153,
    0.18181556008905558,
    0.15394418499595755,
    0.13122211771351122,
    0.1416553982605093,
)


@scalar
def unit_log1p(e):
    """(a, t, i) with a + t = log(1 + e), a = fl(a + t), and i = 1/(1 + e), for 0 <= e <= 1, from one division."""
    upper = e > 0.41421356237309503
    f = fma(0.5, e, -0.5) if upper else e
    d, d_tail = fast_two_sum(1.0, e)
    g = 2.0 + f
    both = 1.0 / (d * g)
    i = both * g
    i = fma(i, fma(-i, d, 1.0) - i * d_tail, i)
    a, t = log_combined(1.0 if upper else 0.0, f, f * (both * d), 0.0)
    return a, t, i


@scalar
def sigmoid(x):
    """1/(1 + e^-x)."""
    e = exp(-abs(x))
    _, _, i = unit_log1p(e)
    return e * i if x < 0.0 else i


@scalar
def sigmoid_slope(x):
    """sigmoid(x) sigmoid(-x)."""
    e = exp(-abs(x))
    _, _, i = unit_log1p(e)
    q = e * i
    return fma(-q, q, q)


@scalar
def softplus(x):
    """log(1 + e^x)."""
    e = exp(-abs(x))
    a, _, _ = unit_log1p(e)
    return (0.0 if x < 0.0 else x) + a


@scalar
def softplus_minus(z, y):
    """softplus(z) - y z for 0 <= y <= 1; 0 in the limit that fits the label, infinite in the other."""
    size = abs(z)
    e = exp(-size)
    a, _, _ = unit_log1p(e)
    c = 1.0 - y if z > 0.0 else y
    return a if c == 0.0 else fma(c, size, a)


@scalar
def sigmoid_minus(z, y):
    """sigmoid(z) - y for 0 <= y <= 1, to full relative accuracy where y is 0 or 1."""
    e = exp(-abs(z))
    _, _, i = unit_log1p(e)
    q = e * i
    return (1.0 - y) - q if z > 0.0 else q - y


@scalar
def sigmoid_power(x, g):
    """sigmoid(x)**g for g >= 0, as exp(-g softplus(-x)) with softplus in two parts."""
    size = abs(x)
    n, p, p_tail = exp_parts(clamp(-size, -746.0, 0.0), 0.0)
    e = scale(p, n)
    a, t, i = unit_log1p(e)
    t = fma(scale(p_tail, n), i, t)
    head, tail = two_sum(-x if x < 0.0 else 0.0, a)
    tail += t
    product, rest = two_prod(-g, head)
    value = exp2part(product, fma(-g, tail, rest))
    return (x * 0.0 + 1.0 if size < INF else (1.0 if size == INF else x)) if g == 0.0 else value


@scalar
def logcosh(x):
    """log(cosh(x)): near 0 as 2 atanh(tanh(x/2)^2), else |x| - log 2 + log1p(exp(-2 |x|))."""
    size = abs(x)
    near = size < 1.0
    t, t_tail, _ = expm1_parts(clamp(-size, -60.0, 0.0))
    e = 1.0 + t
    e *= e
    # near: q = -t/(2 + t) = tanh(x/2) corrected by its remainder, s = q^2; far: s = e/(2 + e)
    top = -t if near else e
    top_tail = -t_tail if near else 0.0
    d, d_tail = fast_two_sum(2.0, t if near else e)
    d_tail += t_tail if near else 0.0
    inverse = 1.0 / d
    q = top * inverse
    q_tail = (fma(-q, d, top) + fma(-q, d_tail, top_tail)) * inverse
    s, s_tail = two_prod(q, q)
    s_tail = fma(2.0 * q, q_tail, s_tail) if near else q_tail
    s = s if near else q
    z = s * s
    series = fma(s * z, polynomial(z, LOGCOSH_TAIL), 2.0 * s_tail)
    a, b = fast_two_sum(size, -LN2_HEAD)
    far = a + (fma(2.0, s, series) + (b - LN2_TAIL))
    value = fma(2.0, s, series) if near else far
    value = value if size < INF else size
    return x * x * 0.5 if size < 1e-9 else value


@scalar
def sech2(x):
    """1/cosh(x)^2 = 4 sigmoid_slope(2 x)."""
    return 4.0 * sigmoid_slope(2.0 * x)


@scalar
def hypot1(x):
    """sqrt(1 + x^2) without overflow."""
    size = abs(x)
    return size if size > 2.0**28 else math.sqrt(fma(x, x, 1.0))


@scalar
def hypot1m1(x):
    """sqrt(1 + x^2) - 1 = x^2/(sqrt(1 + x^2) + 1)."""
    size = abs(x)
    h = hypot1(x)
    d, d_tail = fast_two_sum(h, 1.0)
    square, square_tail = two_prod(x, x)
    inverse = 1.0 / d
    q = square * inverse
    value = fma(fma(-q, d_tail, fma(-q, d, square) + square_tail), inverse, q)
    value = value if size > 1e-140 else 0.5 * square
    return h - 1.0 if size > 2.0**28 else value


@scalar
def hypot1_slope(x):
    """x/sqrt(1 + x^2)."""
    held = clamp(x, -(2.0**60), 2.0**60)
    return held / hypot1(held)


@scalar
def xlogy(a, x):
    """a log(x), 0 where a = 0 and x is not nan."""
    return 0.0 if (a == 0.0) & (x == x) else a * log(x)


@scalar
def xlog1py(a, x):
    """a log(1 + x), 0 where a = 0 and x is not nan."""
    return 0.0 if (a == 0.0) & (x == x) else a * log1p(x)


@scalar
def xdivy(a, x):
    """a/x, 0 where a = 0 and x is not nan."""
    return 0.0 if (a == 0.0) & (x == x) else a / x


@scalar
def split_mantissa(c):
    """(k, m) with c = 2^k m, 1 <= |m| < 2, for finite c other than 0; k is a float."""
    small = abs(c) < TINY
    bits = to_bits(c * 2.0**54 if small else c)
    k = from_bits(exponent_field(bits << 1 >> 1 & ~(-1 << 63)) | TWO52_BITS) - (2.0**52 + 1023.0)
    m = from_bits((bits & (MANTISSA | (-1 << 63))) | ONE_BITS)
    return k - 54.0 if small else k, m


@scalar
def mul_exp(c, a, x):
    """c e^(a x): the product keeps its tail, and c's exponent joins the power of two, so only the result's range counts.

    0 where c = 0, c where a = 0 (even at infinite x).
    """
    head, tail = two_prod(a, x)
    tail = finite_tail(head, tail)
    n, p, _ = exp_parts(clamp(head, -1530.0, 1530.0), tail)
    k, m = split_mantissa(c)
    value = scale(m * p, clamp(n + k, -1150.0, 1030.0))
    value = value if abs(c) < INF else c
    value = c if (a == 0.0) | (c == 0.0) else value
    return NAN if (x != x) | (a != a) else value


@scalar
def poisson_deviance(y, f):
    """y log y - y - y f + e^f for y >= 0, as y (e^d - 1 - d) with d = f - log y in two parts."""
    a, t = log_parts(y)
    d, d_tail = two_sum(f, -a)
    d, d_tail = fast_two_sum(d, finite_tail(d, d_tail - t))
    # so far above log y, e^f alone counts, and e^d may overflow
    return y * expm1mx2part(d, d_tail) if d <= 700.0 else exp(f) + 0.0 * y


@scalar
def tweedie_deviance(y, f, p):
    """Half the unit deviance of power p (0 or >= 1) at mu = e^f, from L = f - log y in two parts.

    With a = 1 - p, b = 2 - p, E(x) = e^x - 1 - x:
    p <= 2: y^b (E(b L)/b + E(a L)/-a); p > 2: mu^b (E(-b L)/-b + E(-L))/-a. No term is negative.
    Where an exponential in it dwarfs the rest, that one term, its exponents added: mu^b/b or y mu^a/-a.
    """
    a = 1.0 - p
    b = 2.0 - p
    upper = b < 0.0
    rate1 = abs(b)
    rate2 = -1.0 if upper else a
    weight1 = 0.0 if b == 0.0 else 1.0 / (rate1 * (-a if upper else 1.0))
    weight2 = 0.0 if a == 0.0 else -1.0 / a

    g, g_tail = log_parts(y)
    v, v_tail = two_sum(f, -g)
    v, v_tail = fast_two_sum(v, finite_tail(v, v_tail - g_tail))
    u1, u1_tail = two_prod(rate1, v)
    u1 = 0.0 if b == 0.0 else u1
    u2, u2_tail = two_prod(rate2, v)
    u2 = 0.0 if a == 0.0 else u2
    e1 = expm1mx2part(u1, fma(rate1, v_tail, u1_tail))
    e2 = expm1mx2part(u2, fma(rate2, v_tail, u2_tail))
    both = fma(e1, weight1, e2 * weight2)

    far1 = u1 > 60.0
    far2 = u2 > 60.0
    normal = p == 0.0
    # the exponent of the factor in front: b log y or b f; f for the normal; a f + log y
    use_f = normal | (upper ^ far1)
    rate = 1.0 if normal else (a if far2 else b)
    base = f if use_f | far2 else g
    x, x_tail = two_prod(rate, base)
    x_tail = fma(rate, 0.0 if use_f | far2 else g_tail, x_tail)
    extra, extra_tail = (g, g_tail) if far2 & (not normal) else (0.0, 0.0)
    x, rest = two_sum(x, extra)
    x_tail = finite_tail(x, (rest + x_tail) + extra_tail)
    n, q, q_tail = exp_parts(clamp(x, -1530.0, 1530.0), x_tail)
    factor = weight2 if far2 else (weight1 if far1 else both)
    value = scale(q * factor, clamp(n, -1600.0, 1600.0))
    n = clamp(n, -1150.0, 1030.0)
    residual = (scale(q, n) - y) + scale(q_tail, n)
    return 0.5 * residual * residual if normal else value
