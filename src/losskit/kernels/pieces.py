"""What several primitives are made of: log(1 + e), e/(1 + e) for e = exp(-|x|) and log x in two parts; c e^(a x)."""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from losskit.kernels.elementary import (
    EXP_FROM_SQUARE,
    LN2_HEAD,
    LN2_TAIL,
    MAX,
    NO_TAIL,
    POW2_SHIFTER,
    Pair,
    clamp,
    exp_parts,
    exp_rest,
    exp_split,
    fast_two_sum,
    fma,
    from_bits,
    polynomial,
    scalar,
    scale_exp,
    split_positive,
    to_bits,
    two_prod,
    two_sum,
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

# log((1 + s)/(1 - s)) = 2 s + s z (2/3 + z R(z)), z = s^2, for sqrt(1/2) <= (1 + s)/(1 - s) <= sqrt(2)
TWO_THIRDS_HEAD = float.fromhex("0x1.5555555555555p-1")
TWO_THIRDS_TAIL = float.fromhex("0x1.5555555555555p-55")
LOG_TAIL_AFTER = (
    0.4000000000000226,
    0.2857142857009598,
    0.2222222252058915,
    0.1818178430682037,
    0.1538676019601799,
    0.13256749126790193,
    0.1319698236454897,
)


@scalar
def plain_exp_parts(x: float) -> tuple[float, float, float]:
    """(n, p, t) with e^x = 2^n (p + t) to 2^-56 and 2^n p = exp(x): beside a plain `exp` it costs its tail alone.

    As `exp` it takes |x| < 2^20.
    """
    n, u = exp_rest(x, NO_TAIL)
    first = fma(n, -LN2_HEAD, x)
    r = fma(n, -LN2_TAIL, first)
    lost = fma(r * r, polynomial(r, EXP_FROM_SQUARE), r - u)
    r_tail = fma(n, -LN2_TAIL, first - r)
    p = u + 1.0
    return n, p, ((1.0 - p) + u) + (fma(r_tail, u, r_tail) + lost)


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
def softplus_parts(x: float) -> tuple[float, float, float]:
    """Three numbers whose sum is softplus(-x), the first the largest."""
    n, p, p_tail = exp_parts(clamp(-abs(x), -746.0, 0.0))
    e = scale_exp(p, n)
    a, t = unit_log1p(e)
    a, t = fast_two_sum(a, t)
    head, tail = two_sum(select(x < 0.0, -x, 0.0), a)
    return head, tail, t + scale_exp(p_tail, n) / (1.0 + e)


@scalar
def lower_sigmoid(e: float) -> Pair:
    """(q, t) with q + t = e/(1 + e), for 0 <= e <= 1: the quotient and what its remainder adds."""
    d, d_tail = fast_two_sum(1.0, e)
    q = e / d
    remainder = fma(-q, d_tail, fma(-q, d, e))
    return q, fma(-q, remainder, remainder)  # 1/(1 + e) = 1 - q


@scalar
def log_pair(x: float) -> Pair:
    """(a, t) with a + t = log(x) to about 2^-65 relative, for finite x > 0."""
    k, m = split_positive(x)
    f = m - 1.0
    d, d_tail = fast_two_sum(2.0, f)
    inverse = 1.0 / d
    s = f * inverse
    s_tail = (fma(-s, d, f) - s * d_tail) * inverse
    z, z_tail = two_prod(s, s)
    z_tail = fma(2.0 * s, s_tail, z_tail)
    r, r_tail = two_prod(z, TWO_THIRDS_HEAD)
    r_tail += fma(z, TWO_THIRDS_TAIL, z_tail * TWO_THIRDS_HEAD)
    r_tail = fma(z * z, polynomial(z, LOG_TAIL_AFTER), r_tail)
    v, v_tail = two_prod(s, r)
    v_tail += fma(s, r_tail, s_tail * r)
    a, b = fast_two_sum(k * LN2_HEAD, 2.0 * s)
    a, c = fast_two_sum(a, v)
    return fast_two_sum(a, (b + c) + fma(k, LN2_TAIL, fma(2.0, s_tail, v_tail)))


@intrinsic
def trunc(typingctx: Any, x: Any) -> Any:
    """The integer next to x on the side of 0."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.call(builder.module.declare_intrinsic("llvm.trunc", [ir.DoubleType()]), args)

    return types.float64(types.float64), codegen


@scalar
def cubed(n: float, less: float) -> Pair:
    """(p, q), powers of two with p^2 q = 2^(n - less), for integers |n| <= 2210: p^2 lies between 1 and 2^n."""
    third = fma(n, 1.0 / 3.0, POW2_SHIFTER)
    rest = fma(third - POW2_SHIFTER, -2.0, n + (POW2_SHIFTER - less))
    return from_bits(to_bits(third) << 52), from_bits(to_bits(rest) << 52)


@scalar
def scaled_product(c: float, p: float, n: float) -> float:
    """c p 2^n for 0.7 < p < 1.5 and |n| <= 2210: rounded by the last product; nothing overflows before."""
    power, rest = cubed(n, 0.0)
    return ((c * power) * power) * (p * rest)


@scalar
def scaled_once(c: float, u: float, n: float) -> float:
    """c (1 + u) 2^n for finite c, |u| < 0.5 and |n| <= 2210: as `scaled_product`, 1 + u not rounded before."""
    power, rest = cubed(n, 1.0)
    half = clamp(((c * power) * power) * rest, -MAX, MAX)
    return fma(half, u, half) * 2.0


@scalar
def held_tail(tail: float) -> float:
    """The tail of an exponent, held to [-1, 1] where its head was held too; -1 where it is nan."""
    tail = select(tail > -1.0, tail, -1.0)
    return select(tail < 1.0, tail, 1.0)


@scalar
def exp_product(a: float, x: float) -> Pair:
    """(n, p) with e^(a x) = 2^n p for finite x, the exponent held to +-1530: the product keeps its tail."""
    head = clamp(a * x, -1530.0, 1530.0)
    return exp_split(head, held_tail(fma(a, x, -head)))


@scalar
def mul_exp(c: float, a: float, x: float) -> float:
    """c e^(a x), the power of two last, so that only the result's range counts; c where a = 0, even at infinite x.

    1.6 ulp.
    """
    n, p = exp_product(a, clamp(x, -MAX, MAX))
    return scaled_product(c, p, n)
