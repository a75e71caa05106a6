"""Scalar bodies of censored durations; `primitives` offers them.

All are functions of z = (log t - f)/s in two parts: t a duration, f the logarithm of its scale, s the spread of
log t. A bound that is open, t = 0 or t = inf, is z = -inf or inf. With s < 0 the sign of z is turned.
A last argument c is a factor, taken in before the power of two: only the range of the result counts.
"""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from losskit.kernels.elementary import (
    INF,
    Pair,
    clamp,
    exp,
    exp2part,
    exp_parts_tailed,
    expm1,
    expm1mx,
    fast_two_sum,
    finite_tail,
    fma,
    log,
    log1p,
    scalar,
    scale,
    two_sum,
)
from losskit.kernels.normal import interval_bend, interval_mean, interval_nll
from losskit.kernels.pieces import log_pair, unit_log1p
from losskit.kernels.select import select


@scalar
def z_pair(t: float, f: float, s: float) -> Pair:
    """(log t - f)/s in two parts."""
    inner = (t > 0.0) & (t < INF)
    g, g_tail = log_pair(select(inner, t, 1.0))
    d, d_tail = two_sum(g, -f)
    d, d_tail = fast_two_sum(d, finite_tail(d, d_tail + g_tail))
    z = d / s
    tail = finite_tail(z, (fma(-z, s, d) + finite_tail(d, d_tail)) / s)
    return select(inner, z, select(t > 0.0, INF, -INF) * s), select(inner, tail, 0.0)


@scalar
def aft_z(t: float, f: float, s: float) -> float:
    """(log t - f)/s (0.6 ulp)."""
    return z_pair(t, f, s)[0]


@scalar
def aft_exp(t: float, f: float, s: float) -> float:
    """e^z (1 ulp)."""
    z, tail = z_pair(t, f, s)
    return exp2part(z, tail)


@scalar
def aft_exp_times(t: float, f: float, s: float, c: float) -> float:
    """c e^z (1.5 ulp)."""
    z, tail = z_pair(t, f, s)
    n, p, _ = exp_parts_tailed(clamp(z, -1400.0, 1400.0), finite_tail(z, tail))
    return scale(c * p, n)


@scalar
def lesser(t: float, f: float, s: float) -> tuple[float, float, float]:
    """z; and (n, p) with 2^n p = e^-|z|."""
    z, tail = z_pair(t, f, s)
    n, p, _ = exp_parts_tailed(clamp(-abs(z), -1400.0, 0.0), finite_tail(z, select(z < 0.0, tail, -tail)))
    return z, n, p


@scalar
def aft_softplus(t: float, f: float, s: float) -> float:
    """log(1 + e^z) (1.5 ulp)."""
    z, n, p = lesser(t, f, s)
    head, tail = unit_log1p(scale(p, n))
    return select(z < 0.0, 0.0, z) + (head + tail)


@scalar
def aft_sigmoid(t: float, f: float, s: float, c: float) -> float:
    """c/(1 + e^-z) (2.5 ulp)."""
    z, n, p = lesser(t, f, s)
    share = c / (1.0 + scale(p, n))
    return select(z < 0.0, scale(share * p, n), share)


@scalar
def aft_sigmoid_slope(t: float, f: float, s: float, c: float) -> float:
    """c sigmoid(z) sigmoid(-z) (3.5 ulp)."""
    _, n, p = lesser(t, f, s)
    whole = 1.0 + scale(p, n)
    return scale(c / whole * p / whole, n)


@scalar
def log_gap(a: float, b: float) -> float:
    """log(b/a) for 0 <= a < b; infinite where either bound is open (1.5 ulp)."""
    inner = (a > 0.0) & (b < INF)
    a, b = select(inner, a, 1.0), select(inner, b, 2.0)
    head, tail = log_pair(a)
    top, top_tail = log_pair(b)
    gap = select(b <= 2.0 * a, log1p((b - a) / a), (top - head) + (top_tail - tail))
    return select(inner, gap, INF)


@scalar
def aft_gap(a: float, b: float, s: float) -> float:
    """-log(1 - (a/b)^(1/s)) for 0 <= a < b (2 ulp, and where it is small that of the exponent)."""
    x = log_gap(a, b) / s
    return select(x < 0.7, -log(-expm1(-x)), -log1p(-exp(-x)))


@scalar
def weibull_rise(a: float, b: float, f: float, s: float) -> tuple[float, float, float, float, float]:
    """How much e^z rises from a to b, in two parts; the logarithm of that; (n, m) with 2^n m the same, where small."""
    width = log_gap(a, b) / s
    z, tail = z_pair(a, f, s)
    y, y_tail = z_pair(b, f, s)
    k, q, _ = exp_parts_tailed(clamp(z, -1400.0, 710.0), finite_tail(z, tail))
    low = scale(q, k)
    n, p, p_tail = exp_parts_tailed(clamp(y, -1400.0, 710.0), finite_tail(y, y_tail))
    high = scale(p, n)
    d, d_tail = two_sum(high, -low)
    d = select(high == INF, INF, d)
    d_tail += scale(p_tail, n)
    near = width < 1.0
    narrow = expm1(select(near, width, 1.0))
    d, d_tail = select(near, low * narrow, d), select(near | (d > 1e4), 0.0, d_tail)
    lost = -expm1(-width)
    mantissa = select(near, q * narrow, p * lost)
    return d, d_tail, select(near, z + log(narrow), y + log(lost)), select(near, k, n), mantissa


@scalar
def weibull_mass(a: float, b: float, f: float, s: float) -> float:
    """-log(1 - e^-d), d the rise of e^z from a to b (4 ulp)."""
    d, d_tail, log_d, _, _ = weibull_rise(a, b, f, s)
    value = select(d < 0.7, -log(-expm1(-d)), -log1p(-exp2part(-d, -d_tail)))
    return select(d < 1e-30, -log_d, value)


@scalar
def weibull_parts(a: float, b: float, f: float, s: float) -> tuple[float, float, float]:
    """(q, n, c) with 2^n q = d/(e^d - 1), and c what that and d have above 1."""
    d, d_tail, _, _, _ = weibull_rise(a, b, f, s)
    small = d < 1e-30
    d = clamp(d, 1e-30, 1400.0)
    n, p, _ = exp_parts_tailed(-d, select(d < 1400.0, -d_tail, 0.0))
    lost = -expm1(-d)
    return p * (d / lost), n, select(small, 0.0, expm1mx(-d) / lost)


@scalar
def weibull_pull(a: float, b: float, f: float, s: float, c: float) -> float:
    """c d/(e^d - 1), d the rise of e^z from a to b (4 ulp)."""
    q, n, _ = weibull_parts(a, b, f, s)
    return scale(c * q, n)


@scalar
def weibull_bend(a: float, b: float, f: float, s: float, c: float) -> float:
    """c q (q + d - 1) with q = d/(e^d - 1), d the rise of e^z from a to b (6 ulp)."""
    d, _, _, k, mantissa = weibull_rise(a, b, f, s)
    q, n, excess = weibull_parts(a, b, f, s)
    return select(d < 1e-17, scale(0.5 * c * mantissa, k), scale(c * q * excess, n))


@scalar
def normal_mass(a: float, b: float, f: float, s: float) -> float:
    """-log of the normal mass between the z of a and that of b (6 ulp)."""
    x, x_tail = z_pair(a, f, s)
    y, y_tail = z_pair(b, f, s)
    return interval_nll(x, x_tail, y, y_tail, log_gap(a, b) / s)


@scalar
def normal_mean(a: float, b: float, f: float, s: float, c: float) -> float:
    """c times the mean of a standard normal variable between the z of a and that of b (6 ulp)."""
    x, x_tail = z_pair(a, f, s)
    y, y_tail = z_pair(b, f, s)
    return interval_mean(x, x_tail, y, y_tail, log_gap(a, b) / s, c)


@scalar
def normal_bend(a: float, b: float, f: float, s: float, c: float) -> float:
    """c times 1 less the variance of a standard normal variable between the z of a and that of b (8 ulp)."""
    x, x_tail = z_pair(a, f, s)
    y, y_tail = z_pair(b, f, s)
    return interval_bend(x, x_tail, y, y_tail, log_gap(a, b) / s, c)
