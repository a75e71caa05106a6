"""The stable scalar bodies of losses for two classes."""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from losskit.kernels.elementary import (
    INF,
    LN2_HEAD,
    LN2_TAIL,
    Pair,
    clamp,
    exp2part,
    exp_neg_abs,
    exp_parts,
    expm1,
    fast_two_sum,
    fma,
    log,
    log1p,
    polynomial,
    scalar,
    scale,
    scale_exp,
    two_prod,
    two_sum,
)
from losskit.kernels.pieces import UNIT_LOG_TAIL, log_pair, lower_sigmoid, mul_exp, unit_log1p
from losskit.kernels.select import select

# atan(z) = z + z^3 U(z^2) for |z| <= tan(pi/8), error 2^-62 z^3
ATAN_TAIL = (
    -0.3333333333333333,
    0.19999999999999804,
    -0.14285714285659779,
    0.11111111105150588,
    -0.09090908753259112,
    0.07692296368042296,
    -0.06666424760200507,
    0.05878927554473668,
    -0.05230443640686046,
    0.0455154473401848,
    -0.034569315063240416,
    0.016284375049956695,
)
TAN_PI_8 = 0.41421356237309503
HALF_PI_HEAD, HALF_PI_TAIL = float.fromhex("0x1.921fb54442d18p+0"), float.fromhex("0x1.1a62633145c07p-54")
TAN_HALF_HEAD, TAN_HALF_TAIL = float.fromhex("0x1.17b4f5bf3474ap-1"), float.fromhex("0x1.0c5e59201e209p-55")


@scalar
def atan_parts(v: float) -> Pair:
    """(a, t) with a + t = atan(v) for v >= 0: at tan(pi/8) and above through pi/4 or pi/2."""
    far = v > 1.0 / TAN_PI_8
    middle = v > TAN_PI_8
    top = select(far, -1.0, select(middle, v - 1.0, v))
    bottom = select(far, v, select(middle, v + 1.0, 1.0))
    z = top / bottom
    turns = select(far, 1.0, select(middle, 0.5, 0.0))
    square = z * z
    a, t = fast_two_sum(turns * HALF_PI_HEAD, z)
    return a, fma(z * square, polynomial(square, ATAN_TAIL), fma(turns, HALF_PI_TAIL, t))


@scalar
def tangent_gap(m: float) -> float:
    """2 atan(m) - 1: above 0 as 2 atan((m - t)/(1 + m t)), t = tan(1/2), whose root is the true one (1.6 ulp)."""
    above = m > 0.0
    size = select(m < 2.0**70, m, 2.0**70)
    top, top_tail = two_sum(size, -TAN_HALF_HEAD)
    top_tail -= TAN_HALF_TAIL
    product, product_tail = two_prod(size, TAN_HALF_HEAD)
    bottom, bottom_tail = two_sum(1.0, product)
    inverse = 1.0 / bottom
    v = top * inverse
    lost = fma(-v, bottom, top) + fma(-v, bottom_tail + product_tail, top_tail)
    v, lost = select(above, v, m), select(above, lost * inverse / fma(v, v, 1.0), 0.0)
    a, t = atan_parts(abs(v))
    a, t = select(v < 0.0, -a, a), select(v < 0.0, -t, t) + lost
    head, tail = two_sum(select(above, 0.0, -0.5), a)
    return 2.0 * (head + (tail + t))


@scalar
def tangent_slope(m: float) -> float:
    """2/(1 + m^2) (1 ulp)."""
    return select(abs(m) > 2.0**28, 2.0 / m / m, 2.0 / fma(m, m, 1.0))


@scalar
def sigmoid_gap(x: float, a: float) -> float:
    """(1 - sigmoid(x)^a)/a, which tends to softplus(-x) as a to 0 (3 ulp)."""
    s, t = unit_log1p(exp_neg_abs(x))
    cost = select(x < 0.0, -x, 0.0) + (s + t)
    u = a * cost
    return select(abs(u) < 1e-17, cost, -expm1(-u) / a)


@scalar
def softplus_times(x: float, w: float) -> float:
    """w log(1 + e^x) for w >= 0, 0 where w = 0; far below 0 as w e^x, whose exponents are added (2 ulp)."""
    size = abs(x)
    n, p, _ = exp_parts(clamp(-size, -1400.0, 0.0))
    s, t = unit_log1p(scale(p, n))
    value = select(x < -40.0, scale(w * p, n), w * (select(x < 0.0, 0.0, x) + (s + t)))
    return select((w == 0.0) & (x == x), 0.0, value)


@scalar
def sigmoid_times(x: float, w: float) -> float:
    """w/(1 + e^-x) for w >= 0; far below 0 as w e^x, whose exponents are added (2 ulp)."""
    n, p, _ = exp_parts(clamp(-abs(x), -1400.0, 0.0))
    q, t = lower_sigmoid(scale(p, n))
    q += t
    return select(x < -40.0, scale(w * p, n), w * select(x < 0.0, q, 1.0 - q))


@scalar
def softplus_less_sigmoid(x: float) -> float:
    """log(1 + e^x) - 1/(1 + e^-x); below 0 as s q/2 + s z U(z), a sum without cancellation (3 ulp)."""
    size = abs(x)
    e = exp_neg_abs(x)
    s, t = unit_log1p(e)
    q, q_tail = lower_sigmoid(e)
    z = s * s
    below = s * fma(z, polynomial(z, UNIT_LOG_TAIL), 0.5 * q)
    a, a_tail = two_sum(size, -1.0)
    b, b_tail = fast_two_sum(s, q)
    r, r_tail = two_sum(a, b)
    above = r + (r_tail + (a_tail + (b_tail + (t + q_tail))))
    return select(x < INF, select(x > 0.0, above, below), x)


@scalar
def logit_entropy(x: float) -> float:
    """log(1 + e^x) - x/(1 + e^-x): the entropy of sigmoid(x); far out (1 + |x|) e^-|x| (2 ulp)."""
    size = clamp(abs(x), 0.0, 800.0)
    n, p, _ = exp_parts(-size)
    e = scale_exp(p, n)
    s, t = unit_log1p(e)
    q, q_tail = lower_sigmoid(e)
    return select(size < 40.0, fma(size, q + q_tail, s + t), scale((1.0 + size) * p, n))


@scalar
def softplus_tilted(z: float, y: float, k: float) -> float:
    """softplus(z) - y z - k z for 0 <= y <= 1; 2 ulp of its larger summand."""
    size = abs(z)
    s, t = unit_log1p(exp_neg_abs(z))
    a = s + t
    c = select(z > 0.0, (1.0 - y) - k, y + k)
    return select(c == 0.0, a, fma(c, size, a))


@scalar
def softplus_scaled(x: float, w: float) -> float:
    """log(1 + w e^x) for w > 0 (3 ulp)."""
    t = mul_exp(w, 1.0, x)
    return select(t < 1e300, log1p(t), x + log(w))


@scalar
def sigmoid_scaled(x: float, w: float) -> float:
    """w e^x/(1 + w e^x) for w > 0 (3 ulp)."""
    t = mul_exp(w, 1.0, x)
    return select(t < 1e300, t / (1.0 + t), select(t > 1.0, 1.0, t))


@scalar
def dwd_power(m: float, q: float) -> float:
    """max(1, (q + 1) m/q)^-q for q > 0, the base in two parts (1 ulp)."""
    huge = m > 2.0**900
    size = select(huge, m * 2.0**-128, m)
    s, s_tail = two_sum(q, 1.0)
    top, top_tail = two_prod(s, size)
    r = top / q
    r_tail = (fma(-r, q, top) + fma(s_tail, size, top_tail)) / q
    beyond = (r > 1.0) | huge
    # below 1 the base is 1, and the power too; far above only finite numbers are wanted
    r, r_tail = select(beyond, r, 1.0), select(beyond, r_tail, 0.0)
    r, r_tail = select(m < INF, r, 1.0), select(m < INF, r_tail, 0.0)
    head, tail = log_pair(r)
    tail += r_tail / r
    doublings = select(huge, 128.0, 0.0)
    head, rest = fast_two_sum(doublings * LN2_HEAD, head)
    tail += fma(doublings, LN2_TAIL, rest)
    product, rest = two_prod(-q, head)
    value = exp2part(product, fma(-q, tail, rest))
    return select(m < INF, value, select(m == INF, 0.0, m))


@scalar
def _flip_parts(x: float, a: float, b: float) -> tuple[float, float, float, float]:
    """(n, p, e, t): e = exp(-|x|) = 2^n p, and the mixture (1 - a) sigmoid(x) + b sigmoid(-x) is t/(1 + e)."""
    n, p, _ = exp_parts(clamp(-abs(x), -1400.0, 0.0))
    e = scale(p, n)
    return n, p, e, select(x > 0.0, fma(b, e, 1.0 - a), fma(1.0 - a, e, b))


@scalar
def flip_loss(x: float, a: float, b: float) -> float:
    """-log((1 - a) sigmoid(x) + b sigmoid(-x)) for 0 <= a, b < 1/2 (5 ulp).

    Where the mixture is near 1 from its complement; where b is 0 as softplus(-x) - log(1 - a).
    """
    _, _, e, t = _flip_parts(x, a, b)
    d = 1.0 + e
    rest = select(x > 0.0, fma(1.0 - b, e, a), fma(a, e, 1.0 - b)) / d
    s, s_tail = unit_log1p(e)
    alone = (select(x < 0.0, -x, 0.0) + (s + s_tail)) - log1p(-a)
    return select(b == 0.0, alone, select(rest < 0.5, -log1p(-rest), -log(t / d)))


@scalar
def flip_slope(x: float, a: float, b: float) -> float:
    """-1 times the slope of flip_loss by x: (1 - a - b) sigmoid'(x) over the mixture (4 ulp).

    Where a is -b, the slope of -log(sigmoid(x) + b).
    """
    n, p, e, t = _flip_parts(x, a, b)
    kept = (0.5 - a) + (0.5 - b)
    d = 1.0 + e
    alone = (b == 0.0) & (x <= 0.0)
    return select(alone, kept / ((1.0 - a) * d), scale(kept * p / select(alone, 1.0, d * t), n))


@scalar
def flip_bend(x: float, a: float, b: float) -> float:
    """The second derivative of flip_loss: flip_slope ((1 - a) sigmoid(x)^2 - b sigmoid(-x)^2) over the mixture."""
    _, _, e, t = _flip_parts(x, a, b)
    d = 1.0 + e
    above = x > 0.0
    alone = (b == 0.0) & (not above)
    p, q = select(above, 1.0, e) / d, select(above, e, 1.0) / d
    t = select(alone, 1.0, t)
    p_share = select(alone, 1.0 / (1.0 - a), select(above, 1.0, e) / t)
    q_share = select(above, e, 1.0) / t
    return flip_slope(x, a, b) * fma((1.0 - a) * p, p_share, -(b * q * q_share))
