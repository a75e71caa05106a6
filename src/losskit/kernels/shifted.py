"""The stable scalar bodies of the asymmetric focal loss: what the sigmoid has above a margin m, 0 <= m < 1/2.

sigmoid(x) - m = sigmoid(x) (1 - m) (1 - e^-d) with d = x - logit(m): the root is where d is 0, and logit(m) is
computed to twice the digits of a double, once a call, since it depends on no row.
"""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from losskit.kernels.elementary import (
    INF,
    LN2_HEAD,
    Pair,
    clamp,
    exp2part,
    exp_parts,
    exp_reduced,
    fast_two_sum,
    finite_tail,
    fma,
    log,
    log1p,
    polynomial,
    power_of_two,
    scalar,
    scale,
    split_exponent,
    two_prod,
    two_sum,
)
from losskit.kernels.pieces import log_pair, lower_sigmoid, softplus_parts, unit_log1p
from losskit.kernels.select import select

# log(2) beyond LN2_HEAD, in two parts: the first has 43 bits, exact times any exponent
LN2_MIDDLE, LN2_END = float.fromhex("0x1.ef35793c76400p-45"), float.fromhex("0x1.9803f2f6af40fp-88")
# atanh(s) = s (1 + z (1/3 + z (1/5 + ...))), z = s^2: these in two parts, the further ones in one
ATANH_HEADS = tuple(1.0 / k for k in range(3, 23, 2))
ATANH_TAILS = (
    1.850371707708594e-17,
    -1.1102230246251566e-17,
    7.93016446160826e-18,
    6.1679056923619804e-18,
    -2.523234146875356e-18,
    -4.270088556250602e-18,
    9.251858538542971e-19,
    8.163404592832033e-19,
    2.921639538487254e-18,
    2.64338815386942e-18,
)
ATANH_REST = tuple(1.0 / k for k in range(23, 47, 2))


@scalar
def _times(a: float, a_tail: float, b: float, b_tail: float) -> Pair:
    p, t = two_prod(a, b)
    return fast_two_sum(p, t + fma(a, b_tail, a_tail * b))


@scalar
def _plus(a: float, a_tail: float, b: float, b_tail: float) -> Pair:
    """The sum, for tails that may cancel as well."""
    s, t = two_sum(a, b)
    v, w = two_sum(a_tail, b_tail)
    s, t = fast_two_sum(s, t + v)
    return fast_two_sum(s, t + w)


@scalar
def _next(v: float, v_tail: float, z: float, z_tail: float, c: float, c_tail: float) -> Pair:
    """A step of Horner's rule: c + z v."""
    v, v_tail = _times(v, v_tail, z, z_tail)
    return _plus(c, c_tail, v, v_tail)


@scalar
def logit_pair(m: float) -> Pair:
    """(a, t) with a + t = log(m/(1 - m)) to about 2^-102 relative, for 0 < m < 1/2."""
    small = m < 2.0**-1000
    k, a = split_exponent(select(small, m * 2.0**60, m))
    b, b_tail = two_sum(1.0, -m)  # more than 1/2
    low = b < 0.7071067811865476
    k = select(small, k - 60.0, k) + select(low, 1.0, 0.0)
    b, b_tail = select(low, 2.0 * b, b), select(low, 2.0 * b_tail, b_tail)
    # a/b is from 1/2 to 2: within a factor sqrt(2) of 1 after a doubling or halving
    up, down = a > 1.4142135623730951 * b, a < 0.7071067811865476 * b
    k += select(up, 1.0, select(down, -1.0, 0.0))
    a *= select(up, 0.5, select(down, 2.0, 1.0))
    top, top_tail = _plus(a, 0.0, -b, -b_tail)
    bottom, bottom_tail = _plus(a, 0.0, b, b_tail)
    s = top / bottom
    p, p_tail = _times(s, 0.0, bottom, bottom_tail)
    rest, rest_tail = _plus(top, top_tail, -p, -p_tail)
    s, s_tail = fast_two_sum(s, (rest + rest_tail) / bottom)
    z, z_tail = _times(s, s_tail, s, s_tail)
    v, v_tail = polynomial(z, ATANH_REST), 0.0
    v, v_tail = _next(v, v_tail, z, z_tail, ATANH_HEADS[9], ATANH_TAILS[9])
    v, v_tail = _next(v, v_tail, z, z_tail, ATANH_HEADS[8], ATANH_TAILS[8])
    v, v_tail = _next(v, v_tail, z, z_tail, ATANH_HEADS[7], ATANH_TAILS[7])
    v, v_tail = _next(v, v_tail, z, z_tail, ATANH_HEADS[6], ATANH_TAILS[6])
    v, v_tail = _next(v, v_tail, z, z_tail, ATANH_HEADS[5], ATANH_TAILS[5])
    v, v_tail = _next(v, v_tail, z, z_tail, ATANH_HEADS[4], ATANH_TAILS[4])
    v, v_tail = _next(v, v_tail, z, z_tail, ATANH_HEADS[3], ATANH_TAILS[3])
    v, v_tail = _next(v, v_tail, z, z_tail, ATANH_HEADS[2], ATANH_TAILS[2])
    v, v_tail = _next(v, v_tail, z, z_tail, ATANH_HEADS[1], ATANH_TAILS[1])
    v, v_tail = _next(v, v_tail, z, z_tail, ATANH_HEADS[0], ATANH_TAILS[0])
    v, v_tail = _times(v, v_tail, z, z_tail)
    v, v_tail = _times(v, v_tail, s, s_tail)
    v, v_tail = _plus(s, s_tail, v, v_tail)
    head, tail = two_sum(k * LN2_HEAD, k * LN2_MIDDLE)
    head, tail = _plus(head, tail, 2.0 * v, 2.0 * v_tail)
    return fast_two_sum(head, fma(k, LN2_END, tail))


@scalar
def _above(x: float, m: float) -> tuple[float, float, float]:
    """(d, t, t_tail): t + t_tail = 1 - m/sigmoid(x) where d = x - logit(m) is positive, else 1."""
    some = m > 0.0
    root, root_tail = logit_pair(select(some, m, 0.25))
    d, d_tail = two_sum(x, -root)
    d, d_tail = fast_two_sum(d, finite_tail(d, d_tail - root_tail))
    d = select(some, d, select(x == x, 64.0, x))
    d_tail = select(some, finite_tail(d, d_tail), 0.0)
    n, h, t = exp_reduced(clamp(-d, -64.0, 0.0), select(d < 64.0, -d_tail, 0.0))
    s = power_of_two(n)
    a, a_tail = two_sum(s, -1.0)
    a, b = fast_two_sum(a, s * h)
    a_tail = b + fma(s, t, a_tail)
    one, one_tail = fast_two_sum(1.0, -m)
    v, v_tail = two_prod(-one, a)
    v, v_tail = fast_two_sum(v, v_tail - fma(one, a_tail, one_tail * a))
    return d, select(d > 0.0, v, 1.0), select(d > 0.0, v_tail, 0.0)


@scalar
def above_power(x: float, m: float, g: float) -> float:
    """(sigmoid(x) - m)^g for g >= 0, 0 where sigmoid(x) <= m (2.5 ulp, but for the 64 doubles next to the root)."""
    d, v, v_tail = _above(x, m)
    size = abs(x)
    head, tail, t = softplus_parts(x)
    b, b_tail = log_pair(v)
    head, rest = two_sum(head, -b)
    tail = finite_tail(head, rest) + (tail + (t - (b_tail + v_tail / v)))
    product, rest = two_prod(-g, head)
    value = exp2part(product, fma(-g, tail, rest))
    value = select((g == 0.0) & (x == x), 1.0, value)
    return select(d <= 0.0, 0.0, select(size < INF, value, select(x < 0.0, select(g == 0.0, 1.0, 0.0), value)))


@scalar
def above_rate(c: float, x: float, m: float) -> float:
    """c times the derivative of log(sigmoid(x) - m), 0 where sigmoid(x) <= m; far out as e^-x, last (3 ulp)."""
    d, v, v_tail = _above(x, m)
    n, p, _ = exp_parts(clamp(-abs(x), -1400.0, 0.0))
    e = scale(p, n)
    share = c / (1.0 + e) / (v + v_tail)
    value = select(x > 0.0, scale(share * p, n), share)
    return select(d <= 0.0, 0.0 * c, value)


@scalar
def above_cost(x: float, m: float) -> float:
    """-log(1 - (sigmoid(x) - m)), 0 where sigmoid(x) <= m; log(1 + e^x) where m is 0 (4 ulp)."""
    d, v, v_tail = _above(x, m)
    n, p, _ = exp_parts(clamp(-abs(x), -1400.0, 0.0))
    e = scale(p, n)
    s, t = unit_log1p(e)
    alone = select(x < 0.0, 0.0, x) + (s + t)
    q, q_tail = lower_sigmoid(e)
    q += q_tail
    u = select(x < 0.0, q, 1.0 - q) * (v + v_tail)
    # far out sigmoid(-x) + m with both lifted from where they would underflow
    far = (x > 600.0) & (m < 2.0**-900)
    rest = select(far, scale(p, n + 1000.0) + m * 2.0**1000, q + m)
    beyond = select(far, 693.1471805599453, 0.0) - log(rest)
    value = select(u < 0.5, -log1p(-u), beyond)
    return select(d <= 0.0, 0.0, select(m == 0.0, alone, value))
