"""Scalar bodies behind scores of a location and a scale; `primitives` offers them.

The distance from the location, in scales, is kept in two parts: its rounding would come back in the exponent.
"""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from losskit.kernels.elementary import (
    EXP_TAIL,
    LN2_HEAD,
    LN2_TAIL,
    LOG2E,
    SHIFTER,
    Pair,
    clamp,
    exp2part,
    fast_two_sum,
    finite_tail,
    fma,
    polynomial,
    power_of_two,
    scalar,
    two_prod,
    two_sum,
)
from losskit.kernels.normal import normal_bell
from losskit.kernels.pieces import trunc
from losskit.kernels.select import select


@scalar
def finer_exp_parts(x: float) -> tuple[float, float, float]:
    """(n, p, t) with e^x = 2^n (p + t), to 2^-66: of an eighth of the rest of x the cubic term is that much smaller."""
    n = fma(x, LOG2E, SHIFTER) - SHIFTER
    first = fma(n, -LN2_HEAD, x)
    r = fma(n, -LN2_TAIL, first)
    tail = 0.125 * fma(n, -LN2_TAIL, first - r)
    r = 0.125 * r
    half = 0.5 * r
    u = 1.0 + r
    h = fma(half, r, u)
    t = fma(half, r, u - h) + ((1.0 - u) + r)
    p, t = fast_two_sum(h, t + fma(r * r * r, polynomial(r, EXP_TAIL), fma(tail, r, tail)))
    for _ in range(3):
        square, rest = two_prod(p, p)
        p, t = fast_two_sum(square, fma(2.0 * p, t, rest))
    return n, p, t


@scalar
def in_scales(y: float, m: float, t: float) -> Pair:
    """|y - m| e^-t in two parts; (2000, 0) from there on: half of it is still enough for e^-a to be 0."""
    huge, tiny = (abs(y) > 1e300) | (abs(m) > 1e300), (abs(y) < 1e-200) & (abs(m) < 1e-200)
    by, up = select(huge, 0.25, select(tiny, 2.0**300, 1.0)), select(huge, 2.0, select(tiny, -300.0, 0.0))
    r, r_tail = two_sum(by * y, -by * m)  # finite, and its product with p is normal
    apart, rest = abs(r), select(r < 0.0, -r_tail, r_tail)
    n, p, tail = finer_exp_parts(clamp(-t, -1500.0, 1500.0))
    a, a_tail = two_prod(apart, p)
    third = trunc((n + up) * (1.0 / 3.0))
    power, last = power_of_two(third), power_of_two(fma(third, -2.0, n + up))
    a_tail = ((fma(apart, tail, fma(rest, p, a_tail)) * power) * power) * last
    a = ((a * power) * power) * last
    far = a >= 2e3
    return select(far, 2e3, a), select(far, 0.0, finite_tail(a, a_tail))


@scalar
def decay(y: float, m: float, t: float) -> float:
    """e^-a at a = |y - m| e^-t (1.5 ulp)."""
    a, tail = in_scales(y, m, t)
    return exp2part(-a, -tail)


@scalar
def bell(y: float, m: float, t: float) -> float:
    """The normal density at |y - m| e^-t (2 ulp)."""
    a, tail = in_scales(y, m, t)
    return normal_bell(1.0, a, tail)


@scalar
def half_decay(y: float, m: float, t: float) -> float:
    """e^(-a/2) (1.5 ulp)."""
    a, tail = in_scales(y, m, t)
    return exp2part(-0.5 * a, -0.5 * tail)


@scalar
def half_bell(y: float, m: float, t: float) -> float:
    """e^(-a^2/4) (1.5 ulp)."""
    a, tail = in_scales(y, m, t)
    p, p_tail = two_prod(a, a)
    return exp2part(-0.25 * p, fma(-0.25, p_tail, -0.5 * a * tail))
