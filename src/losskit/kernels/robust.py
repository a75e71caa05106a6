"""Scalar bodies behind the robust, asymmetric, smoothed and relative losses; `primitives` offers them.

A factor joins its exponential's power of two last, so that only the range of the result counts. Bodies that a kernel
calls together (welsch and mul_gauss, smoothed_pinball, smoothed_step and logistic_density) share sub-expressions.
"""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from losskit.kernels.elementary import (
    INF,
    Pair,
    clamp,
    exp_parts_tailed,
    exp_reduced,
    expm1mx_parts,
    fast_two_sum,
    finite_tail,
    fma,
    log,
    log1p,
    log1pmx,
    polynomial,
    power_of_two,
    scalar,
    scale,
    scale_exp,
    two_prod,
    two_sum,
)
from losskit.kernels.pieces import log_pair
from losskit.kernels.select import select

# a ratio too large to be squared is halved this many times; its logarithm gets the rest back
SHRINK, SHRINK_LOG = 2.0**-300, float.fromhex("0x1.9fe3682cd3be4p+7")
LOG_600_HEAD, LOG_600_TAIL = float.fromhex("0x1.9fe3682cd3be4p+8"), float.fromhex("0x1.4aa84b6b3b125p-46")
HALF_PI_HEAD, HALF_PI_TAIL = float.fromhex("0x1.921fb54442d18p+0"), float.fromhex("0x1.1a62633145c07p-54")

# (sin(y) - y)/y^3 in y^2, for |y| <= pi/2, error 2^-54.6 of sin(y)
SIN_TAIL = (
    -0.16666666666666666,
    0.008333333333333333,
    -0.00019841269841269806,
    2.7557319223971256e-06,
    -2.5052108382389887e-08,
    1.605904347927675e-10,
    -7.647139114646649e-13,
    2.810468581681568e-15,
    -8.006048703469621e-18,
)


@scalar
def signed_like(size: float, r: float) -> float:
    """`size` with the sign of r, 0 where r is 0."""
    return select(r < 0.0, -size, select(r == 0.0, 0.0, size))


@scalar
def joined(x: float, n: float) -> float:
    """x 2^n for |n| < 2240, rounded where the result is subnormal only."""
    low = n < -1000.0
    return scale(x * select(low, 2.0**-200, 1.0), clamp(n + select(low, 200.0, 0.0), -2040.0, 2040.0))


@scalar
def abs_power(c: float, r: float, a: float) -> float:
    """c |r|^a, 0 where c = 0 and c where a = 0; c's exponent joins last (1.5 ulp)."""
    size = abs(r)
    head, tail = log_pair(size)
    head = select(size == 0.0, -INF, select(size < INF, head, size))
    x, x_tail = two_prod(a, head)
    n, q, _ = exp_parts_tailed(clamp(x, -1500.0, 1500.0), finite_tail(x, fma(a, tail, x_tail)))
    value = select((a == 0.0) | (c == 0.0), c, joined(c * q, n))
    return select(r == r, value, r)


@scalar
def sign_power(c: float, r: float, a: float) -> float:
    """c sign(r) |r|^a, 0 where r = 0 (1.5 ulp)."""
    return signed_like(abs_power(c, r, a), r)


@scalar
def log1p_square(k: float, r: float, c: float) -> float:
    """k log(1 + (r/c)^2), without under- or overflow on the way (3 ulp)."""
    size = abs(r)
    x = size / c
    far = x > 2.0**400
    part = log1p(select(far, size * SHRINK / c, x * x))
    value = k * select(far, 2.0 * (part + SHRINK_LOG), part)
    return select(x < 1e-9, k * x * x, value)


@scalar
def damped(k: float, r: float, c: float) -> float:
    """k r/(1 + (r/c)^2) (3 ulp)."""
    x = r / c
    far = abs(x) > 2.0**60
    return select(far, k * c * c, k * r) / select(far, r, fma(x, x, 1.0))


@scalar
def inverse_square(k: float, r: float, c: float) -> float:
    """k/(1 + (r/c)^2) (2.5 ulp)."""
    x = r / c
    far = abs(x) > 2.0**400
    z = x * 2.0**-300
    return select(far, k * 2.0**-600, k) / select(far, z * z, fma(x, x, 1.0))


@scalar
def one_minus_square(r: float, c: float) -> float:
    """1 - (r/c)^2 for |r| <= c, where it vanishes by what is left to c (1.5 ulp)."""
    size = abs(r)
    part, left = size / c, (c - size) / c
    return select(part < 0.5, fma(-part, part, 1.0), fma(-left, left, 2.0 * left))


@scalar
def div_square(x: float, s: float) -> float:
    """x/s^2 (1 ulp)."""
    lift = (abs(s) < 1.0) & (abs(s) > 1e-150) & (abs(x) < 1e-150)
    q = x * select(lift, 2.0**500, 1.0) / s / s
    return q * select(lift, 2.0**-500, 1.0)


@scalar
def div_cube(x: float, s: float) -> float:
    """x/s^3 (2.5 ulp); a subnormal quotient on the way would have lost what is divided again."""
    lift = (abs(s) > 1e-100) & (abs(x) < 1e-200)
    q = x * select(lift, 2.0**300, 1.0) / s / s / s
    return q * select(lift, 2.0**-300, 1.0)


@scalar
def fair(r: float, c: float) -> float:
    """c^2 (|r|/c - log(1 + |r|/c)): near 0 by its series, far out by its asymptote (3 ulp)."""
    size = abs(r)
    x = size / c
    value = -(c * (c * log1pmx(x)))
    value = select(x < 1e-8, size * (size * fma(x, -1.0 / 3.0, 0.5)), value)
    return select(x > 2.0**70, c * size, value)


@scalar
def mul_log1p(k: float, x: float, c: float) -> float:
    """k log(1 + x/c) for x >= 0 (2.5 ulp)."""
    q = x / c
    far = q > 2.0**400
    part = log1p(select(far, x * SHRINK / c, q))
    return select(q < 1e-17, k / c * x, k * select(far, part + SHRINK_LOG, part))


@scalar
def scaled_sin(r: float, c: float) -> float:
    """c sin(r/c) for |r| <= c pi/2 (1.5 ulp)."""
    y = r / c
    z = y * y
    return fma(r * z, polynomial(z, SIN_TAIL), r)


@scalar
def scaled_cos(r: float, c: float) -> float:
    """cos(r/c) for |r| <= c pi, as the sine of what is left to pi/2, in two parts (1.5 ulp)."""
    size = abs(r)
    y = size / c
    left = HALF_PI_HEAD - y
    rest = HALF_PI_TAIL - fma(-y, c, size) / c
    left, rest = two_sum(left, rest)
    z = left * left
    return left + fma(left * z, polynomial(z, SIN_TAIL), rest * fma(-0.5, z, 1.0))


@scalar
def gauss_parts(r: float, c: float) -> tuple[float, float, float, float]:
    """(n, h, t, x) with exp(-(r/c)^2) = 2^n (1 + h + t) and x = |r|/c; what the quotient rounds away is kept."""
    size = abs(r)
    x = size / c
    x_tail = fma(-x, c, size) / c
    s, s_tail = two_prod(x, x)
    s_tail = fma(2.0 * x, x_tail, s_tail)
    n, h, t = exp_reduced(clamp(-s, -1500.0, 0.0), finite_tail(s, -s_tail))
    return n, h, t, x


@scalar
def expm1_of(n: float, h: float, t: float) -> float:
    """2^n (1 + h + t) - 1, for n <= 1000, h and t as of exp_reduced."""
    s = power_of_two(clamp(n, -1000.0, 1000.0))
    a, a_tail = two_sum(s, -1.0)
    a, b = fast_two_sum(a, s * h)
    return a + (b + fma(s, t, a_tail))


@scalar
def welsch(r: float, c: float) -> float:
    """c^2/2 (1 - exp(-(r/c)^2)) (2.5 ulp)."""
    n, h, t, x = gauss_parts(r, c)
    return select(x < 1e-8, r * (0.5 * r), 0.5 * c * -expm1_of(n, h, t) * c)


@scalar
def mul_gauss(k: float, r: float, c: float) -> float:
    """k exp(-(r/c)^2), 0 far out whatever k (1.5 ulp)."""
    n, h, t, x = gauss_parts(r, c)
    p, rest = fast_two_sum(1.0, h)
    return select(x > 38.0, 0.0, joined(k * (0.5 * (p + (rest + t))), n + 1.0))


@scalar
def linex(r: float, a: float) -> float:
    """e^(a r) - 1 - a r, the product in two parts (2 ulp)."""
    x, tail = two_prod(a, r)
    value, _, _, _ = expm1mx_parts(x, finite_tail(x, tail))
    return select(abs(x) < 1e-8, 0.5 * x * (x * fma(x, 1.0 / 3.0, 1.0)), value)


@scalar
def linex_slope(r: float, a: float) -> float:
    """a (e^(a r) - 1); where e^(a r) is large its power of two joins last (2 ulp)."""
    x, tail = two_prod(a, r)
    n, h, t = exp_reduced(clamp(x, -60.0, 1500.0), finite_tail(x, tail))
    p, rest = fast_two_sum(1.0, h)
    value = select(x > 40.0, joined(a * (p + (rest + t)), n), a * expm1_of(n, h, t))
    return select(abs(x) < 1e-17, select(abs(a) < 1.0, a * x, a * a * r), value)


@scalar
def step_parts(r: float, h: float) -> tuple[float, float, float]:
    """(n, p, e): e = exp(-|r|/h) = 2^n p; what the quotient rounds away is in the exponent's tail."""
    size = abs(r)
    x = size / h
    tail = fma(-x, h, size) / h
    n, p, _ = exp_parts_tailed(clamp(-x, -1500.0, 0.0), finite_tail(x, -tail))
    return n, p, scale_exp(p, clamp(n, -1100.0, 0.0))


@scalar
def smoothed_pinball(r: float, level: float, h: float) -> float:
    """h log(1 + e^(r/h)) - level r, a sum of two terms that are not negative (2.5 ulp)."""
    _, _, e = step_parts(r, h)
    return fma(select(r > 0.0, 1.0 - level, level), abs(r), h * log1p(e))


@scalar
def smoothed_step(r: float, level: float, h: float) -> float:
    """1/(1 + e^(-r/h)) - level (2 ulp of the larger)."""
    _, _, e = step_parts(r, h)
    q = e / (1.0 + e)
    return select(r > 0.0, (1.0 - level) - q, q - level)


@scalar
def logistic_density(r: float, h: float) -> float:
    """e^(r/h)/(h (1 + e^(r/h))^2) (3 ulp)."""
    n, p, e = step_parts(r, h)
    d = 1.0 + e
    return joined(p / (h * d * d), n)


@scalar
def log1p_ratio(x: float, y: float) -> float:
    """log((1 + x)/(1 + y)) for x, y > -1: by their difference where they are near, else by the quotient (3 ulp)."""
    base = 1.0 + y
    t = (x - y) / base
    up, down = (x > 1e200) & (y < 1e100), (y > 1e200) & (x < 1e100)
    quotient = ((1.0 + x) * select(up, 2.0**-64, select(down, 2.0**64, 1.0))) / base
    far = log(quotient) + select(up, 44.3614195558365, select(down, -44.3614195558365, 0.0))
    return select((t > -0.5) & (t < 1.0), log1p(t), far)


@scalar
def barron_parts(r: float, alpha: float, c: float) -> tuple[float, float, float, float, float, float, float]:
    """(x, L, tail, b, b_tail, v, t): with x = |r|/c, b = |alpha - 2|, s = x^2/b, L + tail = log(1 + s), v = 1/(1 + s).

    t = s/(1 + s). For alpha = -inf, L is x^2 (as is t, v being 1): b log(1 + s) in the limit.
    """
    limit = alpha == -INF
    b, b_tail = two_sum(select(limit, 0.0, alpha), -2.0)
    low = b < 0.0
    b, b_tail = select(low, -b, b), select(low, -b_tail, b_tail)
    flat = b == 0.0
    b = select(flat, 1.0, b)
    size = abs(r)
    x = size / c
    far = x > 2.0**300
    y = select(far, size * 2.0**-600 / c, x)
    y_tail = select(far, 0.0, fma(-x, c, size) / c)
    y_tail = select(abs(y_tail) < INF, y_tail, 0.0)
    p, p_tail = two_prod(y, y)
    p_tail = fma(2.0 * y, y_tail, p_tail)
    s = p / b
    s_tail = (fma(-s, b, p) + fma(-s, b_tail, p_tail)) / b
    q, q_tail = two_sum(s, select(far, 0.0, 1.0))
    q_tail = (q_tail + s_tail) / q
    head, tail = log_pair(q)
    head, rest = two_sum(head, select(far, 2.0 * LOG_600_HEAD, 0.0))
    tail += rest + fma(-0.5 * q_tail, q_tail, q_tail) + select(far, 2.0 * LOG_600_TAIL, 0.0)
    head, tail = fast_two_sum(head, tail)
    head, tail = select(limit, select(far, 1e300, p), head), select(limit, p_tail, tail)
    head = select(x < INF, head, select(size < INF, head, size))
    v = select(limit, 1.0, select(far, b / x / x, 1.0 / q))
    t = select(limit, p, select(far, 1.0, s / q))
    return x, head, finite_tail(head, tail), select(flat, 0.0, b), b_tail, v, t


@scalar
def barron_exponent(alpha: float, b: float, b_tail: float, head: float, tail: float) -> Pair:
    """(alpha/2 - 1) L in two parts, where L = head + tail; -L/2 for alpha = -inf."""
    limit = alpha == -INF
    rate = select(limit, -0.5, select(alpha < 2.0, -0.5, 0.5) * b)
    rate_tail = select(limit, 0.0, select(alpha < 2.0, -0.5, 0.5) * b_tail)
    e, e_tail = two_prod(rate, head)
    e_tail = fma(rate, tail, fma(rate_tail, head, e_tail))
    return e, finite_tail(e, e_tail)


@scalar
def barron(r: float, alpha: float, c: float) -> float:
    """c^2 |alpha - 2|/alpha ((1 + (r/c)^2/|alpha - 2|)^(alpha/2) - 1) and its limits at 0, 2, -inf."""
    x, head, tail, b, _, _, _ = barron_parts(r, alpha, c)
    limit = alpha == -INF
    rate = select(limit, -0.5, 0.5 * alpha)
    e, e_tail = two_prod(rate, head)
    n, h, t = exp_reduced(clamp(e, -60.0, 1500.0), finite_tail(e, fma(rate, tail, e_tail)))
    p, rest = fast_two_sum(1.0, h)
    tiny = abs(alpha) < 1e-20
    factor = select(limit, -c, c * b / select(tiny, 1.0, alpha))
    value = select(e > 40.0, joined(factor * c * (p + (rest + t)), n), factor * expm1_of(n, h, t) * c)
    value = select(tiny, c * (0.5 * b * head) * c, value)
    return select((x < 1e-8) | (alpha == 2.0), r * (0.5 * r), value)


@scalar
def barron_slope(r: float, alpha: float, c: float) -> float:
    """r (1 + (r/c)^2/|alpha - 2|)^(alpha/2 - 1) and its limits."""
    _, head, tail, b, b_tail, _, _ = barron_parts(r, alpha, c)
    e, e_tail = barron_exponent(alpha, b, b_tail, head, tail)
    n, p, _ = exp_parts_tailed(clamp(e, -1500.0, 1500.0), e_tail)
    value = select(e < -1480.0, 0.0, joined(r * (0.5 * p), n + 1.0))
    limit = signed_like(select(alpha < 1.0, 0.0, select(alpha == 1.0, c, INF)), r)
    return select(alpha == 2.0, r, select(abs(r) < INF, value, select(r == r, limit, r)))


@scalar
def barron_bend(r: float, alpha: float, c: float) -> float:
    """The second derivative of barron: q^(alpha/2 - 1) (1/q + (alpha - 1) s/q), q = 1 + s, s = (r/c)^2/|alpha - 2|."""
    _, head, tail, b, b_tail, v, t = barron_parts(r, alpha, c)
    e, e_tail = barron_exponent(alpha, b, b_tail, head, tail)
    n, p, _ = exp_parts_tailed(clamp(e, -1500.0, 1500.0), e_tail)
    value = joined(fma(select(alpha == -INF, -1.0, alpha - 1.0), t, v) * p, n)
    return select(alpha == 2.0, select(r == r, 1.0, r), select(e < -1480.0, 0.0, value))
