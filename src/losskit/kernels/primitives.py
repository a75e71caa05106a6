"""The stable scalar bodies behind a formula's primitives; generated kernels import everything from here.

Functions that a kernel calls together (softplus_minus, sigmoid_minus, sigmoid_slope) are written from
the same sub-expressions, so that LLVM computes their one exp(-|x|) and one e/(1 + e) once.
"""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

import math

from losskit.kernels.densities import (
    gamma_energy,
    gamma_excess,
    gamma_pull,
    gaussian_nll,
    gaussian_variance_nll,
    laplace_nll,
    student_bend,
    student_cross,
    student_log,
    student_pull,
    student_share,
    student_spread,
)
from losskit.kernels.durations import (
    gamma_deviance,
    mean_ratio,
    negative_binomial_deviance,
    poisson_deviance_of_mean,
    ratio_power,
    weibull_deviance,
)
from losskit.kernels.elementary import (
    INF,
    LN2_HEAD,
    LN2_TAIL,
    NAN,
    Pair,
    add_fast,
    clamp,
    exp,
    exp2part,
    exp_parts,
    exp_parts_tailed,
    expm1,
    expm1_parts,
    expm1mx,
    expm1mx_parts,
    fast_two_sum,
    finite_tail,
    floor,
    fma,
    log,
    log1p,
    log1pmx,
    log_pair,
    log_parts,
    polynomial,
    scalar,
    scale,
    scale_exp,
    to_bits,
    two_prod,
    two_sum,
)
from losskit.kernels.gammas import binet, shape_bend, shape_normaliser, shape_slope, stirling, student_constant
from losskit.kernels.margins import (
    dwd_power,
    flip_bend,
    flip_loss,
    flip_slope,
    logit_entropy,
    sigmoid_gap,
    sigmoid_scaled,
    sigmoid_times,
    softplus_less_sigmoid,
    softplus_scaled,
    softplus_tilted,
    softplus_times,
    tangent_gap,
    tangent_slope,
)
from losskit.kernels.pieces import lower_sigmoid, mul_exp, unit_log1p
from losskit.kernels.robust import (
    abs_power,
    barron,
    barron_bend,
    barron_slope,
    damped,
    div_square,
    fair,
    inverse_square,
    linex,
    linex_slope,
    log1p_ratio,
    log1p_square,
    logistic_density,
    mul_gauss,
    mul_log1p,
    scaled_cos,
    scaled_sin,
    sign_power,
    smoothed_pinball,
    smoothed_step,
    welsch,
)
from losskit.kernels.select import select
from losskit.kernels.shifted import above_cost, above_power, above_rate
from losskit.kernels.tempered import bitempered, bitempered_bend, bitempered_slope

__all__ = [
    "above_cost",
    "above_power",
    "above_rate",
    "abs_power",
    "add_fast",
    "barron",
    "barron_bend",
    "barron_slope",
    "binet",
    "bitempered",
    "bitempered_bend",
    "bitempered_slope",
    "damped",
    "div_square",
    "dwd_power",
    "exp",
    "expm1",
    "expm1mx",
    "fair",
    "flip_bend",
    "flip_loss",
    "flip_slope",
    "floor",
    "fma",
    "gamma_deviance",
    "gamma_energy",
    "gamma_excess",
    "gamma_pull",
    "gaussian_nll",
    "gaussian_variance_nll",
    "hypot1",
    "inverse_gaussian",
    "inverse_square",
    "laplace_nll",
    "linex",
    "linex_slope",
    "log",
    "log1p",
    "log1p_ratio",
    "log1p_square",
    "log1pmx",
    "log_cosh",
    "log_cosh_slope",
    "logcosh",
    "logistic_density",
    "logit_entropy",
    "mean_ratio",
    "mul_exp",
    "mul_gauss",
    "mul_log1p",
    "negative_binomial_deviance",
    "poisson_deviance",
    "poisson_deviance_of_mean",
    "poisson_nll",
    "power",
    "pseudo_huber",
    "pseudo_huber_bend",
    "pseudo_huber_slope",
    "ratio_power",
    "scaled_cos",
    "scaled_sin",
    "sech2",
    "shape_bend",
    "shape_normaliser",
    "shape_slope",
    "sigmoid",
    "sigmoid_gap",
    "sigmoid_minus",
    "sigmoid_power",
    "sigmoid_scaled",
    "sigmoid_slope",
    "sigmoid_times",
    "sign_power",
    "smoothed_pinball",
    "smoothed_step",
    "softplus",
    "softplus_less_sigmoid",
    "softplus_minus",
    "softplus_scaled",
    "softplus_tilted",
    "softplus_times",
    "stirling",
    "student_bend",
    "student_constant",
    "student_cross",
    "student_log",
    "student_pull",
    "student_share",
    "student_spread",
    "tangent_gap",
    "tangent_slope",
    "tanh",
    "tweedie_deviance",
    "weibull_deviance",
    "welsch",
    "xdivy",
    "xlog1py",
    "xlogy",
]

# log((1 + s)/(1 - s)) = 2 s + s z R(z), z = s^2, for 0 <= s <= tanh(1/2)^2, error 2^-59.2 s
LOGCOSH_TAIL = (
    0.6666666666666646,
    0.4000000000014465,
    0.28571428536512844,
    0.22222226293836153,
    0.18181556008905558,
    0.15394418499595755,
    0.13122211771351122,
    0.1416553982605093,
)


@scalar
def tanh(x: float) -> float:
    """Hyperbolic tangent: -t/(2 + t) with t = expm1(-2 |x|), the quotient corrected by its remainder (0.55 ulp)."""
    a = abs(x)
    t, t_tail, _ = expm1_parts(clamp(-2.0 * a, -60.0, 0.0))
    d = 2.0 + t
    d_tail = ((2.0 - d) + t) + t_tail
    inverse = 1.0 / d
    q = -t * inverse
    remainder = fma(-q, d, -t) - fma(q, d_tail, t_tail)
    q = fma(remainder, inverse, q)
    q = select(x < 0.0, -q, q)
    return select(a < 1e-9, x, q)


@scalar
def power(x: float, a: float) -> float:
    """x**a, C's conventions: negative x for integer a, 1 where a = 0 or x = 1 (0.6 ulp, 0.75 where subnormal)."""
    size = abs(x)
    head, tail = log_pair(size)
    head = select(size == 0.0, -INF, select(size < INF, head, size))
    p, p_tail = two_prod(a, head)
    value = exp2part(p, fma(a, tail, p_tail))
    integral = floor(a) == a
    half = 0.5 * a
    odd = integral & (floor(half) != half)
    signed = select(odd, -value, value)
    negative = to_bits(x) < 0
    value = select(negative, signed, value)
    value = select((x < 0.0) & (size < INF) & (not integral), NAN, value)
    value = select((size == 1.0) & (abs(a) == INF), 1.0, value)
    return select((a == 0.0) | (x == 1.0), 1.0, value)


@scalar
def slope_of(e: float) -> float:
    """e/(1 + e)^2 for 0 <= e <= 1."""
    q, t = lower_sigmoid(e)
    return q + fma(-q, q, t * fma(-2.0, q, 1.0))


@scalar
def sigmoid(x: float) -> float:
    """1/(1 + e^-x) (1.5 ulp)."""
    q, t = lower_sigmoid(exp(-abs(x)))
    q += t
    return select(x < 0.0, q, 1.0 - q)


@scalar
def sigmoid_slope(x: float) -> float:
    """sigmoid(x) sigmoid(-x) = q - q^2 with q = sigmoid(-|x|) in two parts (1.5 ulp)."""
    return slope_of(exp(-abs(x)))


@scalar
def softplus(x: float) -> float:
    """log(1 + e^x) (1.5 ulp)."""
    s, t = unit_log1p(exp(-abs(x)))
    return select(x < 0.0, 0.0, x) + (s + t)


@scalar
def softplus_minus(z: float, y: float) -> float:
    """softplus(z) - y z for 0 <= y <= 1; 0 in the limit that fits the label, infinite in the other (1.5 ulp)."""
    size = abs(z)
    s, t = unit_log1p(exp(-size))
    a = s + t
    c = select(z > 0.0, 1.0 - y, y)
    return select(c == 0.0, a, fma(c, size, a))


@scalar
def sigmoid_minus(z: float, y: float) -> float:
    """sigmoid(z) - y for 0 <= y <= 1, 1.5 ulp where y is 0 or 1, else of the largest summand."""
    q, t = lower_sigmoid(exp(-abs(z)))
    q += t
    return select(z > 0.0, (1.0 - y) - q, q - y)


@scalar
def sigmoid_power(x: float, g: float) -> float:
    """sigmoid(x)**g for g >= 0, as exp(-g softplus(-x)) with softplus in two parts (2.5 ulp)."""
    size = abs(x)
    n, p, p_tail = exp_parts(clamp(-size, -746.0, 0.0))
    e = scale_exp(p, n)
    a, t = unit_log1p(e)
    a, t = fast_two_sum(a, t)
    t += scale_exp(p_tail, n) / (1.0 + e)
    head, tail = two_sum(select(x < 0.0, -x, 0.0), a)
    tail += t
    product, rest = two_prod(-g, head)
    value = exp2part(product, fma(-g, tail, rest))
    return select(g == 0.0, select(size < INF, x * 0.0 + 1.0, select(size == INF, 1.0, x)), value)


@scalar
def logcosh(x: float) -> float:
    """log(cosh(x)): near 0 as 2 atanh(tanh(x/2)^2), else |x| - log 2 + log1p(exp(-2 |x|)) (1.7 ulp)."""
    size = abs(x)
    near = size < 1.0
    t, t_tail, _ = expm1_parts(clamp(-size, -60.0, 0.0))
    e = 1.0 + t
    e *= e
    # near: q = -t/(2 + t) = tanh(x/2) corrected by its remainder, s = q^2; far: s = e/(2 + e)
    top = select(near, -t, e)
    top_tail = select(near, -t_tail, 0.0)
    d, d_tail = fast_two_sum(2.0, select(near, t, e))
    d_tail += select(near, t_tail, 0.0)
    inverse = 1.0 / d
    q = top * inverse
    q_tail = (fma(-q, d, top) + fma(-q, d_tail, top_tail)) * inverse
    s, s_tail = two_prod(q, q)
    s_tail = select(near, fma(2.0 * q, q_tail, s_tail), q_tail)
    s = select(near, s, q)
    z = s * s
    series = fma(s * z, polynomial(z, LOGCOSH_TAIL), 2.0 * s_tail)
    a, b = fast_two_sum(size, -LN2_HEAD)
    far = a + (fma(2.0, s, series) + (b - LN2_TAIL))
    value = select(near, fma(2.0, s, series), far)
    value = select(size < INF, value, size)
    return select(size < 1e-9, x * x * 0.5, value)


@scalar
def log_cosh(r: float, scale: float) -> float:
    """scale^2 log(cosh(r/scale)), without under- or overflow on the way (2.7 ulp)."""
    size = abs(r)
    x = size / scale
    # what the quotient rounds away, times a slope that need be right to a few percent only
    lost = fma(-x, scale, size) * (1.0 / scale) * select(x < 1.2, x * fma(-0.25, x, 1.0), 1.0)
    lost = select(x < 1e3, lost, 0.0)
    value = select(x > 1e17, scale * size, scale * (scale * (logcosh(x) + lost)))
    return select(x < 1e-9, 0.5 * r * r, value)


@scalar
def log_cosh_slope(r: float, scale: float) -> float:
    """scale tanh(r/scale) (1.6 ulp)."""
    x = r / scale
    return select(abs(x) < 1e-9, r, scale * tanh(x))


@scalar
def sech2(r: float, scale: float) -> float:
    """1/cosh(r/scale)^2; what the quotient rounds away is in the exponent's tail (1.6 ulp)."""
    size = abs(r)
    x = size / scale
    tail = fma(-x, scale, size) / scale
    return 4.0 * slope_of(exp2part(-2.0 * x, select(x < 1e3, -2.0 * tail, 0.0)))


@scalar
def hypot1(x: float) -> float:
    """sqrt(1 + x^2) without overflow (0.85 ulp)."""
    size = abs(x)
    return select(size > 2.0**28, size, math.sqrt(fma(x, x, 1.0)))


@scalar
def pseudo_huber(r: float, delta: float) -> float:
    """delta^2 (sqrt(1 + (r/delta)^2) - 1) = r^2/(sqrt(1 + (r/delta)^2) + 1) (2.2 ulp)."""
    size = abs(r)
    x = size / delta
    return select(x > 2.0**60, delta * size, r * (r / (hypot1(x) + 1.0)))


@scalar
def pseudo_huber_slope(r: float, delta: float) -> float:
    """r/sqrt(1 + (r/delta)^2) (1.6 ulp)."""
    x = abs(r) / delta
    far = select(r < 0.0, -delta, delta)
    return select(x > 2.0**60, far, r / hypot1(x))


@scalar
def pseudo_huber_bend(r: float, delta: float) -> float:
    """(1 + (r/delta)^2)^(-3/2) (2.6 ulp)."""
    x = r / delta
    q = fma(x, x, 1.0)
    return select(abs(x) > 1e120, 0.0, 1.0 / q / math.sqrt(q))


@scalar
def xlogy(a: float, x: float) -> float:
    """a log(x), 0 where a = 0 and x is not nan (1.3 ulp)."""
    return select((a == 0.0) & (x == x), 0.0, a * log(x))


@scalar
def xlog1py(a: float, x: float) -> float:
    """a log(1 + x), 0 where a = 0 and x is not nan (1.3 ulp)."""
    return select((a == 0.0) & (x == x), 0.0, a * log1p(x))


@scalar
def xdivy(a: float, x: float) -> float:
    """a/x, 0 where a = 0 and x is not nan (0.5 ulp)."""
    return select((a == 0.0) & (x == x), 0.0, a / x)


@scalar
def log_residual(f: float, a: float, t: float) -> Pair:
    """f - (a + t) in two parts, the tail 0 where it is infinite."""
    d, d_tail = two_sum(f, -a)
    d, d_tail = fast_two_sum(d, finite_tail(d, d_tail - t))
    return d, finite_tail(d, d_tail)


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
def poisson_nll(y: float, f: float, log_y: float) -> float:
    """e^f - y f + log(y!): the deviance and what is left at a perfect fit, neither negative (2.5 ulp, and d's own)."""
    return poisson_deviance(y, f, log_y) + stirling(y)


@scalar
def tweedie_deviance(y: float, f: float, p: float) -> float:
    """Half the unit deviance of power p (0 or >= 1) at mu = e^f, from L = f - log y in two parts.

    With a = 1 - p, b = 2 - p, E(x) = e^x - 1 - x:
    p <= 2: y^b (E(b L)/b + E(a L)/-a); p > 2: mu^b (E(-b L)/-b + E(-L))/-a. No term is negative.
    Where an exponential in it dwarfs the rest, that one term, its exponents added: mu^b/b or y mu^a/-a.
    3.2 ulp for p <= 5, beyond |gradient| ulp(max(|f|, |log y|)).
    """
    a = 1.0 - p
    b = 2.0 - p
    upper = b < 0.0
    rate1 = abs(b)
    rate2 = select(upper, -1.0, a)
    weight1 = select(b == 0.0, 0.0, 1.0 / (rate1 * select(upper, -a, 1.0)))
    weight2 = select(a == 0.0, 0.0, -1.0 / a)

    g, g_tail = log_parts(y)
    v, v_tail = log_residual(f, g, g_tail)
    u1, u1_tail = two_prod(rate1, v)
    u1, u1_tail = select(b == 0.0, 0.0, u1), select(b == 0.0, 0.0, u1_tail)
    u2, u2_tail = two_prod(rate2, v)
    u2, u2_tail = select(a == 0.0, 0.0, u2), select(a == 0.0, 0.0, u2_tail)
    e1, _, _, _ = expm1mx_parts(u1, fma(rate1, v_tail, u1_tail))
    e2, _, _, _ = expm1mx_parts(u2, fma(rate2, v_tail, u2_tail))
    # near L = 0 either sum is L^2/2 (1 + (3 - 2 p)/3 L) or, above 2, L^2/2 (1 - (3 - p)/3 L): no E is seen to lose bits
    cubic = select(upper, -1.0 - b, a + b) / 3.0
    both = select(abs(v) < 3e-9, 0.5 * v * v * fma(cubic, v, 1.0), fma(e1, weight1, e2 * weight2))

    far1 = (u1 > 60.0) | (y == 0.0)
    far2 = u2 > 60.0
    normal = p == 0.0
    # the exponent of the factor in front: b log y or b f; f for the normal; a f + log y
    use_f = normal | (upper ^ far1)
    rate = select(normal, 1.0, select(far2, a, b))
    base = select(use_f | far2, f, g)
    x, x_tail = two_prod(rate, base)
    x_tail = fma(rate, select(use_f | far2, 0.0, g_tail), x_tail)
    add_log = far2 & (not normal)
    x, rest = two_sum(x, select(add_log, g, 0.0))
    x_tail = finite_tail(x, (rest + x_tail) + select(add_log, g_tail, 0.0))
    n, q, q_tail = exp_parts_tailed(clamp(x, -1530.0, 1530.0), x_tail)
    factor = select(far2, weight2, select(far1, weight1, both))
    value = scale(q * factor, clamp(n, -1600.0, 1600.0))
    n = clamp(n, -1150.0, 1030.0)
    residual = (scale(q, n) - y) + scale(q_tail, n)
    return select(normal, 0.5 * residual * residual, value)


@scalar
def inverse_gaussian(y: float, f: float) -> float:
    """(y - e^f)^2/(2 y e^(2 f)) for y > 0: the Tweedie deviance of power 3."""
    return tweedie_deviance(y, f, 3.0)
