"""The stable scalar bodies of the bi-tempered loss, whose probabilities p and q = 1 - p solve an equation.

With k = t - 1: (q^-k - p^-k)/k = f. For f >= 0, w = log q <= -log 2 is the root of
log(1 + k (f + T))/k + w, T = (p^-k - 1)/k: increasing in w and convex, so that Newton's steps from its upper end need
no guard; four, and a fifth whose residual has two parts.
"""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from losskit.kernels.elementary import (
    INF,
    LN2_HEAD,
    LN2_TAIL,
    Pair,
    clamp,
    exp,
    exp2part,
    expm1,
    expm1_parts,
    expm1mx,
    fast_two_sum,
    finite_tail,
    fma,
    log1p,
    log1p_parts,
    scalar,
    two_prod,
    two_sum,
)
from losskit.kernels.pieces import log_pair
from losskit.kernels.select import select

LOG_HALF = -0.6931471805599453


@scalar
def _step(w: float, x: float, k: float) -> float:
    q = exp(w)
    grown = log1p(-q) * -k
    rest = expm1(grown)
    h = log1p(fma(k, x, rest)) / k + w
    w -= h / (1.0 + exp(grown) * q / ((1.0 - q) * (1.0 + fma(k, x, rest))))
    return select(w < LOG_HALF, w, LOG_HALF)


@scalar
def _log_tail(size: float, k: float) -> Pair:
    """(w, t) with w + t = log of the smaller probability at the score of size `size`."""
    huge = size > 2.0**900
    x = select(huge, size * 2.0**-128, size)
    held = select(huge, 2.0**300, size)
    w = clamp(-log1p(k * held) / k, -1e300, LOG_HALF)
    w = _step(_step(_step(_step(w, held, k), held, k), held, k), held, k)
    q = exp(w)
    a, a_tail = log1p_parts(-q)
    grown, grown_tail = two_prod(-k, a)
    rest, rest_tail, _ = expm1_parts(grown)
    rest_tail = fma(1.0 + rest, fma(-k, a_tail, grown_tail), rest_tail)
    u, u_tail = two_prod(k, x)
    v, v_tail = two_sum(1.0, rest)
    sum_, lost = two_sum(u, v)
    u_tail += lost + (v_tail + rest_tail)
    head, tail = log_pair(sum_)
    tail += u_tail / sum_
    shift = select(huge, 128.0, 0.0)
    head, lost = two_sum(head, shift * LN2_HEAD)
    tail += fma(shift, LN2_TAIL, lost)
    v = head / k
    v_tail = (fma(-v, k, head) + tail) / k
    w = select(w < -45.0, -v, w)  # where q changes nothing the equation is solved
    h, lost = two_sum(v, w)
    h += lost + v_tail
    w, t = fast_two_sum(w, -h / (1.0 + (1.0 + rest) * q / ((1.0 - q) * sum_)))
    return select(size < INF, w, -size), select(size < INF, t, 0.0)


@scalar
def _raised(c: float, c_tail: float, w: float, t: float) -> float:
    """e^((c + c_tail) (w + t))."""
    head, tail = two_prod(c, w)
    return exp2part(head, fma(c, t, fma(c_tail, w, tail)))


@scalar
def bitempered(x: float, a: float, b: float) -> float:
    """-log_a p - (1 - p^(2 - a) - q^(2 - a))/(2 - a), p the tempered sigmoid of x at b, a < 1 < b (4 ulp)."""
    w, t = _log_tail(abs(x), b - 1.0)
    c, _ = two_sum(1.0, -a)
    d, d_tail = two_sum(2.0, -a)
    power = _raised(d, d_tail, w, t)
    other = log1p(-exp2part(w, t))
    near = (expm1mx(d * other) + power) / d - expm1mx(c * other) / c
    far = (expm1(d * other) + power) / d - expm1(c * w) / c
    return select(x == x, select(x > 0.0, near, far), x)


@scalar
def _ratios(w: float, t: float, other: float, a: float) -> Pair:
    """With r the odds of the smaller probability: 1 + r^a, and 1 - r^(1 + a)."""
    odds, odds_tail = two_sum(w, -other)
    odds_tail += t
    c, c_tail = two_sum(1.0, a)
    head, tail = two_prod(c, odds)
    left = expm1(head)
    tail = finite_tail(head, fma(c, odds_tail, fma(c_tail, odds, tail)))
    return 1.0 + _raised(a, 0.0, odds, odds_tail), -fma(left + 1.0, tail, left)


@scalar
def bitempered_slope(x: float, a: float, b: float) -> float:
    """-1 times the derivative of bitempered: q (p^-a + q^-a)/(p^-b + q^-b) (4 ulp)."""
    w, t = _log_tail(abs(x), b - 1.0)
    s = exp2part(w, t)
    other = log1p(-s)
    one, _ = _ratios(w, t, other, a)
    two, _ = _ratios(w, t, other, b)
    c, c_tail = two_sum(b, -a)
    d, d_tail = two_sum(c, select(x > 0.0, 1.0, 0.0))
    value = _raised(d, d_tail + c_tail, w, t) * select(x > 0.0, 1.0, 1.0 - s) * (one / two)
    return select(x == x, value, x)


@scalar
def bitempered_bend(x: float, a: float, b: float) -> float:
    """The second derivative of bitempered, 8 ulp of its largest summand."""
    w, t = _log_tail(abs(x), b - 1.0)
    s = exp2part(w, t)
    other = log1p(-s)
    one, one_left = _ratios(w, t, other, a)
    two, two_left = _ratios(w, t, other, b)
    share = one / two
    gap = fma(a, one_left, -(b * share) * two_left)
    above = x > 0.0
    c, c_tail = two_sum(b, b - 1.0)
    d, d_tail = two_sum(c, -a)
    d, lost = two_sum(d, select(above, 1.0, 0.0))
    power = _raised(d, d_tail + c_tail + lost, w, t) / (two * two)
    value = power * select(above, one - gap, fma(1.0 - s, gap, s * one))
    return select(x == x, value, x)
