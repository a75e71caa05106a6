"""Scalar bodies of the Tweedie family's deviances, Poisson, gamma and inverse Gaussian; `primitives` offers them.

All are functions of a label y and f, the logarithm of the mean mu. A value and its derivatives share their exponentials.
"""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from losskit.kernels.elementary import (
    INF,
    NO_TAIL,
    clamp,
    divided_polynomial,
    exp,
    exp_rest,
    exp_split,
    fma,
    log,
    log_parts_inside,
    polynomial,
    power_of_two,
    scalar,
    scaled_product,
    two_sum,
)
from losskit.kernels.pieces import exp_product, held_tail
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
    d = f - log_y
    near = (y * d) * d * polynomial(d, EXPM1MX_RATIO)
    value = select(abs(d) < 0.75, near, (e - y) - y * d)
    # where e^f is infinite, so is the value; where y is 0, e^f is all of it
    return select((e == INF) | (y == 0.0), e + 0.0 * y, value)


@scalar
def mean_ratio(y: float, f: float) -> float:
    """y e^-f (1.6 ulp)."""
    n, p = exp_split(clamp(-f, -1530.0, 1530.0), NO_TAIL)
    return scaled_product(y, p, n)


@scalar
def gamma_deviance(y: float, f: float) -> float:
    """f - log y + y e^-f - 1 for y > 0: near d = f - log y = 0 by a series, else by its terms (2 ulp, and d's own)."""
    d = f - log(y)
    near = d * d * polynomial(-d, EXPM1MX_RATIO)
    return select(abs(d) < 0.75, near, (d - 1.0) + mean_ratio(y, f))


@scalar
def tweedie_parts(y: float, f: float, p: float) -> tuple[float, bool, float, float, float]:
    """(r, tame, n, q, held): r = y/mu; whether it is far from overflow; 2^n q, the factor in front; f for exponents.

    The factor is mu^(2 - p). Where r is not tame it is mu^(1 - p), to which y joins instead of r, but for p = 1.
    """
    b = 2.0 - p
    r = mean_ratio(y, f)
    tame = abs(r) < select(p == 0.0, 1e150, 1e300)
    limit = select(b < 0.0, -1530.0 / b, 1e300)  # above power 2 nothing changes further out
    held = clamp(f, -limit, limit)
    n, q = exp_product(select(tame | (p == 1.0), b, 1.0 - p), held)
    return r, tame, n, q, held


@scalar
def tweedie_slope(y: float, f: float, p: float) -> float:
    """mu^(2 - p) - y mu^(1 - p) at mu = e^f: mu^(2 - p) (1 - y/mu) (3 ulp of the larger term)."""
    r, tame, n, q, _ = tweedie_parts(y, f, p)
    value = scaled_product(select(tame, 1.0 - r, -y), q, n)
    return select((p == 1.0) & (not tame), -y, value)


@scalar
def tweedie_bend(y: float, f: float, p: float) -> float:
    """(2 - p) mu^(2 - p) + (p - 1) y mu^(1 - p) at mu = e^f (3 ulp of the larger term)."""
    r, tame, n, q, _ = tweedie_parts(y, f, p)
    b, c = 2.0 - p, p - 1.0
    return scaled_product(select(tame, fma(c, r, b), select(c == 0.0, b, c * y)), q, n)


# (e^x - 1 - x)/x^2, so that (x times it)' has error 2^-57.2 for |x| <= 1.25
EXPM1MX_RATIO_WIDE = (
    0.5,
    0.16666666666666669,
    0.04166666666666671,
    0.008333333333333207,
    0.001388888888888439,
    0.0001984126984133144,
    2.4801587303442077e-05,
    2.755731920968536e-06,
    2.755731883226757e-07,
    2.5052110150442988e-08,
    2.0876803229654373e-09,
    1.60589273729197e-10,
    1.1467660286060529e-11,
    7.650782520525874e-13,
    4.8881370776603605e-14,
    2.789195853767819e-15,
)


@scalar
def tweedie_deviance(y: float, f: float, p: float) -> float:
    """Half the unit deviance of power p (0 or >= 1) at mu = e^f: mu^b S(d) with b = 2 - p, c = p - 1, d = f - log y.

    S = (e^-d - 1 - expm1(-b d)/b)/c is a series near d = 0. Elsewhere it is (1 - r (1 + expm1(c d)/c))/b where
    b >= 1/2, else (r - 1 - expm1(-b d)/b)/c, with r = y/mu: neither cancels. Either has its limit at c = 0 or b = 0,
    and needs no logarithm where y = 0. Where e^(-b d) dwarfs the rest, its exponent joins that of mu^b. Power 0 is
    (1 - r)^2/2. TODO ulp
    """
    b, c = 2.0 - p, p - 1.0
    upper, middle, normal = b < 0.0, b >= 0.5, p == 0.0
    r, tame, n, q, held = tweedie_parts(y, f, p)
    g, g_tail = log_parts_inside(y)
    d, d_tail = two_sum(select(upper, held, f), -g)
    d_tail -= g_tail
    d = select((y > 0.0) & (d <= select(middle, 1e30, INF)), d, 1e30)
    near = fma(1.0 - r, d_tail, d * d * divided_polynomial(-d, b, EXPM1MX_RATIO_WIDE))

    # z = expm1(rate d)/rate, from e^(rate d) = 2^m (1 + u)
    rate = select(middle, c, -b)
    x = clamp(rate * d, -60.0, select(upper, 1e5, 600.0))
    m, u = exp_rest(x, held_tail(fma(rate, d_tail, fma(rate, d, -x))))
    s = power_of_two(m)
    z = select(rate == 0.0, d, fma(s, u, s - 1.0) * (1.0 / rate))
    rest = select(middle, 1.0, z - 1.0)
    far = fma(select(tame, r, y), select(middle, -1.0 - z, 1.0), select(tame, rest, 0.0)) * (1.0 / select(middle, b, c))
    far = select(normal, 0.5 * (1.0 - r) * (1.0 - r), far)

    size = select(abs(d) * select(abs(b) > 1.0, abs(b), 1.0) < 1.25, near, far)
    dwarfs = upper & (x > 40.0)
    size = select(dwarfs, (1.0 + u) * (-1.0 / (b * c)), size)
    value = scaled_product(size, q, clamp(n + select(dwarfs, m, 0.0), -2210.0, 2210.0))
    return select(tame | ((p != 0.0) & (p != 1.0)), value, select(normal, 0.5 * y * y, size))


@scalar
def inverse_gaussian(y: float, f: float) -> float:
    """(y - e^f)^2/(2 y e^(2 f)) for y > 0: the Tweedie deviance of power 3."""
    return tweedie_deviance(y, f, 3.0)
