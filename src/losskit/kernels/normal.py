"""Scalar bodies of the normal distribution: density, tails, and what lies in an interval; `primitives` offers some.

The hazard h = density/upper tail carries all: x < h, and h - x has a fit of its own that cancels nothing.
"""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from losskit.calculus.normal_fit import (
    EXCESS_TAIL,
    HAZARD_EXCESS,
    NODE_WEIGHTS,
    NODES,
    OVER_ROOT_TWO_PI,
    OVER_ROOT_TWO_PI_TAIL,
    ROOT_HALF_PI,
    WITHIN,
)
from losskit.kernels.elementary import (
    NO_TAIL,
    Pair,
    clamp,
    exp,
    exp_parts_tailed,
    fast_two_sum,
    finite_tail,
    fma,
    log,
    log1p,
    polynomial,
    scalar,
    scale,
    two_prod,
    two_sum,
)
from losskit.kernels.gammas import HALF_LOG_2PI_HEAD
from losskit.kernels.select import select


@scalar
def excess_pair(x: float) -> Pair:
    """h(x) - x in two parts, for finite x >= 0: a quotient whose parts keep what their sums lose."""
    t = fma(2.0, x / (x + 4.0), -1.0)  # (x - 4)/(x + 4), to the last bit near x = 0
    p, p_tail = fast_two_sum(HAZARD_EXCESS[0], fma(t, polynomial(t, HAZARD_EXCESS[1:]), EXCESS_TAIL))
    d, d_tail = two_sum(x, ROOT_HALF_PI)
    q = p / d
    return q, (fma(-q, d, p) + fma(-q, d_tail, p_tail)) / d


@scalar
def hazard_excess(x: float) -> float:
    """h(x) - x for finite x >= 0 (0.8 ulp)."""
    w, w_tail = excess_pair(x)
    return w + w_tail


@scalar
def bell_parts(x: float, tail: float) -> Pair:
    """(n, p) with 2^n p the normal density at x + tail (0.6 ulp)."""
    p, p_tail = two_prod(x, x)
    head = -0.5 * p
    n, e, e_tail = exp_parts_tailed(clamp(head, -1400.0, 0.0), finite_tail(head, fma(-0.5, p_tail, -x * tail)))
    return n, fma(OVER_ROOT_TWO_PI, e, fma(OVER_ROOT_TWO_PI_TAIL, e, OVER_ROOT_TWO_PI * e_tail))


@scalar
def normal_bell(c: float, x: float, tail: float) -> float:
    """c times the normal density at x + tail; only the range of the result counts (1.1 ulp)."""
    n, p = bell_parts(x, tail)
    return scale(c * p, n)


@scalar
def normal_pdf(x: float) -> float:
    """e^(-x^2/2)/sqrt(2 pi) (0.6 ulp)."""
    return normal_bell(1.0, x, NO_TAIL)


@scalar
def upper_tail(x: float, tail: float) -> float:
    """The normal mass above x + tail, for x >= 0 (1.7 ulp)."""
    x = clamp(x, 0.0, 60.0)
    n, p = bell_parts(x, tail)
    w, w_tail = excess_pair(x)
    h, h_tail = two_sum(x, w)
    q = p / h
    return scale(q + (fma(-q, h, p) - q * (h_tail + w_tail)) / h, n)


@scalar
def normal_cdf(x: float) -> float:
    """The normal mass below x (1.3 ulp)."""
    q = upper_tail(abs(x), NO_TAIL)
    return select(x < 0.0, q, 1.0 - q)


@scalar
def normal_within(x: float) -> float:
    """The normal mass between -x and x, negative where x is: near 0 by a series (1.5 ulp)."""
    size = abs(x)
    held = select(size < 1.0, x, 0.0)
    square = held * held
    rest = fma(square, polynomial(square, WITHIN), 2.0 * OVER_ROOT_TWO_PI_TAIL)
    near = fma(2.0 * OVER_ROOT_TWO_PI, held, held * rest)
    far = 1.0 - 2.0 * upper_tail(size, NO_TAIL)
    return select(size < 1.0, near, select(x < 0.0, -far, far))


@scalar
def inside(x: float, y: float, width: float) -> tuple[float, float, float]:
    """Of u from 0 to `width`, y = x + width, with density e^(-x u - u^2/2): mass, mean, and density at the end/mass.

    A narrow interval by Gauss's nodes, a wide one (x >= 0 there) as the tail at x without the one at y.
    """
    width = clamp(width, 0.0, 1e3)
    far = exp(-width * (x + 0.5 * width))
    total, first = 0.0, 0.0
    total, first = node(total, first, x, width, 0)
    total, first = node(total, first, x, width, 1)
    total, first = node(total, first, x, width, 2)
    total, first = node(total, first, x, width, 3)
    total, first = node(total, first, x, width, 4)
    total, first = node(total, first, x, width, 5)
    total, first = node(total, first, x, width, 6)
    total, first = node(total, first, x, width, 7)
    near = is_narrow(x, width)
    x, y = clamp(x, 0.0, 1e300), clamp(y, 0.0, 1e300)
    w, v = hazard_excess(x), hazard_excess(y)
    h, g = x + w, y + v
    mass = 1.0 / h - far / g
    mean = (w / h - far * (v / g + width / g)) / mass
    mass, mean = select(near, width * total, mass), select(near, width * (first / total), mean)
    return mass, mean, far / mass


@scalar
def node(total: float, first: float, x: float, width: float, i: int) -> tuple[float, float]:
    """The sums of density and of place times density, with node `i` of [0, width] added."""
    u = width * NODES[i]
    density = NODE_WEIGHTS[i] * exp(-u * (x + 0.5 * u))
    return total + density, fma(NODES[i], density, first)


@scalar
def is_narrow(x: float, width: float) -> bool:
    """Whether the density changes so little over the interval that the nodes integrate it to the last bit."""
    return (width <= 1.0) & (width * (clamp(x, 0.0, 1e300) + 0.5 * width) <= 2.0)


@scalar
def folded(x: float, x_tail: float, y: float, y_tail: float) -> tuple[float, float, float, float, bool]:
    """An interval with its ends' tails, turned about 0 where that brings it to the right; and whether it was turned."""
    x, y = clamp(x, -1e300, 1e300), clamp(y, -1e300, 1e300)
    turned = x + y < 0.0
    left, left_tail = select(turned, -y, x), select(turned, -y_tail, x_tail)
    right, right_tail = select(turned, -x, y), select(turned, -x_tail, y_tail)
    return left, left_tail, right, right_tail, turned


@scalar
def interval_nll(x: float, x_tail: float, y: float, y_tail: float, width: float) -> float:
    """-log of the normal mass between x and y, which lie `width` apart (6 ulp)."""
    x, x_tail, y, y_tail, _ = folded(x, x_tail, y, y_tail)
    around = -log1p(-(upper_tail(-x, -x_tail) + upper_tail(y, y_tail)))
    beyond = fma(0.5 * x, x, fma(x, x_tail, HALF_LOG_2PI_HEAD) - log(inside(x, y, width)[0]))
    return select((x < 0.0) & (not is_narrow(x, width)), around, beyond)


@scalar
def interval_mean(x: float, x_tail: float, y: float, y_tail: float, width: float, c: float) -> float:
    """c times the mean of a standard normal variable between x and y (6 ulp of what it is the difference of)."""
    x, x_tail, y, y_tail, turned = folded(x, x_tail, y, y_tail)
    mass = 1.0 - (upper_tail(-x, -x_tail) + upper_tail(y, y_tail))
    around = normal_bell(c / mass, x, x_tail) - normal_bell(c / mass, y, y_tail)
    beyond = c * (x + inside(x, y, width)[1])
    mean = select((x < 0.0) & (not is_narrow(x, width)), around, beyond)
    return select(turned, -mean, mean)


@scalar
def interval_bend(x: float, x_tail: float, y: float, y_tail: float, width: float, c: float) -> float:
    """c times 1 less the variance of a standard normal variable between x and y, as a sum of positive terms (8 ulp)."""
    x, x_tail, y, y_tail, _ = folded(x, x_tail, y, y_tail)
    mass = 1.0 - (upper_tail(-x, -x_tail) + upper_tail(y, y_tail))
    mean = (normal_bell(1.0, x, x_tail) - normal_bell(1.0, y, y_tail)) / mass
    low, high = clamp(-x, 0.0, 60.0), clamp(y, 0.0, 60.0)
    around = fma(c * mean, mean, normal_bell(c * low / mass, x, x_tail) + normal_bell(c * high / mass, y, y_tail))
    _, mean, end = inside(x, y, width)
    beyond = c * fma(mean, mean + x, clamp(width, 0.0, 1e3) * end)
    return select((x < 0.0) & (not is_narrow(x, width)), around, beyond)
