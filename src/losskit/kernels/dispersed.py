"""Scalar bodies of the negative binomial density; `primitives` offers them.

mu = e^f is the mean, r = e^-a the inverse of the dispersion, p = mu/(mu + r) and q = y/(y + r). With z = f + a and
z0 = log y + a these are p = 1/(1 + e^-z) and q = 1/(1 + e^-z0), d = log y - f is their distance; all in two parts.
"""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from losskit.kernels.durations import log_ratio
from losskit.kernels.elementary import (
    Pair,
    clamp,
    exp,
    exp2part,
    exp_rest,
    expm1,
    expm1mx,
    finite_tail,
    log,
    log1p,
    log1pmx,
    log_parts,
    scalar,
    two_sum,
)
from losskit.kernels.gammas import (
    HALF_LOG_2PI_HEAD,
    binet_bend,
    binet_from_one,
    binet_slope,
    shape_bend,
    shape_normaliser,
    shape_slope,
    stirling,
)
from losskit.kernels.pieces import mul_exp, scaled_once
from losskit.kernels.select import select


@scalar
def exp_below(x: float, x_tail: float) -> float:
    """e^-|x + x_tail|."""
    return exp2part(-abs(x), select(x > 0.0, -x_tail, x_tail))


@scalar
def label_odds(y: float, a: float) -> Pair:
    """log y + a in two parts; -inf at y = 0."""
    g, g_tail = log_parts(y)
    z, z_tail = two_sum(g, a)
    return z, finite_tail(z, z_tail + g_tail)


@scalar
def mean_odds(f: float, a: float) -> Pair:
    """f + a in two parts."""
    z, z_tail = two_sum(f, a)
    return z, finite_tail(z, z_tail)


@scalar
def label_sigmoid(y: float, a: float, sign: float) -> float:
    """q for sign 1, 1 - q for sign -1 (2 ulp)."""
    z, z_tail = label_odds(y, a)
    e = exp_below(z, z_tail)
    return select(sign * z < 0.0, e, 1.0) / (1.0 + e)


@scalar
def dispersed_share(f: float, a: float) -> float:
    """p (2 ulp)."""
    z, z_tail = mean_odds(f, a)
    e = exp_below(z, z_tail)
    return select(z < 0.0, e, 1.0) / (1.0 + e)


@scalar
def gap(y: float, f: float) -> float:
    """e^-|log y - f| - 1, -1 at y = 0."""
    d, d_tail = log_ratio(select(y == 0.0, 1.0, y), f)
    e = expm1(-abs(d))
    return select(y == 0.0, -1.0, e + select(d > 0.0, -d_tail, d_tail) * (1.0 + e))


@scalar
def faded(c: float, x: float, x_tail: float) -> float:
    """c e^(x + x_tail), the power of two last."""
    held = clamp(x, -1500.0, 1500.0)
    n, u = exp_rest(held, select(held == x, x_tail, 0.0))
    return scaled_once(c, u, n)


@scalar
def dispersed_pull(y: float, f: float, a: float) -> float:
    """(mu - y)/(1 + mu/r): no difference but that of d (4 ulp)."""
    z, z_tail = mean_odds(f, a)
    g = gap(y, f)
    below = faded(y * g, select(z > 0.0, -z, 0.0), select(z > 0.0, -z_tail, 0.0))
    above = -g * exp(select(f < -a, f, -a))
    return select(log(y) > f, below, above) / (1.0 + exp_below(z, z_tail))


@scalar
def dispersed_shift(y: float, f: float, a: float) -> float:
    """v = (mu - y)/(mu + r), below 1 (4 ulp)."""
    z, z_tail = mean_odds(f, a)
    g = gap(y, f)
    below = mul_exp(y * g, 1.0, select(a < -f, a, -f))
    above = faded(-g, select(z < 0.0, z, 0.0), select(z < 0.0, z_tail, 0.0))
    return select(log(y) > f, below, above) / (1.0 + exp_below(z, z_tail))


@scalar
def dispersed_half(y: float, f: float, a: float, v: float) -> float:
    """v sqrt(r), or the pull over sqrt(r) where v is too small."""
    return select(abs(v) > 1e-290, mul_exp(v, -0.5, a), mul_exp(dispersed_pull(y, f, a), 0.5, a))


@scalar
def dispersed_cross(y: float, f: float, a: float) -> float:
    """The pull times p (5 ulp)."""
    z, z_tail = mean_odds(f, a)
    g = gap(y, f)
    below = faded(y * g, -abs(z), select(z > 0.0, -z_tail, z_tail))
    x, x_tail = two_sum(f, z)  # mu p may be small where mu is infinite
    above = -g * exp2part(select(z < 0.0, x, -a), select(z < 0.0, x_tail + z_tail, 0.0))
    e = 1.0 + exp_below(z, z_tail)
    return select(log(y) > f, below, above) / e / e


@scalar
def dispersed_bend(y: float, f: float, a: float) -> float:
    """(y + r) p (1 - p), the slope of the pull by f (5 ulp)."""
    z, z_tail = mean_odds(f, a)
    tail = select(z > 0.0, -z_tail, z_tail)
    x, x_tail = two_sum(-a, -z)
    own = select(z > 0.0, exp2part(x, x_tail - z_tail), exp(f))  # r p (1 - p) is mu (1 - p)^2 too
    e = 1.0 + exp_below(z, z_tail)
    return (faded(y, -abs(z), tail) + own) / e / e


@scalar
def total_rise(y: float, f: float, a: float) -> float:
    """log((mu + r)/(y + r))."""
    z, z_tail = mean_odds(f, a)
    z0, z0_tail = label_odds(y, a)
    both = (z > 0.0) & (z0 > 0.0)
    lead = select(z > 0.0, z, 0.0) - select(z0 > 0.0, z0, 0.0)
    lead = select(both, f - log(select(y > 0.0, y, 1.0)), lead)
    return lead + (log1p(exp_below(z, z_tail)) - log1p(exp_below(z0, z0_tail)))


@scalar
def dispersed_sag(y: float, f: float, a: float) -> float:
    """r (v + log(1 - v)), the slope of the deviance by a, never positive (8 ulp)."""
    v = dispersed_shift(y, f, a)
    half = dispersed_half(y, f, a, v)
    size = select(v < 0.7, log1pmx(-v), v - total_rise(y, f, a))  # the lesser error on either side
    value = select(abs(v) < 1e-8, half * half * (-0.5 - v / 3.0), mul_exp(size, -1.0, a))
    return select(v < -1e300, dispersed_pull(y, f, a), value)


@scalar
def dispersed_sway(y: float, f: float, a: float) -> float:
    """The slope of the sag by a: -r (v + log(1 - v) + v^2 (1 - q)), or by the pull where v < -1."""
    v = dispersed_shift(y, f, a)
    pull, half = dispersed_pull(y, f, a), dispersed_half(y, f, a, v)
    z0, z0_tail = label_odds(y, a)
    e = exp_below(z0, z0_tail)
    share = select(z0 > 0.0, e, 1.0) / (1.0 + e)
    # up to v = 0.8 by v alone, whose error then mostly cancels
    size = select(v < 0.8, log1pmx(-v), v - total_rise(y, f, a)) + v * v * share
    near = select(abs(v) < 1e-8, half * half * ((0.5 - share) + v / 3.0), mul_exp(-size, -1.0, a))
    rest = pull * share
    far = mul_exp(total_rise(y, f, a), -1.0, a) - (dispersed_cross(y, f, a) + rest)
    return select(v < -1.0, far, near)


@scalar
def dispersed_deviance(y: float, f: float, a: float) -> float:
    """y log(q/p) + r log((1 - q)/(1 - p)): by the lesser of q and 1 - q, linear terms left out near d = 0 (6 ulp)."""
    z, z_tail = mean_odds(f, a)
    z0, z0_tail = label_odds(y, a)
    d, _ = log_ratio(select(y > 0.0, y, 1.0), f)
    low = z0 <= 0.0
    mu, r = exp(f), exp(-a)
    part = select(low, y, r)
    e = select(low, -d, d)
    near = abs(e) < 1.0
    rise = expm1(select(near, e, 0.5))
    fade, label_fade = exp_below(z, z_tail), exp_below(z0, z0_tail)
    # part (e^e - 1), which is y + r times x
    grown = select(near, part * rise, select(low, mu - y, mul_exp(y, -1.0, z) - r))
    x = select(near, rise * (label_fade / (1.0 + label_fade)), grown / (y + r))
    flat = abs(x) < 1e-9
    held = select(flat | (abs(x) > 1e300), 1.0, x)
    close = part * (rise * select(flat, x * (x / 3.0 - 0.5), log1pmx(held) / held) + expm1mx(select(near, e, 0.5)))
    middle = grown * select(flat, 1.0 - 0.5 * x, log1p(held) / held) - part * e
    up = select(low, z, -z)
    logarithm = select(up > 0.0, up, 0.0) + (log1p(fade) - log1p(label_fade))
    value = select(near, close, select(x < 1.0, middle, (y + r) * logarithm - part * e))
    thin = mu * select(fade < 1e-17, 1.0, log1p(fade) / select(fade < 1e-17, 1.0, fade))
    zero = select(z < 0.0, thin, mul_exp(z + log1p(fade), -1.0, a))
    return select(y == 0.0, zero, value)


@scalar
def dispersed_floor(y: float, a: float) -> float:
    """What the density has at mu = y: log(y!) - y log y + y and what r and y + r leave, never negative (4 ulp)."""
    r = exp(-a)
    x = select(y > 0.0, y, 1.0) + r
    small = a > 0.0
    held = select(small, 1.0, r)
    wide = 0.5 * log1p(y * exp(select(small, 0.0, a))) + (binet_from_one(held) - binet_from_one(held + y))
    narrow = shape_normaliser(-select(small, a, 0.0)) - ((HALF_LOG_2PI_HEAD - 0.5 * log(x)) + binet_from_one(x))
    return select(y == 0.0, 0.0, stirling(y) + select(small, narrow, wide))


@scalar
def dispersed_floor_slope(y: float, a: float) -> float:
    """Its derivative by a, never negative (4 ulp)."""
    small = a > 0.0
    q, rest = label_sigmoid(y, a, 1.0), label_sigmoid(y, a, -1.0)
    w = exp(select(small, 0.0, a))
    above = w * rest
    wide = 0.5 * q + w * (binet_slope(w) - rest * (rest * binet_slope(above)))
    v = 1.0 / (select(y > 0.0, y, 1.0) + select(small, exp(-a), 0.0))
    narrow = shape_slope(-select(small, a, 0.0)) - rest * (0.5 + v * binet_slope(v))
    return select(y == 0.0, 0.0, select(small, narrow, wide))


@scalar
def dispersed_floor_bend(y: float, a: float) -> float:
    """Its second derivative by a, never negative (6 ulp)."""
    small = a > 0.0
    q, rest = label_sigmoid(y, a, 1.0), label_sigmoid(y, a, -1.0)
    w = select(small, 0.0, exp(select(small, 0.0, a)))
    v = select(small, 1.0 / (select(y > 0.0, y, 1.0) + select(small, exp(-a), 0.0)), w * rest)
    g = binet_slope(v)
    own = select(small, shape_bend(-select(small, a, 0.0)), w * (binet_bend(w) - binet_slope(w)))
    value = (own - rest * (rest * (v * (binet_bend(v) - g)))) + q * rest * (0.5 + v * g)
    return select(y == 0.0, 0.0, value)
