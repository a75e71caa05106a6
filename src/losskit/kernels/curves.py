"""The stable scalar bodies of smooth curves: tanh, sigmoids, softplus, log cosh, pseudo-Huber, and of a log x.

Functions that a kernel calls together (softplus_minus, sigmoid_minus, sigmoid_slope) are written from
the same sub-expressions, so that LLVM computes their one exp(-|x|) and one e/(1 + e) once.
"""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

import math

from losskit.kernels.elementary import (
    INF,
    LN2_HEAD,
    LN2_TAIL,
    NAN,
    clamp,
    exp2part,
    exp_neg_abs,
    expm1_parts,
    fast_two_sum,
    floor,
    fma,
    log,
    log1p,
    neg_abs,
    polynomial,
    scalar,
    scale_down,
    to_bits,
    two_prod,
    two_sum,
)
from losskit.kernels.pieces import log_pair, lower_sigmoid, plain_exp_parts, softplus_parts, unit_log1p
from losskit.kernels.select import select

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
def tanh(x: float) -> float:
    """Hyperbolic tangent: -t/(2 + t) with t = expm1(-2 |x|), the quotient corrected by its remainder (0.55 ulp)."""
    a = abs(x)
    t, t_tail, _ = expm1_parts(clamp(-2.0 * a, -60.0, 0.0))
    d = 2.0 + t
    d_tail = ((2.0 - d) + t) + t_tail
    inverse = 1.0 / d
    q = -t * inverse
    remainder = fma(-q, d, -t) - fma(q, d_tail, t_tail)
    q = fma(remainder, inverse, q)
    q = select(x < 0.0, -q, q)
    return select(a < 1e-9, x, q)


@scalar
def power(x: float, a: float) -> float:
    """x**a, C's conventions: negative x for integer a, 1 where a = 0 or x = 1 (0.6 ulp, 0.75 where subnormal)."""
    size = abs(x)
    head, tail = log_pair(size)
    head = select(size == 0.0, -INF, select(size < INF, head, size))
    p, p_tail = two_prod(a, head)
    value = exp2part(p, fma(a, tail, p_tail))
    integral = floor(a) == a
    half = 0.5 * a
    odd = integral & (floor(half) != half)
    signed = select(odd, -value, value)
    negative = to_bits(x) < 0
    value = select(negative, signed, value)
    value = select((x < 0.0) & (size < INF) & (not integral), NAN, value)
    value = select((size == 1.0) & (abs(a) == INF), 1.0, value)
    return select((a == 0.0) | (x == 1.0), 1.0, value)


@scalar
def slope_of(e: float) -> float:
    """e/(1 + e)^2 for 0 <= e <= 1."""
    q, t = lower_sigmoid(e)
    return q + fma(-q, q, t * fma(-2.0, q, 1.0))


@scalar
def sigmoid(x: float) -> float:
    """1/(1 + e^-x) (1.5 ulp)."""
    q, t = lower_sigmoid(exp_neg_abs(x))
    q += t
    return select(x < 0.0, q, 1.0 - q)


@scalar
def sigmoid_slope(x: float) -> float:
    """sigmoid(x) sigmoid(-x) = q - q^2 with q = sigmoid(-|x|) in two parts (1.5 ulp)."""
    return slope_of(exp_neg_abs(x))


@scalar
def softplus(x: float) -> float:
    """log(1 + e^x) (1.5 ulp)."""
    s, t = unit_log1p(exp_neg_abs(x))
    return select(x < 0.0, 0.0, x) + (s + t)


@scalar
def softplus_minus(z: float, y: float) -> float:
    """softplus(z) - y z for 0 <= y <= 1; 0 in the limit that fits the label, infinite in the other (1.5 ulp)."""
    size = abs(z)
    s, t = unit_log1p(exp_neg_abs(z))
    a = s + t
    c = select(z > 0.0, 1.0 - y, y)
    return select(c == 0.0, a, fma(c, size, a))


@scalar
def sigmoid_minus(z: float, y: float) -> float:
    """sigmoid(z) - y for 0 <= y <= 1, 1.5 ulp where y is 0 or 1, else of the largest summand."""
    q, t = lower_sigmoid(exp_neg_abs(z))
    q += t
    return select(z > 0.0, (1.0 - y) - q, q - y)


@scalar
def sigmoid_square(x: float) -> float:
    """sigmoid(x)**2, from e^-|x|, the one of `sigmoid` and `softplus`, and the quotient in two parts (1 ulp)."""
    n, p, p_tail = plain_exp_parts(neg_abs(x))
    q, t = lower_sigmoid(scale_down(p, n))
    above, above_tail = fast_two_sum(1.0, -q)
    t = fma(scale_down(p_tail, n), above * above, t)  # 1/(1 + e) = 1 - q
    head, tail = select(x < 0.0, q, above), select(x < 0.0, t, above_tail - t)
    return fma(head, head, 2.0 * head * tail)


@scalar
def sigmoid_power(x: float, g: float) -> float:
    """sigmoid(x)**g for g >= 0, as exp(-g softplus(-x)) with softplus in two parts (2.5 ulp)."""
    size = abs(x)
    head, tail, t = softplus_parts(x)
    tail += t
    product, rest = two_prod(-g, head)
    value = exp2part(product, fma(-g, tail, rest))
    return select(g == 0.0, select(size < INF, x * 0.0 + 1.0, select(size == INF, 1.0, x)), value)


@scalar
def logcosh(x: float) -> float:
    """log(cosh(x)): near 0 as 2 atanh(tanh(x/2)^2), else |x| - log 2 + log1p(exp(-2 |x|)) (1.7 ulp)."""
    size = abs(x)
    near = size < 1.0
    t, t_tail, _ = expm1_parts(clamp(-size, -60.0, 0.0))
    e = 1.0 + t
    e *= e
    # near: q = -t/(2 + t) = tanh(x/2) corrected by its remainder, s = q^2; far: s = e/(2 + e)
    top = select(near, -t, e)
    top_tail = select(near, -t_tail, 0.0)
    d, d_tail = fast_two_sum(2.0, select(near, t, e))
    d_tail += select(near, t_tail, 0.0)
    inverse = 1.0 / d
    q = top * inverse
    q_tail = (fma(-q, d, top) + fma(-q, d_tail, top_tail)) * inverse
    s, s_tail = two_prod(q, q)
    s_tail = select(near, fma(2.0 * q, q_tail, s_tail), q_tail)
    s = select(near, s, q)
    z = s * s
    series = fma(s * z, polynomial(z, LOGCOSH_TAIL), 2.0 * s_tail)
    a, b = fast_two_sum(size, -LN2_HEAD)
    far = a + (fma(2.0, s, series) + (b - LN2_TAIL))
    value = select(near, fma(2.0, s, series), far)
    value = select(size < INF, value, size)
    return select(size < 1e-9, x * x * 0.5, value)


@scalar
def log_cosh(r: float, scale: float) -> float:
    """scale^2 log(cosh(r/scale)), without under- or overflow on the way (2.7 ulp)."""
    size = abs(r)
    x = size / scale
    # what the quotient rounds away, times a slope that need be right to a few percent only
    lost = fma(-x, scale, size) * (1.0 / scale) * select(x < 1.2, x * fma(-0.25, x, 1.0), 1.0)
    lost = select(x < 1e3, lost, 0.0)
    value = select(x > 1e17, scale * size, scale * (scale * (logcosh(x) + lost)))
    return select(x < 1e-9, 0.5 * r * r, value)


@scalar
def log_cosh_slope(r: float, scale: float) -> float:
    """scale tanh(r/scale) (1.6 ulp)."""
    x = r / scale
    return select(abs(x) < 1e-9, r, scale * tanh(x))


@scalar
def sech2(r: float, scale: float) -> float:
    """1/cosh(r/scale)^2; what the quotient rounds away is in the exponent's tail (1.6 ulp)."""
    size = abs(r)
    x = size / scale
    tail = fma(-x, scale, size) / scale
    return 4.0 * slope_of(exp2part(-2.0 * x, select(x < 1e3, -2.0 * tail, 0.0)))


@scalar
def hypot1(x: float) -> float:
    """sqrt(1 + x^2) without overflow (0.85 ulp)."""
    size = abs(x)
    return select(size > 2.0**28, size, math.sqrt(fma(x, x, 1.0)))


@scalar
def pseudo_huber(r: float, delta: float) -> float:
    """delta^2 (sqrt(1 + (r/delta)^2) - 1) = r^2/(sqrt(1 + (r/delta)^2) + 1) (2.2 ulp)."""
    size = abs(r)
    x = size / delta
    return select(x > 2.0**60, delta * size, r * (r / (hypot1(x) + 1.0)))


@scalar
def pseudo_huber_slope(r: float, delta: float) -> float:
    """r/sqrt(1 + (r/delta)^2) (1.6 ulp)."""
    x = abs(r) / delta
    far = select(r < 0.0, -delta, delta)
    return select(x > 2.0**60, far, r / hypot1(x))


@scalar
def pseudo_huber_bend(r: float, delta: float) -> float:
    """(1 + (r/delta)^2)^(-3/2), with what the quotient, its square and the sum round away (2.2 ulp)."""
    x = r / delta
    square, tail = two_prod(x, x)
    q, q_tail = two_sum(square, 1.0)
    q_tail += fma(2.0 * x, fma(-x, delta, r) / delta, tail)
    inverse = 1.0 / q
    value = inverse / math.sqrt(q)
    return select(abs(x) > 1e120, 0.0, fma(-1.5 * (q_tail * inverse), value, value))


@scalar
def xlogy(a: float, x: float) -> float:
    """a log(x), 0 where a = 0 and x is not nan (1.3 ulp)."""
    return select((a == 0.0) & (x == x), 0.0, a * log(x))


@scalar
def xlog1py(a: float, x: float) -> float:
    """a log(1 + x), 0 where a = 0 and x is not nan (1.3 ulp)."""
    return select((a == 0.0) & (x == x), 0.0, a * log1p(x))


@scalar
def xdivy(a: float, x: float) -> float:
    """a/x, 0 where a = 0 and x is not nan (0.5 ulp)."""
    return select((a == 0.0) & (x == x), 0.0, a / x)
