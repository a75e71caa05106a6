"""Scalar bodies of the normal distribution: density, hazard and tails; `primitives` offers the first and the last.

The hazard h = density/upper tail carries all: x < h, and h - x has a fit of its own that cancels nothing.
"""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from losskit.calculus.normal_fit import HAZARD_EXCESS, OVER_ROOT_TWO_PI, ROOT_HALF_PI
from losskit.kernels.elementary import NO_TAIL, clamp, exp2part, fma, polynomial, scalar, two_prod
from losskit.kernels.select import select


@scalar
def hazard_excess(x: float) -> float:
    """h(x) - x for finite x >= 0 (2 ulp)."""
    return polynomial((x - 4.0) / (x + 4.0), HAZARD_EXCESS) / (x + ROOT_HALF_PI)


@scalar
def bell(x: float, tail: float) -> float:
    """e^(-z^2/2) at z = x + tail (1 ulp)."""
    p, p_tail = two_prod(x, x)
    return exp2part(-0.5 * p, fma(-0.5, p_tail, -x * tail))


@scalar
def normal_pdf(x: float) -> float:
    """e^(-x^2/2)/sqrt(2 pi) (1.6 ulp)."""
    return OVER_ROOT_TWO_PI * bell(x, NO_TAIL)


@scalar
def upper_tail(x: float, tail: float) -> float:
    """The normal mass above x + tail, for x >= 0 (4 ulp)."""
    x = clamp(x, 0.0, 60.0)
    return OVER_ROOT_TWO_PI * bell(x, tail) / (x + hazard_excess(x))


@scalar
def normal_cdf(x: float) -> float:
    """The normal mass below x (4 ulp)."""
    q = upper_tail(abs(x), NO_TAIL)
    return select(x < 0.0, q, 1.0 - q)
