"""The scalar primitives: accuracy in ulp against mpmath, limits, and loops that vectorise."""

import importlib
import math
import platform
import re
from functools import cache

import llvmlite.binding as llvm
import numpy as np
import pytest
from mpmath import mp, mpf
from numba import njit

from losskit.calculus.table import TABLE, tempered
from losskit.kernels.curves import sigmoid_minus, sigmoid_slope, softplus_minus
from losskit.kernels.elementary import add_fast
from losskit.kernels.primitives import home_of

INF, NAN = math.inf, math.nan
SMALLEST = 5e-324
DRAWS = 200

# powers of two, range ends, subnormals, and the neighbours of the thresholds in the bodies
THRESHOLDS = (1e-9, 1e-17, math.sqrt(2) - 1, 1 - math.sqrt(0.5), math.log(2) / 2, 1.0, 60.0, 2.0**28, 1e-140)
HARD = np.array(
    [0.0, SMALLEST, 1e-310, 2.0**-1022, 1e-300, 1e-8, 36.7, 37.5, 40.0, 700.0, 708.5, 720.0, 745.0, 745.2, 746.0, 800.0]
    + [709.0, 709.78, 709.7827, 710.0, 1e5, 1e300]
    + [2.0**k for k in range(-60, 12, 3)]
    + [np.nextafter(t, side) for t in THRESHOLDS for side in (0.0, t, INF)]
    + [k * math.log(2) / 2 for k in range(1, 20, 2)]
)
SIGNED = np.concatenate([HARD, -HARD])


def body_of(name):
    return getattr(importlib.import_module(home_of(name)), name)


def log_uniform(rng, low, high, n=DRAWS):
    return np.exp(rng.uniform(math.log(low), math.log(high), n))


def signed(rng, x):
    return x * rng.choice([-1.0, 1.0], x.size)


def grid(*axes):
    return tuple(axis.ravel() for axis in np.meshgrid(*map(np.asarray, axes), indexing="ij"))


def join(*point_sets):
    return tuple(np.concatenate(columns).astype(float) for columns in zip(*point_sets, strict=True))


def real(rng):
    return join((SIGNED,), (signed(rng, log_uniform(rng, 1e-20, 750)),), (rng.uniform(-2, 2, DRAWS),))


def positive(rng):
    near_one = 1 + signed(rng, log_uniform(rng, 1e-16, 0.1))
    wide = log_uniform(rng, SMALLEST, 1e308)
    return join((HARD[1:],), (wide,), (log_uniform(rng, 0.1, 10),), (near_one,))


def above_minus_one(rng):
    near = -log_uniform(rng, 1e-20, 1)
    return join((SIGNED[SIGNED > -1],), (near,), (log_uniform(rng, 1e-20, 1e308),), (rng.uniform(-0.5, 1, DRAWS),))


def scores(rng):
    return np.concatenate([signed(rng, log_uniform(rng, 1e-20, 740)), rng.uniform(-5, 5, DRAWS)])


def labelled(rng):
    z = scores(rng)
    return join(grid(SIGNED[::3], [0.0, 1.0]), (z, rng.integers(0, 2, z.size)))


def softly_labelled(rng):
    z = scores(rng)
    return join(labelled(rng), grid(SIGNED[::5], [1e-320, 0.25, 0.5, 1 - 2.0**-53]), (z, rng.uniform(0, 1, z.size)))


def sigmoid_powers(rng):
    z = scores(rng)
    g = rng.uniform(0, 10, z.size)
    keep = np.abs(z) * g < 700
    return join(grid(SIGNED[::4], [0.0, 0.5, 1.0, 2.0]), (z[keep], g[keep]))


def scaled(points):
    def draw(rng):
        (x,) = points(rng)
        hard = grid([0.0, -0.0, 1.0, -2.5, 1e-310], x[:: max(1, x.size // 80)])
        return join(hard, (signed(rng, log_uniform(rng, 1e-10, 1e10, x.size)), x))

    return draw


def by_scale(rng):
    """Residuals and scales whose ratio reaches everywhere."""
    (x,) = real(rng)
    scale = log_uniform(rng, 1e-6, 1e6, x.size)
    hard = grid(SIGNED[::3], [1.0, 0.0027129162926379322, 26.87758973801438])
    return join(hard, (x * scale, scale))


def factors(rng):
    c = [1e-320, -SMALLEST, 1e300, -1.7e308, 2.0**-1022, 1.0, 0.0, *log_uniform(rng, 1e-320, 1e308, 20)]
    rates = signed(rng, log_uniform(rng, 1e-3, 1e3))
    x = signed(rng, log_uniform(rng, 1e-5, 800)) / rates
    hard = grid(c, [0.0, 1.0, -2.3, 1e-310, 1e10], [0.0, 740.0, -760.0, 1500.0, 1e-8, -1e300, 333.3])
    return join(hard, (signed(rng, log_uniform(rng, 1e-320, 1e308)), rates, x))


def bases_and_exponents(rng):
    wide = log_uniform(rng, 1e-300, 1e300)
    reach = signed(rng, log_uniform(rng, 1e-6, 700)) / np.maximum(np.abs(np.log(wide)), 1e-3)
    near_one = 1 + signed(rng, log_uniform(rng, 1e-15, 0.5))
    return join(
        grid([1.0, 2.0, 0.5, 1e-310, SMALLEST, 1.7e308], [0.0, 1.0, -1.0, 2.0, -3.0, 0.5, 1e-310, 2.0**53]),
        grid([-1.0, -3.0, -1e-310, -1e100], [0.0, 1.0, -1.0, 2.0, -3.0, 2.0**53]),
        (wide, reach),
        (near_one, signed(rng, log_uniform(rng, 1e-3, 1e16))),
    )


def near_the_root(rng):
    """Reals, and the neighbours of the root tan(1/2)."""
    root = math.tan(0.5)
    near = root * (1 + signed(rng, log_uniform(rng, 1e-15, 1)))
    return join(real(rng), (root + np.arange(-5, 6) * math.ulp(root),), (near,))


def with_second(seconds):
    """Reals, each beside a few second arguments, and random ones."""

    def draw(rng):
        (x,) = real(rng)
        low, high = min(seconds), max(seconds)
        return join(grid(x[:: max(1, x.size // 120)], seconds), (x, rng.uniform(low, high, x.size)))

    return draw


def weighed(rng):
    (x,) = real(rng)
    return join(grid(SIGNED[::3], [1.0, 0.1, 30.0]), (x, log_uniform(rng, 1e-6, 1e6, x.size)))


def past_the_bend(rng):
    """Margins and powers: below and about q/(q + 1), and out to where the power vanishes."""
    q = log_uniform(rng, 1e-3, 1e3)
    near = q / (q + 1) * (1 + log_uniform(rng, 1e-12, 10))
    return join(grid([-3.0, 0.4, 0.6, 1.0, 2.0, 1e3, 1e100, 1e300, 1.7e308], [0.5, 1.0, 2.0, 7.0]), (near, q))


def flipped_labels(rng):
    z = scores(rng)
    return join(grid(SIGNED[::3], [0.0, 0.1, 0.45], [0.0, 0.2, 1e-3]),
                (z, rng.uniform(0, 0.49, z.size), rng.uniform(1e-3, 0.49, z.size)))


def above_margins(rng):
    """Scores and margins, and scores just above and below the margin's logit."""
    (x,) = real(rng)
    m = np.concatenate([log_uniform(rng, 1e-300, 0.5, x.size - DRAWS), rng.uniform(0, 0.5, DRAWS)])
    root = np.log(m) - np.log1p(-m)
    near = root * (1 + signed(rng, log_uniform(rng, 1e-13, 1, x.size)))
    return join(grid(SIGNED[::3], [0.0, 0.05, 1e-9, 0.3, 1e-310]), (x, m), (near, m))


def above_margins_with_powers(rng):
    x, m = above_margins(rng)
    return x, m, rng.choice([0.0, 0.5, 1.0, 4.0, 7.3], x.size)


def above_margins_weighed(rng):
    x, m = above_margins(rng)
    return rng.choice([1.0, -0.3, 50.0], x.size), x, m


def temperatures(rng):
    (x,) = real(rng)
    pairs = np.array([(0.8, 1.2), (0.0, 2.0), (0.2, 4.0), (0.5, 1.05)])
    a, b = pairs[rng.integers(0, 4, x.size)].T
    return join((x, a, b), (x[:DRAWS], rng.uniform(0, 1, DRAWS), 1 + log_uniform(rng, 1e-3, 4)))


def true_bitempered(x, a, b):
    p, q = tempered(mp, x, b)
    return (1 - p ** (1 - a)) / (1 - a) - (1 - p ** (2 - a) - q ** (2 - a)) / (2 - a)


def true_bitempered_slope(x, a, b):
    p, q = tempered(mp, x, b)
    return q * (p**-a + q**-a) / (p**-b + q**-b)


def bitempered_summands(x, a, b):
    p, q = tempered(mp, x, b)
    n, d = p**-a + q**-a, p**-b + q**-b
    return (n / d**2, q * a * (p ** (-a - 1) - q ** (-a - 1)) / d**2,
            -q * b * (p ** (-b - 1) - q ** (-b - 1)) * n / d**3)


def true_above(x, m):
    return max(true_sigmoid(x) - m, mpf(0))


def true_softplus_less_sigmoid(x):
    return true_softplus(x) - true_sigmoid(x) if x > -1000 else mp.exp(2 * x) / 2


def true_flip(x, a, b):
    return (1 - a) * true_sigmoid(x) + b * true_sigmoid(-x)


def true_flip_slope(x, a, b):
    return (1 - a - b) * true_sigmoid(x) * true_sigmoid(-x) / true_flip(x, a, b)


def true_flip_bend(x, a, b):
    p, q, w = true_sigmoid(x), true_sigmoid(-x), true_flip(x, a, b)
    return (1 - a - b) * p * q * ((1 - a) * p * p - b * q * q) / w**2


def tilted(rng):
    z = scores(rng)
    return join(grid(SIGNED[::3], [0.0, 1.0, 0.25], [0.2, -0.3, 0.0]),
                (z, rng.integers(0, 2, z.size), rng.uniform(-1, 1, z.size)))


def deviances(p):
    def draw(rng):
        y = np.concatenate([log_uniform(rng, 1e-3, 1e3), log_uniform(rng, 1e-300, 1e300), log_uniform(rng, 0.5, 2)])
        noise = signed(rng, log_uniform(rng, 1e-15, 1))
        f = np.concatenate([rng.uniform(-10, 10, DRAWS), rng.uniform(-700, 700, DRAWS), np.log(y[2 * DRAWS :]) + noise])
        labels = (
            [SMALLEST, 1e-310, 1e-8, 1 - 2.0**-53, 1.0, 2.0, 1e300] + [0.0] * (p is None or p < 2) + [-2.5] * (p == 0)
        )
        hard = grid(labels, [0.0, 1e-310, -1e-8, math.log(2), 40.0, -40.0, 700.0, -700.0, 800.0, -1000.0, 2000.0])
        points = join(hard, (y, f))
        return points if p is None else (*points, np.full(points[0].size, float(p)))

    return draw


def true_sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def true_softplus(x):
    return mp.log1p(mp.exp(x))


def true_deviance(y, f, p=1):
    mu = mp.exp(f)
    if y == mu:
        return mpf(0)
    if p == 1:
        return (y * mp.log(y) if y else 0) - y - y * f + mu
    if p == 2:
        return f - mp.log(y) + y / mu - 1
    a, b = 1 - p, 2 - p
    return (y**b / (a * b) - y * mu**a / a if y else 0) + mu**b / b


def deviance_allowance(y, f, p=1):
    """f - log y is not known better than this: |gradient| ulp(max(|f|, |log y|))."""
    gradient = mp.exp((1 - mpf(p)) * f) * (mp.exp(f) - y)
    return abs(gradient) * math.ulp(max(abs(f), abs(math.log(abs(y))) if y else 0.0))


def largest_summand(summands):
    """Allow what the largest summand's rounding costs: 1 ulp of it, where the function is a difference with a root."""
    return lambda *args: ulp(max(abs(s) for s in summands(*args)))


CEILINGS = {0: 3, 1: 3, 1 + 1e-9: 3, 1.1: 3, 1.5: 3, 1.9: 3, 2 - 1e-9: 3, 2: 3, 2 + 1e-9: 3, 2.5: 4, 3: 4, 4: 6, 5: 6}

# name, textbook reference, points, max ulp, and where granted a further allowance
LAWS = [
    ("exp", mp.exp, real, 1.1, None),
    ("log", mp.log, positive, 0.7, None),
    ("log1p", mp.log1p, above_minus_one, 0.7, None),
    ("expm1", mp.expm1, real, 0.7, None),
    ("tanh", mp.tanh, real, 0.6, None),
    ("power", lambda x, a: x**a, bases_and_exponents, 0.8, None),
    ("sigmoid", true_sigmoid, real, 1.6, None),
    ("sigmoid_slope", lambda x: true_sigmoid(x) * true_sigmoid(-x), real, 1.6, None),
    ("softplus", true_softplus, real, 1.5, None),
    ("softplus_minus", lambda z, y: true_softplus(z) - y * z, softly_labelled, 1.7, None),
    ("sigmoid_minus", lambda z, y: true_sigmoid(z) - y, labelled, 1.6, None),
    (
        "sigmoid_minus",
        lambda z, y: true_sigmoid(z) - y,
        softly_labelled,
        1.6,
        largest_summand(lambda z, y: (true_sigmoid(abs(mpf(z))), y)),
    ),
    ("sigmoid_power", lambda x, g: true_sigmoid(x) ** g, sigmoid_powers, 2.5, None),
    ("logcosh", lambda x: mp.log(mp.cosh(x)), real, 1.6, None),
    ("log_cosh", lambda r, s: s**2 * mp.log(mp.cosh(r / s)), by_scale, 3.0, None),
    ("log_cosh_slope", lambda r, s: s * mp.tanh(r / s), by_scale, 2.0, None),
    ("sech2", lambda r, s: mp.sech(r / s) ** 2, by_scale, 2.0, None),
    ("pseudo_huber", lambda r, s: s**2 * (mp.sqrt(1 + (r / s) ** 2) - 1), by_scale, 3.0, None),
    ("pseudo_huber_slope", lambda r, s: r / mp.sqrt(1 + (r / s) ** 2), by_scale, 2.5, None),
    ("pseudo_huber_bend", lambda r, s: (1 + (r / s) ** 2) ** mpf(-1.5), by_scale, 2.5, None),
    ("hypot1", lambda x: mp.sqrt(1 + x * x), real, 1.0, None),
    ("log1pmx", lambda x: mp.log1p(x) - x, above_minus_one, 1.5, None),
    ("expm1mx", lambda x: mp.expm1(x) - x, real, 1.5, None),
    ("xlogy", lambda a, x: a * mp.log(x), scaled(positive), 1.4, None),
    ("xlog1py", lambda a, x: a * mp.log1p(x), scaled(above_minus_one), 1.4, None),
    ("xdivy", lambda a, x: a / x, scaled(positive), 0.5, None),
    ("mul_exp", lambda c, a, x: c * mp.exp(a * x), factors, 2.0, None),
    ("poisson_deviance", true_deviance, deviances(None), 2.0, deviance_allowance),
    ("tangent_gap", lambda m: 2 * mp.atan(m) - 1, near_the_root, 2.0, None),
    ("tangent_slope", lambda m: 2 / (1 + m * m), real, 1.5, None),
    ("sigmoid_gap", lambda x, a: (1 - true_sigmoid(x) ** a) / a, with_second([1e-9, 0.3, 0.7, 1.0, 5.0]), 3.5, None),
    ("softplus_less_sigmoid", true_softplus_less_sigmoid, real, 3.5, None),
    ("logit_entropy", lambda x: true_softplus(x) - x * true_sigmoid(x), real, 3.0, None),
    (
        "softplus_tilted",
        lambda z, y, k: true_softplus(z) - y * z - k * z,
        tilted,
        2.5,
        largest_summand(lambda z, y, k: (true_softplus(-abs(mpf(z))), (1 - y - k if z > 0 else y + k) * abs(z))),
    ),
    ("softplus_times", lambda x, w: w * true_softplus(x), weighed, 3.0, None),
    ("sigmoid_times", lambda x, w: w * true_sigmoid(x), weighed, 3.0, None),
    ("softplus_scaled", lambda x, w: mp.log1p(w * mp.exp(x)), weighed, 3.5, None),
    ("sigmoid_scaled", lambda x, w: 1 / (1 + mp.exp(-x) / w), weighed, 3.5, None),
    ("dwd_power", lambda m, q: max(mpf(1), (q + 1) * m / q) ** -q, past_the_bend, 1.5, None),
    ("flip_loss", lambda x, a, b: -mp.log(true_flip(x, a, b)), flipped_labels, 5.0, None),
    ("flip_slope", true_flip_slope, flipped_labels, 5.0, None),
    (
        "flip_bend",
        true_flip_bend,
        flipped_labels,
        7.0,
        largest_summand(
            lambda x, a, b: tuple(
                true_flip_slope(mpf(x), mpf(a), mpf(b)) * s / true_flip(mpf(x), mpf(a), mpf(b))
                for s in ((1 - mpf(a)) * true_sigmoid(mpf(x)) ** 2, b * true_sigmoid(-mpf(x)) ** 2)
            )
        ),
    ),
    ("bitempered", true_bitempered, temperatures, 4.5, None),
    ("bitempered_slope", true_bitempered_slope, temperatures, 4.5, None),
    (
        "bitempered_bend",
        lambda x, a, b: sum(bitempered_summands(x, a, b)),
        temperatures,
        6.0,
        lambda x, a, b: 8 * ulp(max(map(abs, bitempered_summands(mpf(x), mpf(a), mpf(b))))),
    ),
    ("above_power", lambda x, m, g: true_above(x, m) ** g if true_above(x, m) else mpf(0),
     above_margins_with_powers, 3.0, None),
    ("above_rate", lambda c, x, m: c * true_sigmoid(x) * true_sigmoid(-x) / true_above(x, m) if true_above(x, m)
     else mpf(0), above_margins_weighed, 3.5, None),
    ("above_cost", lambda x, m: -mp.log(true_sigmoid(-x) + m) if true_above(x, m) else mpf(0),
     above_margins, 4.5, None),
    *(
        ("tweedie_deviance", true_deviance, deviances(p), ceiling, deviance_allowance)
        for ceiling, powers in {
            3: (0, 1, 1 + 1e-9, 1.1, 1.5, 1.9, 2 - 1e-9, 2, 2 + 1e-9),
            4: (2.5, 3),
            6: (4, 5),
        }.items()
        for p in powers
    ),
]
NAMES = sorted({law[0] for law in LAWS})


@cache
def loop(name):
    """The primitive over arrays, compiled as a generated kernel would be."""
    function = body_of(name)

    def one(out, x):
        for i in range(out.size):
            out[i] = function(x[i])

    def two(out, x, y):
        for i in range(out.size):
            out[i] = function(x[i], y[i])

    def three(out, x, y, z):
        for i in range(out.size):
            out[i] = function(x[i], y[i], z[i])

    if label_of(name):
        label = body_of(label_of(name))

        def two(out, x, y):
            for i in range(out.size):
                out[i] = function(x[i], y[i], label(x[i]))

    return njit(error_model="numpy")((one, two, three)[arity(name) - 1])


def label_of(name):
    return TABLE[name].label if name in TABLE else None


def arity(name):
    return body_of(name).py_func.__code__.co_argcount - bool(label_of(name))


def apply(name, *columns):
    columns = [np.ascontiguousarray(c, dtype=float) for c in columns]
    out = np.empty(columns[0].size)
    loop(name)(out, *columns)
    return out


def truth(reference, args):
    """The reference at a precision doubled until two results agree; 0 only above 4400 bits."""
    before, precision = None, 128
    while precision <= 40_000:
        mp.prec = precision
        value = reference(*map(mpf, args))
        if before is not None:
            settled = abs(value - before) < abs(value) * mpf(2) ** -75 if value else before == 0 and precision > 4400
            if settled:
                return value
        before, precision = value, 2 * precision
    raise AssertionError(f"no precision settles {args}")


def ulp(true):
    return mpf(2) ** max(mp.mag(true) - 53, -1074) if true else mpf(2) ** -1074


def error(got, true, allowance):
    if math.isnan(got):
        return INF
    got = mp.sign(got) * mpf(2) ** 1024 if math.isinf(got) else mpf(got)
    true = max(min(true, mpf(2) ** 1024), -(mpf(2) ** 1024))
    return float(max(abs(got - true) - allowance, 0) / ulp(true * (1 - mpf(2) ** -60)))


@pytest.fixture(autouse=True)
def restored_precision():
    precision = mp.prec
    yield
    mp.prec = precision


@pytest.mark.parametrize(("name", "reference", "points", "ceiling", "allowance"), LAWS)
def test_error_in_ulp(name, reference, points, ceiling, allowance):
    columns = points(np.random.default_rng(7))
    worst, where = 0.0, None
    for got, *args in zip(apply(name, *columns).tolist(), *(c.tolist() for c in columns), strict=True):
        true = truth(reference, args)
        e = error(got, true, allowance(*args) if allowance else 0)
        if e > worst:
            worst, where = e, (args, got, mp.nstr(true, 20))
    assert worst <= ceiling, where


@pytest.mark.parametrize("name", NAMES)
def test_nan_stays(name):
    for which in range(arity(name) - (name == "tweedie_deviance")):
        args = [1.5] * arity(name)
        args[which] = NAN
        assert math.isnan(apply(name, *[[a] for a in args])[0]), which


LIMITS = [
    ("exp", (INF,), INF),
    ("exp", (-INF,), 0.0),
    ("exp", (709.782712893384,), 1.7976931348622732e308),
    ("exp", (709.782712893385,), INF),
    ("log", (0.0,), -INF),
    ("log", (-0.0,), -INF),
    ("log", (-SMALLEST,), NAN),
    ("log", (-INF,), NAN),
    ("log", (INF,), INF),
    ("log1p", (-1.0,), -INF),
    ("log1p", (-1.5,), NAN),
    ("log1p", (INF,), INF),
    ("log1p", (-0.0,), -0.0),
    ("log1p", (1.7976931348623157e308,), 709.782712893384),
    ("expm1", (-0.0,), -0.0),
    ("expm1", (INF,), INF),
    ("expm1", (-INF,), -1.0),
    ("tanh", (-0.0,), -0.0),
    ("tanh", (-SMALLEST,), -SMALLEST),
    ("tanh", (INF,), 1.0),
    ("tanh", (-INF,), -1.0),
    ("sigmoid", (INF,), 1.0),
    ("sigmoid", (-INF,), 0.0),
    ("sigmoid_slope", (INF,), 0.0),
    ("sigmoid_slope", (-INF,), 0.0),
    ("softplus", (INF,), INF),
    ("softplus", (-INF,), 0.0),
    ("softplus_minus", (INF, 1.0), 0.0),
    ("softplus_minus", (-INF, 0.0), 0.0),
    ("softplus_minus", (INF, 0.0), INF),
    ("softplus_minus", (-INF, 1.0), INF),
    ("softplus_minus", (INF, 0.5), INF),
    ("sigmoid_minus", (INF, 1.0), 0.0),
    ("sigmoid_minus", (-INF, 1.0), -1.0),
    ("sigmoid_minus", (INF, 0.0), 1.0),
    ("sigmoid_power", (-INF, 2.0), 0.0),
    ("sigmoid_power", (-INF, 0.0), 1.0),
    ("sigmoid_power", (INF, 2.0), 1.0),
    ("logcosh", (INF,), INF),
    ("logcosh", (-INF,), INF),
    ("sech2", (INF, 2.0), 0.0),
    ("log_cosh", (-INF, 2.0), INF),
    ("log_cosh_slope", (-INF, 2.0), -2.0),
    ("log_cosh_slope", (-0.0, 2.0), -0.0),
    ("pseudo_huber", (-INF, 2.0), INF),
    ("pseudo_huber", (2.0**1020, 2.0**-10), 2.0**1010),
    ("pseudo_huber_slope", (INF, 2.0), 2.0),
    ("pseudo_huber_slope", (-INF, 2.0), -2.0),
    ("pseudo_huber_bend", (INF, 2.0), 0.0),
    ("hypot1", (-INF,), INF),
    ("log1pmx", (-1.0,), -INF),
    ("log1pmx", (INF,), -INF),
    ("expm1mx", (INF,), INF),
    ("expm1mx", (-INF,), INF),
    ("xlogy", (0.0, 0.0), 0.0),
    ("xlogy", (0.0, INF), 0.0),
    ("xlogy", (2.0, 0.0), -INF),
    ("xlog1py", (0.0, -1.0), 0.0),
    ("xlog1py", (2.0, -1.0), -INF),
    ("xdivy", (0.0, 0.0), 0.0),
    ("xdivy", (2.0, 0.0), INF),
    ("mul_exp", (0.0, 1.0, INF), 0.0),
    ("mul_exp", (3.0, 0.0, INF), 3.0),
    ("mul_exp", (3.0, 0.0, -INF), 3.0),
    ("mul_exp", (-3.0, 1.0, INF), -INF),
    ("mul_exp", (-3.0, -1.0, INF), -0.0),
    ("mul_exp", (1.0, 0.5, -1e6), 0.0),
    ("mul_exp", (INF, 0.5, 2.0), INF),
    ("tangent_gap", (INF,), math.pi - 1),
    ("tangent_gap", (-INF,), -math.pi - 1),
    ("tangent_gap", (0.0,), -1.0),
    ("tangent_slope", (-INF,), 0.0),
    ("sigmoid_gap", (INF, 0.7), 0.0),
    ("sigmoid_gap", (-INF, 0.5), 2.0),
    ("softplus_less_sigmoid", (INF,), INF),
    ("softplus_less_sigmoid", (-INF,), 0.0),
    ("logit_entropy", (INF,), 0.0),
    ("logit_entropy", (-INF,), 0.0),
    ("softplus_tilted", (INF, 1.0, 0.1), -INF),
    ("softplus_tilted", (INF, 1.0, 0.0), 0.0),
    ("softplus_tilted", (-INF, 1.0, 0.1), INF),
    ("softplus_times", (INF, 0.0), 0.0),
    ("softplus_times", (INF, 2.0), INF),
    ("softplus_times", (-INF, 2.0), 0.0),
    ("sigmoid_times", (INF, 2.0), 2.0),
    ("sigmoid_times", (-INF, 2.0), 0.0),
    ("softplus_scaled", (INF, 0.1), INF),
    ("softplus_scaled", (-INF, 0.1), 0.0),
    ("sigmoid_scaled", (INF, 0.1), 1.0),
    ("sigmoid_scaled", (-INF, 0.1), 0.0),
    ("dwd_power", (INF, 1.0), 0.0),
    ("dwd_power", (-INF, 1.0), 1.0),
    ("dwd_power", (0.5, 1.0), 1.0),
    ("flip_loss", (INF, 0.0, 0.1), 0.0),
    ("flip_loss", (-INF, 0.2, 0.0), INF),
    ("flip_loss", (-INF, 0.2, 0.25), 2 * math.log(2)),
    ("flip_slope", (INF, 0.2, 0.1), 0.0),
    ("flip_slope", (-INF, 0.2, 0.1), 0.0),
    ("flip_slope", (-INF, 0.25, 0.0), 1.0),
    ("flip_bend", (INF, 0.2, 0.1), 0.0),
    ("flip_bend", (-INF, 0.25, 0.0), 0.0),
    ("bitempered", (INF, 0.5, 1.5), 0.0),
    ("bitempered", (-INF, 0.5, 1.5), 2.0),
    ("bitempered_slope", (INF, 0.5, 1.5), 0.0),
    ("bitempered_slope", (-INF, 0.5, 1.5), 0.0),
    ("bitempered_bend", (INF, 0.5, 1.5), 0.0),
    ("above_power", (-INF, 0.0, 0.5), 0.0),
    ("above_power", (-INF, 0.1, 2.0), 0.0),
    ("above_power", (INF, 0.25, 2.0), 0.5625),
    ("above_rate", (2.0, -INF, 0.0), 2.0),
    ("above_rate", (2.0, -INF, 0.1), 0.0),
    ("above_rate", (2.0, INF, 0.1), 0.0),
    ("above_cost", (INF, 0.0), INF),
    ("above_cost", (INF, 0.25), 2 * math.log(2)),
    ("above_cost", (-INF, 0.1), 0.0),
    ("poisson_deviance", (1.0, 0.0), 0.0),
    ("poisson_deviance", (2.0, -INF), INF),
    ("poisson_deviance", (2.0, INF), INF),
    ("poisson_deviance", (0.0, INF), INF),
    ("poisson_deviance", (0.0, -INF), 0.0),
    *(("tweedie_deviance", (1.0, 0.0, p), 0.0) for p in (0.0, 1.0, 1.5, 2.0, 3.0)),
    *(("tweedie_deviance", (2.0, -INF, p), INF) for p in (1.0, 1.5, 2.0, 3.0)),
    *(("tweedie_deviance", (2.0, INF, p), INF) for p in (0.0, 1.0, 1.5, 2.0)),
    *(("tweedie_deviance", (0.0, -INF, p), 0.0) for p in (0.0, 1.0, 1.5)),
    ("tweedie_deviance", (2.0, INF, 3.0), 0.25),
    ("tweedie_deviance", (2.0, -INF, 0.0), 2.0),
]


@pytest.mark.parametrize(("name", "args", "want"), LIMITS)
def test_limits(name, args, want):
    got = apply(name, *[[a] for a in args])[0]
    assert got == want or (math.isnan(got) and math.isnan(want))
    assert math.copysign(1, got) == math.copysign(1, want) or math.isnan(want)


@pytest.mark.parametrize("x", [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, INF, -INF, NAN])
@pytest.mark.parametrize("a", [0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 0.5, -0.5, 2.0**53, INF, -INF, NAN])
def test_power_keeps_the_conventions_of_c(x, a):
    with np.errstate(all="ignore"):
        want = np.float64(x) ** np.float64(a)
    got = apply("power", [x], [a])[0]
    if math.isnan(want):
        assert math.isnan(got)
    else:
        assert got == pytest.approx(want, rel=3e-16, abs=0)
        assert math.copysign(1, got) == math.copysign(1, want)


needs_vectors = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64") or not llvm.get_host_cpu_features().get("fma"),
    reason="vector shapes are known for x86 with FMA",
)


def optimised(function):
    return next(iter(function.inspect_llvm().values()))


@needs_vectors
@pytest.mark.parametrize("name", NAMES)
def test_a_loop_over_it_vectorises(name):
    apply(name, *[[1.5]] * arity(name))
    assert re.search(r"<\d+ x double>", optimised(loop(name)))


@needs_vectors
def test_add_fast_alone_makes_a_sum_vectorise():
    @njit
    def total(x):
        result = 0.0
        for i in range(x.size):
            result = add_fast(result, x[i])
        return result

    x = np.random.default_rng(0).normal(size=1001)
    assert total(x) == pytest.approx(math.fsum(x), abs=1e-12)
    assert re.search(r"fadd reassoc <\d+ x double>", optimised(total))


@needs_vectors
def test_logistic_value_gradient_and_slope_share_one_exponential():
    @njit(error_model="numpy")
    def one(out, z, y):
        for i in range(out.size):
            out[i] = softplus_minus(z[i], y[i])

    @njit(error_model="numpy")
    def all_three(out, z, y):
        for i in range(out.size):
            zi, yi = z[i], y[i]
            out[i] = softplus_minus(zi, yi) + sigmoid_minus(zi, yi) + sigmoid_slope(zi)

    z = np.linspace(-3, 3, 9)
    one(np.empty(9), z, np.ones(9))
    all_three(np.empty(9), z, np.ones(9))
    log2e = "0x3FF71547652B82FE"  # each exponential multiplies by it once
    assert optimised(all_three).count(log2e) == optimised(one).count(log2e) > 0
