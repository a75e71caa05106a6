"""Scalar bodies behind the full densities of a location and a scale; `primitives` offers them."""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

import math

from losskit.kernels.deviances import mean_ratio, poisson_deviance
from losskit.kernels.durations import ratio_power, weibull_deviance
from losskit.kernels.elementary import (
    INF,
    finite_tail,
    fma,
    log,
    log1p,
    log_parts,
    scalar,
    two_prod,
    two_sum,
)
from losskit.kernels.gammas import HALF_LOG_2PI_HEAD, HALF_LOG_2PI_TAIL, stirling
from losskit.kernels.pieces import mul_exp
from losskit.kernels.select import select

LN2 = float.fromhex("0x1.62e42fefa39efp-1")
LN2_REST = float.fromhex("0x1.abc9e3b39803fp-56")


@scalar
def gaussian_sum(z: float, a: float, a_tail: float) -> float:
    """(z^2 + log(2 pi))/2 + a, rounded once after all its parts are added."""
    p, p_tail = two_prod(0.5 * z, z)
    b, b_tail = two_sum(a, HALF_LOG_2PI_HEAD)
    t, t_tail = two_sum(p, b)
    tail = finite_tail(b, b_tail + a_tail) + (finite_tail(p, p_tail) + HALF_LOG_2PI_TAIL)
    return select(p == INF, p, t + finite_tail(t, t_tail + tail))


@scalar
def gaussian_nll(r: float, s: float) -> float:
    """(r^2 e^-s + s + log(2 pi))/2 (4 ulp of the largest summand)."""
    return gaussian_sum(mul_exp(r, -0.5, s), 0.5 * s, 0.0)


@scalar
def gaussian_variance_nll(r: float, v: float) -> float:
    """(r^2/v + log v + log(2 pi))/2 for v > 0 (4 ulp of the largest summand)."""
    a, a_tail = log_parts(v)
    return gaussian_sum(r / math.sqrt(v), 0.5 * a, 0.5 * a_tail)


@scalar
def laplace_nll(a: float, s: float) -> float:
    """a + s + log 2, rounded once after all its parts are added."""
    b, b_tail = two_sum(s, LN2)
    t, t_tail = two_sum(a, b)
    return t + finite_tail(t, t_tail + (finite_tail(b, b_tail) + LN2_REST))


@scalar
def student_ratio(r: float, s: float, df: float) -> tuple[float, float, bool]:
    """m = |r| e^-s; the lesser of m^2/df and df/m^2; and whether that is the first."""
    m = mul_exp(abs(r), -1.0, s)
    near = m < math.sqrt(df)
    return m, select(near, (m / df) * m, (df / m) / m), near


@scalar
def student_log(r: float, s: float, df: float) -> float:
    """log(1 + r^2/(df e^(2 s))) (4 ulp)."""
    m, q, near = student_ratio(r, s, df)
    far = m > 1e150
    beyond = 2.0 * (log(abs(r)) - s) - log(df)
    return select(far, beyond, log1p(select(near, q, (select(far, 1.0, m) / df) * m)))


@scalar
def student_share(r: float, s: float, df: float) -> float:
    """r^2/(r^2 + df e^(2 s)) (5 ulp)."""
    _, q, near = student_ratio(r, s, df)
    return select(near, q, 1.0) / (1.0 + q)


@scalar
def over_square(a: float, q: float) -> float:
    """a/(1 + q)^2 for 0 <= q <= 1 (1.5 ulp)."""
    t = 1.0 + q
    return a / fma(2.0 * t, q - (t - 1.0), t * t)


@scalar
def student_spread(r: float, s: float, df: float) -> float:
    """df times the share times what it lacks to 1 (5 ulp)."""
    m, q, near = student_ratio(r, s, df)
    root = select(near, m, df / m)
    lost = select(near | (m > 1e300), 0.0, fma(-root, m, df))  # of the quotient, which is squared
    square = root * root
    return over_square(fma(square, lost * (2.0 / df), square), q)


@scalar
def student_pull(r: float, s: float, df: float) -> float:
    """r/(r^2/df + e^(2 s)) (5 ulp)."""
    _, q, near = student_ratio(r, s, df)
    return select(near, mul_exp(r, -2.0, s), df / r) / (1.0 + q)


@scalar
def student_cross(r: float, s: float, df: float) -> float:
    """The pull times what the share lacks to 1 (6 ulp)."""
    m, q, near = student_ratio(r, s, df)
    far = (df / r / m) * (df / m)  # df/m^2 alone may underflow
    return over_square(select(near, mul_exp(r, -2.0, s), far), q)


@scalar
def student_bend(r: float, s: float, df: float) -> float:
    """(e^(2 s) - r^2/df)/(e^(2 s) + r^2/df)^2, in ulp of the larger part (7 ulp)."""
    _, q, near = student_ratio(r, s, df)
    sharp = select(near, mul_exp(1.0, -2.0, s), -(df / r) / r)
    return over_square(sharp * (1.0 - q), q)


@scalar
def poisson_nll(y: float, f: float, log_y: float) -> float:
    """e^f - y f + log(y!): the deviance and what is left at a perfect fit, neither negative (2.5 ulp, and d's own)."""
    return poisson_deviance(y, f, log_y) + stirling(y)


@scalar
def gamma_pull(y: float, f: float, a: float) -> float:
    """y e^(a - f) for y > 0, by halves: only the range of the result counts (5 ulp)."""
    half = mul_exp(ratio_power(1.0, y, f, 0.5), 0.5, a)
    return half * half


@scalar
def gamma_excess(y: float, f: float, a: float) -> float:
    """e^a (1 - y e^-f) for y > 0, in ulp of the larger part (5 ulp)."""
    ratio = mean_ratio(y, f)
    return select(ratio > 1e300, -gamma_pull(y, f, a), mul_exp(1.0 - ratio, 1.0, a))


@scalar
def gamma_energy(y: float, f: float, a: float) -> float:
    """e^a (f - log y + y e^-f - 1) for y > 0, f - log y in two parts (5 ulp)."""
    deviance = weibull_deviance(y, f, 1.0)
    return select(deviance > 1e300, gamma_pull(y, f, a), mul_exp(deviance, 1.0, a))
