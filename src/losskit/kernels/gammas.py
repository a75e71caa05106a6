"""Scalar bodies of what is left of the gamma function after Stirling's formula; `primitives` offers them."""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from losskit.calculus.gamma_fits import (
    BINET_BEND_FAR,
    BINET_BEND_NEAR,
    BINET_FAR,
    BINET_NEAR,
    BINET_SLOPE_FAR,
    BINET_SLOPE_NEAR,
    LOG_FACTORIAL,
    SHAPE_BEND_FAR,
    SHAPE_BEND_LOW,
    SHAPE_BEND_MID,
    SHAPE_BEND_ZERO,
)
from losskit.kernels.elementary import (
    INF,
    NO_TAIL,
    clamp,
    exp,
    exp_split,
    fast_two_sum,
    log1p,
    log1p_parts,
    log_parts,
    polynomial,
    scalar,
    scale,
    two_prod,
    two_sum,
)
from losskit.kernels.select import select

HALF_LOG_2PI_HEAD = float.fromhex("0x1.d67f1c864beb5p-1")
HALF_LOG_2PI_TAIL = float.fromhex("-0x1.65b5a1b7ff5dfp-55")


@scalar
def binet_from_one(x: float) -> float:
    """Binet's function of x >= 1 (1 ulp)."""
    w = 1.0 / x
    return w * select(w < 0.25, polynomial(w, BINET_FAR), polynomial(w - 0.625, BINET_NEAR))


@scalar
def binet(x: float) -> float:
    """log Gamma(x) - (x - 1/2) log x + x - log(2 pi)/2 for x > 0: below 1 from that of x + 1 (2 ulp)."""
    small = x < 1.0
    above = binet_from_one(select(small, x + 1.0, x))
    inner = select(small, x, 0.5)
    a, a_tail = log1p_parts(inner)
    b, b_tail = log_parts(inner)
    rise, rise_tail = two_sum(a, -b)
    half, half_tail = fast_two_sum(0.5, inner)
    p, p_tail = two_prod(half, rise)
    below = (p - 1.0) + (p_tail + half * (rise_tail + (a_tail - b_tail)) + half_tail * rise + above)
    return select(small, select(x > 0.0, below, INF), above)


@scalar
def stirling(y: float) -> float:
    """log(y!) - y log y + y for y >= 0, 0 at 0 (1.5 ulp)."""
    small = y < 1.0
    a, a_tail = log_parts(select(y > 0.0, y, 1.0))
    below = y * (1.0 - (a - polynomial(y - 0.5, LOG_FACTORIAL)))
    s, s_tail = two_sum(HALF_LOG_2PI_HEAD, 0.5 * a)
    above = s + (binet_from_one(select(small, 1.0, y)) + (s_tail + (HALF_LOG_2PI_TAIL + 0.5 * a_tail)))
    value = select(small, below, above)
    return select(y < INF, value, y)


@scalar
def student_constant(df: float) -> float:
    """log(df pi)/2 + log Gamma(df/2) - log Gamma((df + 1)/2) for normal df > 0; log(2 pi)/2 as it grows (3 ulp)."""
    x = 0.5 * df
    drop = select(x < 1e300, x * log1p(0.5 / x), 0.5)
    return HALF_LOG_2PI_HEAD + ((0.5 - drop) + (binet(x) - binet(x + 0.5)))


@scalar
def shape_normaliser(a: float) -> float:
    """log Gamma(k) - k log k + k at k = e^a (2 ulp of the larger of a and 1)."""
    k = exp(a)
    small = a < -0.7
    inner = select(small, k, 0.5)
    below = inner * polynomial(inner - 0.5, LOG_FACTORIAL) - a + inner * (1.0 - select(small, a, 0.0))
    above = (HALF_LOG_2PI_HEAD - 0.5 * a) + binet(select(small, 1.0, k))
    return select(k == 0.0, -a, select(small, below, above))


@scalar
def binet_slope(w: float) -> float:
    """-mu'(1/w)/w^2 for Binet's mu, 0 <= w <= 1."""
    return select(w < 0.25, polynomial(w, BINET_SLOPE_FAR), polynomial(w - 0.625, BINET_SLOPE_NEAR))


@scalar
def binet_bend(w: float) -> float:
    """mu''(1/w)/w^3 for Binet's mu, 0 <= w <= 1."""
    return select(w < 0.25, polynomial(w, BINET_BEND_FAR), polynomial(w - 0.625, BINET_BEND_NEAR))


@scalar
def shape_slope(a: float) -> float:
    """k (log k - psi(k)) at k = e^a: from 1 down to 1/2 as a grows (2.5 ulp)."""
    k = exp(a)
    small = k < 1.0
    x = select(small, k, 1.0)
    w = 1.0 / select(small, 1.0 + k, k)
    g = binet_slope(w)
    below = 0.5 - 0.5 * w + x * (w * w * g - (log1p(x) - select(small, a, 0.0))) + 1.0
    return select(small, select(k > 0.0, below, 1.0), 0.5 + w * g)


@scalar
def shape_bend(a: float) -> float:
    """k (psi(k) - log k + k psi'(k) - 1) at k = e^a: positive, 0 at both ends (4 ulp)."""
    n, p = exp_split(clamp(-abs(a), -1400.0, 0.0), NO_TAIL)
    k = scale(p, n)  # or 1/k
    below = polynomial(select(k < 0.2, k, 0.2), SHAPE_BEND_LOW) + (SHAPE_BEND_ZERO - clamp(a, -1400.0, 0.0))
    far = polynomial(select(k < 0.4, k, 0.4), SHAPE_BEND_FAR)
    middle = polynomial(clamp(a, -1.7, 1.0) + 0.15, SHAPE_BEND_MID)
    return select((a < -1.7) | (a > 1.0), scale(p * select(a < 0.0, below, far), n), middle)
