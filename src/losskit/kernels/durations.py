"""Scalar bodies behind losses for counts and durations beyond the Tweedie family; `primitives` offers them.

Each is a deviance: of d = f - log y in two parts, without the cancellation that its textbook form has near d = 0.
"""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from losskit.kernels.elementary import (
    INF,
    NO_TAIL,
    Pair,
    clamp,
    exp,
    exp_parts_tailed,
    expm1,
    expm1mx,
    expm1mx_parts,
    fast_two_sum,
    finite_tail,
    fma,
    log,
    log1p,
    log1pmx,
    log_parts,
    scalar,
    two_prod,
    two_sum,
)
from losskit.kernels.pieces import mul_exp, scaled_product
from losskit.kernels.select import select


@scalar
def log_ratio(y: float, f: float) -> Pair:
    """log y - f in two parts, for finite y > 0."""
    g, g_tail = log_parts(y)
    d, d_tail = two_sum(g, -f)
    d, d_tail = fast_two_sum(d, finite_tail(d, d_tail + g_tail))
    return d, finite_tail(d, d_tail)


@scalar
def log_ratio_times(y: float, f: float, k: float) -> Pair:
    """k (log y - f) in two parts, for finite y > 0."""
    d, d_tail = log_ratio(y, f)
    z, z_tail = two_prod(k, d)
    return z, finite_tail(z, fma(k, d_tail, z_tail))


@scalar
def ratio_power(c: float, y: float, f: float, k: float) -> float:
    """c (y e^-f)^k for y > 0, the power of two last (2 ulp)."""
    z, z_tail = log_ratio_times(y, f, k)
    n, p, _ = exp_parts_tailed(clamp(z, -1530.0, 1530.0), finite_tail(z, z_tail))
    return scaled_product(c, p, n)


@scalar
def weibull_deviance(y: float, f: float, k: float) -> float:
    """e^z - 1 - z at z = k (log y - f), for y > 0 (1.5 ulp, and z's own)."""
    z, z_tail = log_ratio_times(y, f, k)
    return expm1mx_parts(z, select(abs(z) < 1.0, NO_TAIL, z_tail))[0]  # near 0 the result is far below z's tail


@scalar
def negative_binomial_deviance(y: float, f: float, a: float) -> float:
    """y log(y/mu) - (y + 1/a) log((1 + a y)/(1 + a mu)) at mu = e^f, for y >= 0, a > 0 (6 ulp, and d's own).

    With d = f - log y and q = a y/(1 + a y) it is (y + 1/a) (log(1 + q (e^d - 1)) - q d), and the same with 1 - q and
    -d: the lesser of q and 1 - q is taken. Near d = 0 the linear terms are left out of logarithm and exponential.
    """
    odds = a * y
    mu = exp(f)
    log_y = log(select(y > 0.0, y, 1.0))
    d = f - log_y
    low = odds <= 1.0
    share = select(low, odds, 1.0) / (1.0 + odds)
    e = select(low, d, -d)
    near = abs(e) < 1.0
    inner = select(near, e, 0.5)
    total, part = y + 1.0 / a, select(low, y, 1.0 / a)  # part is total times share
    rise = expm1(inner)
    x = share * rise
    flat = abs(x) < 1e-9  # whose square may be subnormal where total is large
    close = select(flat, part * (rise * (x * (x / 3.0 - 0.5))), total * log1pmx(x)) + part * expm1mx(inner)
    # far out share (e^e - 1) in terms of mu and y, which neither d's rounding nor a subnormal share spoils
    inverse = a + 1.0 / select(low, 1.0, y)
    w = select(low, a * (mu - y) / (1.0 + odds), mul_exp(1.0 / inverse, -1.0, f) - share)
    beyond = select(low, f + log(a) - log1p(odds), -f - log(inverse))
    grown = select(w > 1e300, beyond, log1p(w))
    slight = low & (abs(w) < 1e-17)  # a subnormal w has no digits; total times it is mu - y
    value = select(near, close, select(slight, mu - y, total * grown) - part * e)
    zero = select(a * mu < 1e-17, mu, select(f > 700.0, f + log(a), log1p(a * mu)) / a)
    value = select(y == 0.0, zero, value)
    return select(abs(f) < INF, value, select(f == f, select((f < 0.0) & (y == 0.0), 0.0, INF), f))


@scalar
def poisson_deviance_of_mean(y: float, f: float) -> float:
    """y log(y/f) - y + f for y >= 0 and a mean f >= 0 (3 ulp)."""
    t = (f - y) / select(y > 0.0, y, 1.0)
    near = (t > -0.6) & (t < 1.5)
    close = -y * log1pmx(select(near, t, 0.0))
    # a quotient of its own: y/f may overflow where its logarithm does not
    ratio = y / f
    safe = (ratio > 1e-300) & (ratio < 1e300)
    logarithm = select(safe, log(ratio), log(y) - log(f))
    value = select(near, close, fma(y, logarithm, f - y))
    return select(f == INF, INF, select(y == 0.0, f, value))
