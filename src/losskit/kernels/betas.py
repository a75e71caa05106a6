"""Scalar bodies of the beta density; `primitives` offers them.

m = 1/(1 + e^-f) is the mean, phi = e^s the precision; phi m and phi (1 - m) are the two shapes. All is even or odd in f
where m and y change places with 1 - m and 1 - y, so m is the lesser of the two here: e/(1 + e) with e = e^-|f|.
"""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from losskit.calculus.gamma_fits import SHAPE_BEND_FAR, SHAPE_BEND_LOW, SHAPE_BEND_MID
from losskit.kernels.dispersed import faded
from losskit.kernels.elementary import (
    Pair,
    clamp,
    divided_difference,
    divided_polynomial,
    exp,
    exp_neg_abs,
    exp_parts,
    expm1,
    expm1mx,
    fast_two_sum,
    finite_tail,
    fma,
    log1p,
    log1p_parts,
    log1pmx,
    polynomial,
    scalar,
    scale,
    two_prod,
    two_sum,
)
from losskit.kernels.gammas import shape_bend, shape_normaliser, shape_slope
from losskit.kernels.pieces import log_pair, mul_exp
from losskit.kernels.select import select


@scalar
def shape_logs(f: float, s: float) -> tuple[float, float, float, float]:
    """Logarithms of the lesser shape and of the greater, each in two parts."""
    g, g_tail = log1p_parts(exp_neg_abs(f))
    b, b_tail = two_sum(s, -g)
    b_tail = finite_tail(b, b_tail - g_tail)
    a, a_tail = two_sum(b, -abs(f))
    return a, finite_tail(a, a_tail + b_tail), b, b_tail


@scalar
def bend_of(a: float, a_tail: float) -> float:
    """`shape_bend` at a + a_tail: as e^a for small shapes, as e^-a for large ones."""
    return shape_bend(a) * (1.0 + select(a < 0.0, a_tail, -a_tail))


@scalar
def turned(x: float, f: float) -> float:
    """x with the sign of f, 0 at f = 0."""
    return select(f > 0.0, x, select(f < 0.0, -x, 0.0 * f))


@scalar
def beta_floor(f: float, s: float) -> float:
    """What Stirling's formula leaves of the two shapes less that of their sum (4 ulp of the largest)."""
    a, _, b, _ = shape_logs(f, s)
    return shape_normaliser(a) + (shape_normaliser(b) - shape_normaliser(s))


@scalar
def beta_lift(f: float, s: float) -> float:
    """The slopes of both shapes less that of their sum, between 1/2 and 1 (4 ulp)."""
    a, _, b, _ = shape_logs(f, s)
    return shape_slope(a) + (shape_slope(b) - shape_slope(s))


@scalar
def beta_tilt(f: float, s: float) -> float:
    """The floor's slope by f, odd (5 ulp of the larger part)."""
    a, _, b, _ = shape_logs(f, s)
    e = exp_neg_abs(f)
    return turned((shape_slope(a) - e * shape_slope(b)) / (1.0 + e), f)


@scalar
def beta_curve(f: float, s: float) -> float:
    """The floor's second derivative by f, positive (8 ulp)."""
    a, a_tail, b, b_tail = shape_logs(f, s)
    e = exp_neg_abs(f)
    bends = bend_of(a, a_tail) + e * (e * bend_of(b, b_tail))
    return (e * (shape_slope(a) + shape_slope(b)) + bends) / (1.0 + e) / (1.0 + e)


@scalar
def beta_sway(f: float, s: float) -> float:
    """The slope of the tilt by s, odd (8 ulp of the larger part)."""
    a, a_tail, b, b_tail = shape_logs(f, s)
    e = exp_neg_abs(f)
    return turned((e * bend_of(b, b_tail) - bend_of(a, a_tail)) / (1.0 + e), f)


@scalar
def beta_flex(f: float, s: float) -> float:
    """The slope of the lift by -s, positive: the bends of both shapes less that of their sum (8 ulp).

    Of small shapes a bend is -k log k and a series: what is left is the entropy of m and a difference of the series. Of
    others that of the greater shape less that of the sum is a divided difference of one fit.
    """
    a, a_tail, _, _ = shape_logs(f, s)
    e = exp_neg_abs(f)
    rest, rise = 1.0 / (1.0 + e), log1p(e)
    low, far = s < -1.0, s > 1.4
    k = exp(select(low, s, -1.0))
    series = polynomial(e * rest * k, SHAPE_BEND_LOW) - divided_polynomial(k, rest, SHAPE_BEND_LOW)
    entropy = abs(f) + select(e > 1e-17, (1.0 + e) * (rise / e), 1.0)
    t, t_tail = shape_exponent(f, s)
    held = clamp(s, -1.0, 1.4) + 0.15
    middle = -rise * divided_difference(held, held - rise, SHAPE_BEND_MID)
    w = exp(-select(far, s, 1.4))
    beyond = w * e * divided_polynomial(w * (1.0 + e), rest, SHAPE_BEND_FAR)
    above = bend_of(a, a_tail) + select(far, beyond, middle)
    return select(low, faded((entropy + series) * rest, t, t_tail), above)


@scalar
def beta_gap(y: float, f: float) -> tuple[float, float, float, float]:
    """f - log(y/(1 - y)) in two parts, and -log(1 - y) likewise; where f > 0 the first turned, and -log(y)."""
    a, a_tail = log_pair(y)
    rest, lost = fast_two_sum(1.0, -y)
    b, b_tail = log_pair(rest)
    b_tail += lost / rest
    g, g_tail = two_sum(a, -b)
    d, d_tail = two_sum(f, -g)
    d, d_tail = fast_two_sum(d, finite_tail(d, d_tail - (g_tail + (a_tail - b_tail))))
    d_tail = finite_tail(d, d_tail)
    over = f > 0.0
    return select(over, -d, d), select(over, -d_tail, d_tail), select(over, -a, -b), select(over, -a_tail, -b_tail)


@scalar
def shape_exponent(f: float, s: float) -> Pair:
    """s - |f| in two parts."""
    x, x_tail = two_sum(s, -abs(f))
    return x, finite_tail(x, x_tail)


@scalar
def beta_energy(y: float, f: float, s: float) -> float:
    """phi (m log(m/y) + (1 - m) log((1 - m)/(1 - y))) (6 ulp).

    Near d = f - log(y/(1 - y)) = 0, and where m is tiny, phi m (e^-d - 1 + d + (log(1 + x) - x)/m) with
    x = m (e^-d - 1); elsewhere -log(1 - y) - log(1 + e) + m d.
    """
    d, d_tail, cost, cost_tail = beta_gap(y, f)
    n, p, p_tail = exp_parts(clamp(-abs(f), -746.0, 0.0))
    e, e_tail = scale(p, n), scale(p_tail, n)
    m, rest = e / (1.0 + e), 1.0 / (1.0 + e)
    near = ((d > -1.0) & (d < 2.0)) | ((e < 1e-17) & (d > -600.0) & (cost < 1e-17))
    c = select(near, d, 0.5)
    rise = expm1(-c)
    x = m * rise
    flat = abs(x) < 1e-9
    held = select(flat, 1.0, x)
    ratio = select(flat, x / 3.0 - 0.5, log1pmx(held) / (held * held))
    size = (expm1mx(-c) + x * (ratio * rise)) - d_tail * rest * rise / (1.0 + x)
    tiny = abs(c) < 1e-8
    half = select(tiny, 0.5 * c * rest + rest * d_tail, size / select(tiny, 1.0, c))
    t, t_tail = shape_exponent(f, s)
    t, t_tail = 0.5 * t, 0.5 * t_tail
    close = faded(half * rest, t, t_tail) * faded(c, t, t_tail)
    b, b_tail = log1p_parts(e)
    q, q_tail = two_prod(m, select(e > 0.0, d, 0.0))
    q_tail += (rest * rest * e_tail + fma(-m, e, e - m) * rest) * select(e > 0.0, d, 0.0)
    h, h_tail = two_sum(cost, -b)
    h, v_tail = two_sum(h, q)
    far = h + (v_tail + h_tail + (cost_tail - b_tail + q_tail - rest * e_tail))
    return select(near, close, mul_exp(far, 1.0, s))


@scalar
def beta_pull(y: float, f: float, s: float) -> float:
    """phi m (1 - m) d, the energy's slope by f (4 ulp)."""
    d, _, _, _ = beta_gap(y, f)
    e = exp_neg_abs(f)
    t, t_tail = shape_exponent(f, s)
    return faded(select(f > 0.0, -d, d) / (1.0 + e) / (1.0 + e), t, t_tail)


@scalar
def beta_bend(y: float, f: float, s: float) -> float:
    """phi m (1 - m) (1 + (1 - 2 m) d), the energy's second derivative by f (5 ulp of the larger part)."""
    d, _, _, _ = beta_gap(y, f)
    e = exp_neg_abs(f)
    t, t_tail = shape_exponent(f, s)
    return faded((1.0 - expm1(-abs(f)) / (1.0 + e) * d) / (1.0 + e) / (1.0 + e), t, t_tail)
