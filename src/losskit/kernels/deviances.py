"""Scalar bodies of the Tweedie family's deviances, Poisson, gamma and inverse Gaussian; `primitives` offers them.

All are functions of the label y and f, the logarithm of the mean mu; a value and its derivatives share exponentials.
"""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

import math

from losskit.kernels.elementary import (
    INF,
    LN2_HEAD,
    LN2_TAIL,
    LOG_TAIL,
    MAX,
    NO_TAIL,
    clamp,
    divided_polynomial,
    exp,
    exp_parts,
    exp_rest,
    fma,
    log_parts_inside,
    polynomial,
    power_of_two,
    scalar,
    scale,
    smallest,
    split_positive,
    two_sum,
)
from losskit.kernels.pieces import exp_product, held_tail, scaled_once, scaled_product, trunc
from losskit.kernels.select import select

# (e^d - 1 - d)/d^2 for |d| <= 0.76, error 2^-56.3
EXPM1MX_RATIO = (
    0.5,
    0.16666666666666657,
    0.041666666666666664,
    0.008333333333337732,
    0.0013888888888891637,
    0.00019841269835178365,
    2.4801587297782934e-05,
    2.755732283854213e-06,
    2.755732148150751e-07,
    2.505106608590979e-08,
    2.0876105957894614e-09,
    1.6203207714754153e-10,
    1.156080547714658e-11,
)


@scalar
def poisson_deviance(y: float, f: float, log_y: float) -> float:
    """y log y - y - y f + e^f for y >= 0: near d = f - log y = 0 by a series, else by its terms (2 ulp, and d's own).

    The one exponential is the gradient's own e^f, so that both together cost little more than one.
    """
    e = exp(f)
    d = smallest(f, 710.0) - log_y  # where e^f is infinite, so is the value: y d must be finite there
    near = (y * d) * d * polynomial(d, EXPM1MX_RATIO)
    value = select(abs(d) < 0.75, near, (e - y) - y * d)
    return select(y == 0.0, e, value)


@scalar
def mean_ratio(y: float, f: float) -> float:
    """y e^-f (1.1 ulp)."""
    n, u = exp_rest(clamp(-f, -1530.0, 1530.0), NO_TAIL)
    return scaled_once(y, u, n)


@scalar
def minus_log(f: float, y: float) -> tuple[float, float]:
    """f - log y, and that less 1, for finite y > 0, y = 2^k (1 + m).

    Near the root the first two terms cancel without rounding; 1 is taken from f, which then has the smaller roundings.
    """
    k, m = split_positive(y)
    m -= 1.0
    s = m / (2.0 + m)
    z = s * s
    lack = fma(s, fma(-z, polynomial(z, LOG_TAIL), m), k * -LN2_TAIL)  # m - log(1 + m), and the tail of k log 2
    return (fma(k, -LN2_HEAD, f) - m) + lack, (fma(k, -LN2_HEAD, f - 1.0) - m) + lack


@scalar
def gamma_deviance(y: float, f: float) -> float:
    """f - log y + y e^-f - 1 for y > 0: near d = f - log y = 0 by a series, else by its terms (2 ulp, and d's own)."""
    d, less = minus_log(f, y)
    near = d * d * polynomial(-d, EXPM1MX_RATIO)
    return select(abs(d) < 0.75, near, less + mean_ratio(y, f))


@scalar
def outermost(p: float) -> float:
    """How far out f counts in exponents: above power 2, beyond it the loss changes no more, or is infinite."""
    return select(p > 2.0, 1530.0 / (p - 2.0), MAX)


@scalar
def tweedie_parts(y: float, f: float, p: float) -> tuple[float, bool, float, float]:
    """(r, tame, n, q): r = y/mu; whether it is far from overflow; 2^n q, the factor in front of the rest.

    That is mu^(2 - p); where r is not tame, mu^(1 - p), to which y itself belongs then, but for p = 1.
    """
    r = mean_ratio(y, f)
    tame = abs(r) < select(p == 0.0, 1e17, 1e300)
    reach = outermost(p)
    n, q = exp_product(select(tame, 2.0 - p, select(p == 1.0, 1.0, 1.0 - p)), clamp(f, -reach, reach))
    return r, tame, n, q


@scalar
def tweedie_slope(y: float, f: float, p: float) -> float:
    """mu^(2 - p) - y mu^(1 - p) at mu = e^f: mu^(2 - p) (1 - y/mu) (2.5 ulp of the larger term)."""
    r, tame, n, q = tweedie_parts(y, f, p)
    value = scaled_product(select(tame, 1.0, 0.0) - select(tame, r, y), q, n)
    return select(abs(r) > select(p == 1.0, 1e300, INF), -y, value)  # nan takes the value, which is nan


@scalar
def tweedie_bend(y: float, f: float, p: float) -> float:
    """(2 - p) mu^(2 - p) + (p - 1) y mu^(1 - p) at mu = e^f (3 ulp of the larger term)."""
    r, tame, n, q = tweedie_parts(y, f, p)
    alone = fma(p - 1.0, y, select(p == 1.0, 1.0, 0.0))
    return scaled_product(select(tame, fma(p - 1.0, r, 2.0 - p), alone), q, n)


# (e^x - 1 - x)/x^2, so that (x times it)' has error 2^-57.6 for |x| <= 1.5
EXPM1MX_RATIO_WIDE = (
    0.5,
    0.16666666666666666,
    0.04166666666666669,
    0.008333333333333413,
    0.0013888888888887285,
    0.0001984126984123095,
    2.480158730202714e-05,
    2.75573192330882e-06,
    2.755731916245687e-07,
    2.5052107215860648e-08,
    2.087676173919393e-09,
    1.6059130989802888e-10,
    1.1470544757957647e-11,
    7.643409792920356e-13,
    4.78353351711997e-14,
    2.898055900152146e-15,
    1.5459007280060302e-16,
)


@scalar
def tweedie_deviance(y: float, f: float, p: float) -> float:
    """Half the unit deviance of power p (0 or >= 1) at mu = e^f: mu^b S(d) with b = 2 - p, c = p - 1, d = f - log y.

    S = (e^-d - 1 - expm1(-b d)/b)/c is a series near d = 0. Elsewhere it is (1 - r (1 + expm1(c d)/c))/b where
    b >= 1/2, else (r - 1 - expm1(-b d)/b)/c, with r = y/mu: neither cancels, either has its limit at c = 0 or b = 0,
    and needs no logarithm where y = 0. For p = 0 it is (1 - r)^2/2. Above power 2, e^(-b d) may dwarf the rest; its
    exponent then joins that of mu^b. Conditions on p choose numbers, not branches: a loop computes those once.
    3.1 ulp for p <= 5, beyond |gradient| ulp(max(|f|, |log y|)).
    """
    b, c = 2.0 - p, p - 1.0
    upper, middle, normal = p > 2.0, p <= 1.5, p == 0.0
    r, tame, n, q = tweedie_parts(y, f, p)
    g, g_tail = log_parts_inside(y)
    reach = select(upper | normal, outermost(p), INF)
    d, d_tail = two_sum(clamp(f, -reach, reach), -g)
    d = select(y > 0.0, d, 1e30)
    d_tail -= g_tail
    near = fma(1.0 - r, d_tail, d * d * divided_polynomial(-d, b, EXPM1MX_RATIO_WIDE))

    # z = expm1(rate d)/rate, or d; the rest is (k0 + k1 z) + r (k2 + k3 z) + k4 (1 - r)^2
    rate = select(middle, c, -b)
    x = clamp(rate * d, -60.0, select(upper, 1e5, 600.0))
    m, u = exp_rest(x, held_tail(fma(rate, d_tail, fma(rate, d, -x))))
    s = power_of_two(m)
    z = select((x < 0.0) | (x > 0.0), fma(s, u, s - 1.0) * (1.0 / rate), d)
    k = select(normal, 0.0, 1.0 / select(middle, b, c))
    k0, k1 = select(middle, k, -k), select(middle, 0.0, k)
    k2, k3 = select(middle, -k, k), select(middle, -k, 0.0)
    k4 = select(normal, 0.5, 0.0)
    ratio = select(tame, r, y)
    miss = select(tame, 1.0, 0.0) - ratio
    far = fma(ratio, fma(k3, z, k2), fma(k4 * miss, miss, select(tame, fma(k1, z, k0), 0.0)))

    size = select(abs(d) * select(abs(b) > 1.0, abs(b), 1.0) < 1.5, near, far)
    dwarfs = x > select(upper, 40.0, INF)
    size = select(dwarfs, (1.0 + u) * (-1.0 / (b * c)), size)
    value = scaled_product(size, q, clamp(n + select(dwarfs, m, 0.0), -2210.0, 2210.0))
    value = select(abs(r) <= select(normal, 1e17, select(p == 1.0, 1e300, INF)), value, size)
    value = select(abs(d) < INF, value, abs(d))
    return select(f == f, value, f)


@scalar
def half_gap(y: float, f: float) -> tuple[float, float, float, float]:
    """(n, p, e, d): the root e = 2^n p of the mean e^f, and d = e - sqrt y by both roots in two parts."""
    n, p, p_tail = exp_parts(clamp(0.5 * f, -1530.0, 1530.0))
    e = scale(p, n)
    s = math.sqrt(y)
    s_tail = select(y > 0.0, fma(-s, s, y) / (s + s), 0.0)
    return n, p, e, select(e == INF, INF, (e - s) + (scale(p_tail, n) - s_tail))


@scalar
def half_tweedie(y: float, f: float) -> float:
    """The deviance of power 3/2, 2 (e^(f/2) - sqrt y)^2 e^(-f/2): no logarithm, no series, one exponential (5 ulp)."""
    n, p, _, d = half_gap(y, f)
    half = trunc(0.5 * n)
    return (2.0 * scale(d, -half)) * (scale(d, half - n) / p)


@scalar
def half_tweedie_slope(y: float, f: float) -> float:
    """Its derivative by f, e^(f/2) - y e^(-f/2) (2 ulp of the larger term)."""
    n, p, e, _ = half_gap(y, f)
    return e - scale(y, -n) / p


@scalar
def half_tweedie_bend(y: float, f: float) -> float:
    """Its second derivative, half of e^(f/2) + y e^(-f/2) (2 ulp)."""
    n, p, e, _ = half_gap(y, f)
    return 0.5 * e + 0.5 * (scale(y, -n) / p)


@scalar
def inverse_gaussian(y: float, f: float) -> float:
    """(y - e^f)^2/(2 y e^(2 f)) for y > 0: the Tweedie deviance of power 3."""
    return tweedie_deviance(y, f, 3.0)
