"""What several primitives are made of: log(1 + e) and e/(1 + e) in two parts for e = exp(-|x|), and c e^(a x)."""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from losskit.kernels.elementary import (
    INF,
    MANTISSA,
    NAN,
    ONE_BITS,
    TINY,
    TWO52_BITS,
    Pair,
    clamp,
    exp_parts_tailed,
    exponent_field,
    fast_two_sum,
    finite_tail,
    fma,
    from_bits,
    polynomial,
    scalar,
    scale,
    to_bits,
    two_prod,
)
from losskit.kernels.select import select

# log(1 + e) = s + s z U(z), s = 2 e/(2 + e), z = s^2, for 0 <= e <= 1, error 2^-58 s
UNIT_LOG_TAIL = (
    0.08333333333333287,
    0.012500000000049614,
    0.002232142855285133,
    0.0004340278121697182,
    8.87780441061001e-05,
    1.878243508306874e-05,
    4.059089804406554e-06,
    9.237133145159206e-07,
    1.5897114047060995e-07,
    8.120021296813064e-08,
)


@scalar
def unit_log1p(e: float) -> Pair:
    """(s, t) with s + t = log(1 + e), |t| < 0.05 |s|, for 0 <= e <= 1.

    s = 2 e/(2 + e) is twice the argument of atanh; what its rounding lost goes into t with the series.
    """
    g, g_tail = fast_two_sum(1.0, 0.5 * e)
    s = e / g
    z = s * s
    rest = fma(-s, g_tail, fma(-s, g, e))
    return s, fma(rest, fma(-0.5, s, 1.0), s * z * polynomial(z, UNIT_LOG_TAIL))


@scalar
def lower_sigmoid(e: float) -> Pair:
    """(q, t) with q + t = e/(1 + e), for 0 <= e <= 1: the quotient and what its remainder adds."""
    d, d_tail = fast_two_sum(1.0, e)
    q = e / d
    remainder = fma(-q, d_tail, fma(-q, d, e))
    return q, fma(-q, remainder, remainder)  # 1/(1 + e) = 1 - q


@scalar
def split_mantissa(c: float) -> Pair:
    """(k, m) with c = 2^k m, 1 <= |m| < 2, for finite c other than 0; k is a float."""
    small = abs(c) < TINY
    bits = to_bits(select(small, c * 2.0**54, c))
    k = from_bits(exponent_field(bits << 1 >> 1 & ~(-1 << 63)) | TWO52_BITS) - (2.0**52 + 1023.0)
    m = from_bits((bits & (MANTISSA | (-1 << 63))) | ONE_BITS)
    return select(small, k - 54.0, k), m


@scalar
def mul_exp(c: float, a: float, x: float) -> float:
    """c e^(a x): the product keeps its tail, c's exponent joins the power of two, so only the result's range counts.

    0 where c = 0, c where a = 0 (even at infinite x). 1.5 ulp.
    """
    head, tail = two_prod(a, x)
    tail = finite_tail(head, tail)
    n, p, _ = exp_parts_tailed(clamp(head, -1530.0, 1530.0), tail)
    k, m = split_mantissa(c)
    value = scale(m * p, clamp(n + k, -1150.0, 1030.0))
    value = select(abs(c) < INF, value, c)
    value = select((a == 0.0) | (c == 0.0), c, value)
    return select((x != x) | (a != a), NAN, value)
