"""Scalar bodies behind scores of a location and a scale; `primitives` offers them.

The distance from the location, in scales, is kept in two parts: its rounding would come back in the exponent.
"""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from losskit.kernels.elementary import (
    Pair,
    clamp,
    exp2part,
    exp_parts,
    finite_tail,
    fma,
    power_of_two,
    scalar,
    two_prod,
    two_sum,
)
from losskit.kernels.normal import bell as normal_bell
from losskit.kernels.pieces import trunc
from losskit.kernels.select import select


@scalar
def in_scales(y: float, m: float, t: float) -> Pair:
    """|y - m| e^-t in two parts; (2000, 0) from there on: half of it is still enough for e^-a to be 0."""
    r, r_tail = two_sum(0.25 * y, -0.25 * m)
    quarter, rest = abs(r), select(r < 0.0, -r_tail, r_tail)
    n, p, tail = exp_parts(clamp(-t, -1500.0, 1500.0))
    a, a_tail = two_prod(quarter, p)
    third = trunc((n + 2.0) * (1.0 / 3.0))
    power, last = power_of_two(third), power_of_two(fma(third, -2.0, n + 2.0))
    a_tail = ((fma(quarter, tail, fma(rest, p, a_tail)) * power) * power) * last
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
