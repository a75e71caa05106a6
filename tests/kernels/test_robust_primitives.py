"""The bodies behind the robust, asymmetric, smoothed and relative losses: accuracy in ulp, limits, vector code."""

import math
import re

import numpy as np
import pytest
from mpmath import mp, mpf

from tests.kernels.test_primitives import (
    SIGNED,
    apply,
    arity,
    error,
    grid,
    join,
    largest_summand,
    log_uniform,
    loop,
    needs_vectors,
    optimised,
    restored_precision,  # noqa: F401
    signed,
    truth,
)

INF, NAN = math.inf, math.nan
MANY = 150


def by_scale(rng):
    """Residuals and scales: ratios of all sizes, and residuals of all sizes."""
    c = log_uniform(rng, 1e-6, 1e3, MANY)
    ratio = signed(rng, log_uniform(rng, 1e-20, 1e4, MANY))
    any_size = signed(rng, log_uniform(rng, 1e-300, 1e300, MANY))
    return join(grid(SIGNED[::7], [1.0, 2.385]), (ratio * c, c), (any_size, log_uniform(rng, 1e-6, 1e3, MANY)))


def with_factor(points):
    def draw(rng):
        r, c = points(rng)
        return log_uniform(rng, 1e-6, 1e6, r.size), r, c

    return draw


def near_scale(rng):
    c = log_uniform(rng, 1e-6, 1e3, MANY)
    return join((rng.uniform(-37, 37, MANY) * c, c), (signed(rng, log_uniform(rng, 1e-20, 37, MANY)) * c, c))


def within_scale(rng):
    c = log_uniform(rng, 1e-300, 1e300, MANY)
    share = np.concatenate([log_uniform(rng, 1e-20, 1, MANY // 2), 1 - log_uniform(rng, 1e-16, 0.6, MANY - MANY // 2)])
    return signed(rng, np.minimum(share * c, c)), c


def waves(most):
    def draw(rng):
        c = log_uniform(rng, 1e-6, 1e3, MANY)
        near = math.pi / 2 * (1 + signed(rng, log_uniform(rng, 1e-16, 1e-2, MANY)))
        near = near[near < most]
        return join((rng.uniform(-most, most, MANY) * c, c), (signed(rng, log_uniform(rng, 1e-20, most, MANY)) * c, c),
                    (near, np.ones(near.size)))  # fmt: skip

    return draw


def powers(rng):
    r = signed(rng, log_uniform(rng, 1e-300, 1e300))
    a = signed(rng, log_uniform(rng, 1e-6, 700)) / np.maximum(np.abs(np.log(np.abs(r))), 1e-3)
    factors = signed(rng, log_uniform(rng, 1e-3, 1e6))
    return join((factors, r, a), grid([1.0, -2.5], SIGNED[::9], [0.5, 1.0, 2.0, 3.0]))


def rates(rng):
    a = signed(rng, log_uniform(rng, 1e-9, 1e4, MANY))
    return join((signed(rng, log_uniform(rng, 1e-20, 720, MANY)) / a, a), grid(SIGNED[::7], [1.0, -0.3, 1e4, -1e-9]))


def steps(rng):
    h = log_uniform(rng, 1e-6, 1e3, MANY)
    small = log_uniform(rng, 1e-9, 0.5, MANY)
    level = np.where(rng.random(MANY) < 0.5, small, 1 - small)
    x = np.where(rng.random(MANY) < 0.5, signed(rng, log_uniform(rng, 1e-20, 760, MANY)), rng.uniform(-40, 40, MANY))
    return join((x * h, level, h), grid(SIGNED[::9], [0.1, 0.5, 1e-9], [1.0, 1e-6]))


def densities(rng):
    r, _, h = steps(rng)
    return r, h


def quotients(rng):
    y = np.concatenate([log_uniform(rng, 1e-6, 1e6) - 1, log_uniform(rng, 1e-20, 1e300)])
    near = y + (1 + y) * signed(rng, log_uniform(rng, 1e-16, 0.9, y.size))
    return np.where(rng.random(y.size) < 0.5, near, rng.permutation(y)), y


def squares(rng):
    x = log_uniform(rng, 5e-324, 1e300)
    return join((x, signed(rng, log_uniform(rng, 1e-160, 1e160))), (x, x + log_uniform(rng, 5e-324, 1e300)))


def members(rng):
    """Of Barron's family: all limits, their neighbours and draws."""
    sets = []
    for alpha in (-INF, -1e4, -37.3, -2.0, -1e-9, -1e-25, 0.0, 1e-9, 0.5, 1.0, 1.5, 2 - 1e-9, 2.0, 2 + 1e-9, 3.0, 50.0):
        r, c = by_scale(rng)
        some = rng.permutation(r.size)[:40]
        sets.append((r[some], np.full(40, alpha), c[some]))
    r, c = by_scale(rng)
    return join(*sets, (r, signed(rng, log_uniform(rng, 1e-9, 1e4, r.size)), c))


def true_barron(order):
    def reference(r, alpha, c):
        z = (r / c) ** 2
        if alpha == 2:
            return (r * r / 2, r, mpf(1))[order]
        if mp.isinf(alpha):
            return (c * c * -mp.expm1(-z / 2), r * mp.exp(-z / 2), (1 - z) * mp.exp(-z / 2))[order]
        b, q = abs(alpha - 2), 1 + z / abs(alpha - 2)
        if order == 0:
            return c * c * (mp.log(q) if alpha == 0 else b / alpha * (q ** (alpha / 2) - 1))
        return r * q ** (alpha / 2 - 1) if order == 1 else q ** (alpha / 2 - 2) * (1 + (alpha - 1) * z / b)

    return reference


def bend_summands(r, alpha, c):
    r, alpha, c = mpf(r), mpf(alpha), mpf(c)
    z = (r / c) ** 2
    if alpha == 2:
        return [mpf(1)]
    if mp.isinf(alpha):
        return [mp.exp(-z / 2), z * mp.exp(-z / 2)]
    q = (1 + z / abs(alpha - 2)) ** (alpha / 2 - 2)
    return [q, (alpha - 1) * z / abs(alpha - 2) * q]


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


# name, textbook reference, points, max ulp, and where granted a further allowance
LAWS = [
    ("abs_power", lambda c, r, a: c * abs(r) ** a if r else mpf(0), powers, 1.6, None),
    ("sign_power", lambda c, r, a: c * mp.sign(r) * abs(r) ** a if r else mpf(0), powers, 1.6, None),
    ("log1p_square", lambda k, r, c: k * mp.log(1 + (r / c) ** 2), with_factor(by_scale), 3.0, None),
    ("damped", lambda k, r, c: k * r * c**2 / (c**2 + r**2), with_factor(by_scale), 3.0, None),
    ("inverse_square", lambda k, r, c: k * c**2 / (c**2 + r**2), with_factor(by_scale), 3.0, None),
    ("one_minus_square", lambda r, c: 1 - (r / c) ** 2, within_scale, 1.5, None),
    ("div_square", lambda x, s: x / s**2, squares, 2.0, None),
    ("div_cube", lambda x, s: x / s**3, squares, 2.5, None),
    ("fair", lambda r, c: c * (abs(r) - c * mp.log1p(abs(r) / c)), by_scale, 3.0, None),
    ("mul_log1p", lambda k, x, c: k * mp.log(1 + abs(x) / c), with_factor(lambda g: np.abs(by_scale(g))), 2.5, None),
    ("scaled_sin", lambda r, c: c * mp.sin(r / c), waves(1.5707), 2.5, None),
    ("scaled_cos", lambda r, c: mp.cos(r / c), waves(3.14), 2.0, None),
    ("welsch", lambda r, c: c**2 / 2 * -mp.expm1(-((r / c) ** 2)), by_scale, 2.5, None),
    ("mul_gauss", lambda k, r, c: k * mp.exp(-((r / c) ** 2)), with_factor(near_scale), 1.7, None),
    ("linex", lambda r, a: mp.expm1(a * r) - a * r, rates, 2.5, None),
    ("linex_slope", lambda r, a: a * mp.expm1(a * r), rates, 1.7, None),
    ("smoothed_pinball", lambda r, q, h: h * mp.log1p(mp.exp(r / h)) - q * r, steps, 2.5, None),
    (
        "smoothed_step", lambda r, q, h: sigmoid(r / h) - q, steps, 2.0,
        largest_summand(lambda r, q, h: (sigmoid(mpf(r) / h), q)),
    ),
    ("logistic_density", lambda r, h: sigmoid(r / h) * sigmoid(-r / h) / h, densities, 4.0, None),
    ("log1p_ratio", lambda x, y: mp.log((1 + x) / (1 + y)), quotients, 3.0, None),
    ("barron", true_barron(0), members, 3.0, None),
    ("barron_slope", true_barron(1), members, 3.0, None),
    ("barron_bend", true_barron(2), members, 3.0, largest_summand(bend_summands)),
]  # fmt: skip
NAMES = [law[0] for law in LAWS]


@pytest.mark.parametrize(("name", "reference", "points", "ceiling", "allowance"), LAWS, ids=NAMES)
def test_error_in_ulp(name, reference, points, ceiling, allowance):
    columns = points(np.random.default_rng(7))
    worst, where = 0.0, None
    for got, *args in zip(apply(name, *columns).tolist(), *(c.tolist() for c in columns), strict=True):
        true = truth(reference, args)
        e = error(got, true, 4 * allowance(*args) if allowance else 0)
        if e > worst:
            worst, where = e, (args, got, mp.nstr(true, 20))
    assert worst <= ceiling, where


@pytest.mark.parametrize("name", NAMES)
def test_nan_in_the_variable_stays(name):
    variable = {3: 1, 2: 0}[arity(name)] if not name.startswith(("barron", "smoothed")) else 0
    args = [0.7] * arity(name)
    args[variable] = NAN
    assert math.isnan(apply(name, *[[a] for a in args])[0])


LIMITS = [
    ("abs_power", (0.0, 0.0, -0.5), 0.0),
    ("abs_power", (2.0, 0.0, 0.0), 2.0),
    ("abs_power", (2.0, 0.0, -0.5), INF),
    ("sign_power", (2.0, -INF, 0.5), -INF),
    ("sign_power", (1.0, 0.0, 0.0), 0.0),
    ("log1p_square", (2.0, -INF, 3.0), INF),
    ("damped", (2.0, INF, 3.0), 0.0),
    ("inverse_square", (2.0, -INF, 3.0), 0.0),
    ("fair", (-INF, 3.0), INF),
    ("welsch", (-INF, 2.0), 2.0),
    ("mul_gauss", (INF, INF, 2.0), 0.0),
    ("linex", (-INF, 2.0), INF),
    ("linex", (INF, 2.0), INF),
    ("linex_slope", (-INF, 2.0), -2.0),
    ("linex_slope", (INF, 2.0), INF),
    ("smoothed_pinball", (INF, 0.25, 2.0), INF),
    ("smoothed_step", (INF, 0.25, 2.0), 0.75),
    ("smoothed_step", (-INF, 0.25, 2.0), -0.25),
    ("logistic_density", (-INF, 2.0), 0.0),
    ("barron", (INF, -INF, 3.0), 9.0),
    ("barron", (INF, -2.0, 3.0), 18.0),
    ("barron", (INF, 0.0, 3.0), INF),
    ("barron_slope", (-INF, 1.0, 3.0), -3.0),
    ("barron_slope", (-INF, 1.5, 3.0), -INF),
    ("barron_slope", (INF, 2.0, 3.0), INF),
    ("barron_bend", (INF, 2.0, 3.0), 1.0),
    ("barron_bend", (INF, 0.0, 3.0), 0.0),
]


@pytest.mark.parametrize(("name", "args", "want"), LIMITS)
def test_limits(name, args, want):
    assert apply(name, *[[a] for a in args])[0] == want


@needs_vectors
@pytest.mark.parametrize("name", NAMES)
def test_a_loop_over_it_vectorises(name):
    apply(name, *[[0.7]] * arity(name))
    assert re.search(r"<\d+ x double>", optimised(loop(name)))
