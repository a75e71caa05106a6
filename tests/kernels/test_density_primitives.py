"""The bodies behind full densities and the gamma function's remainders: accuracy in ulp, limits, vector code."""

import math
import re

import numpy as np
import pytest
from mpmath import mp, mpf

from tests.kernels.beta_laws import BETA_LAWS
from tests.kernels.test_primitives import (
    SIGNED,
    SMALLEST,
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
MANY = 300
FEW = 60  # where the truth takes long


def positive(rng):
    edges = [np.nextafter(x, side) for x in (0.25, 1.0, 4.0, 0.5, 2.0) for side in (0.0, x, INF)]
    wide = log_uniform(rng, SMALLEST, 1e308, MANY)
    return join((np.array([*edges, SMALLEST, 1e-310, 1.7e308, 3.0, 7.0, 170.0]),), (wide,),
                (log_uniform(rng, 0.05, 50, MANY),))  # fmt: skip


def normal(rng):
    (x,) = positive(rng)
    return (x[x > 1e-307],)


def with_zero(rng):
    return join((np.array([0.0]),), positive(rng))


def residuals_and_logs(rng):
    r = signed(rng, log_uniform(rng, 1e-300, 1e300, MANY))
    s = 2 * np.log(np.abs(r)) + rng.uniform(-40, 40, MANY)
    return join(grid(SIGNED[::9], [-700.0, -2.5, 0.0, 1e-9, 3.0, 700.0]), (r, s), (r, rng.uniform(-700, 700, MANY)))


def residuals_and_variances(rng):
    r = signed(rng, log_uniform(rng, 1e-150, 1e150, MANY))
    near = r * r * log_uniform(rng, 1e-4, 1e4, MANY)
    any_size = log_uniform(rng, 1e-300, 1e300, MANY)
    return join(grid(SIGNED[::9], [SMALLEST, 1e-8, 1.0, 1.7e308]), (r, near), (r, any_size))


def students(rng):
    r = signed(rng, log_uniform(rng, 1e-100, 1e100, MANY))
    n = log_uniform(rng, 0.1, 1e6, MANY)
    s = np.log(np.abs(r)) + rng.uniform(-20, 20, MANY)
    return join(grid(SIGNED[::15], [-300.0, 0.0, 300.0], [0.5, 4.0]), (r, s, n), (r, rng.uniform(-300, 300, MANY), n))


def energies(rng):
    r, s = residuals_and_logs(rng)
    return np.abs(r), s


def shapes(rng):
    near = signed(rng, log_uniform(rng, 1e-16, 1, 100))
    return join((signed(rng, log_uniform(rng, 1e-3, 300, 120)),), (near,), (rng.uniform(-5, 5, 100),))


def amounts(rng):
    y = log_uniform(rng, 1e-300, 1e300, MANY)
    a = rng.uniform(-300, 300, MANY)
    near = np.log(y) + signed(rng, log_uniform(rng, 1e-15, 3, MANY))
    hard = grid([0.3, 1.0, 17.0], [-800.0, 0.0, 800.0], [-300.0, 2.0])
    return join((y, rng.uniform(-700, 700, MANY), a), (y, near, a), hard)


def zeros(rng):
    f = join((rng.uniform(-5, 7, FEW),), (signed(rng, log_uniform(rng, 1e-12, 740, FEW)),))[0]
    return f, signed(rng, log_uniform(rng, 1e-12, 740, f.size))


def zeros_and_powers(rng):
    f, z = zeros(rng)
    return f, z, rng.integers(0, 3, f.size).astype(float)


def logarithms(rng):
    return join((signed(rng, log_uniform(rng, 1e-12, 740, FEW)),), (rng.uniform(-22, 5, FEW),), (np.array([709.5]),))


def counts_and_logs(rng):
    y = np.floor(log_uniform(rng, 1, 1e6, FEW))
    near = np.log(y) + signed(rng, log_uniform(rng, 1e-15, 3, FEW))
    return join(grid([1.0, 2.0, 1e300], [-740.0, -3.0, 2.0]), (y, near), (y, rng.uniform(-300, 300, FEW)))


def dispersed(rng):
    y, f = counts_and_logs(rng)
    a = np.where(rng.random(y.size) < 0.7, rng.uniform(-8, 8, y.size), rng.uniform(-740, 740, y.size))
    hard = grid([0.0, 40.0], [-745.2, 1.0, 700.0], [-745.2, 700.0])
    return join((y, f, a), (0 * y[:30], f[-30:], a[-30:]), hard)


def counts_and_dispersions(rng):
    y = np.floor(log_uniform(rng, 0.5, 100, FEW))
    return join((y, rng.uniform(-8, 8, FEW)), (y, rng.uniform(-740, 740, FEW)))


def true_dispersed(part):
    def truth_of(y, f, a):
        with mp.workprec(mp.prec + 3000):
            mean, r = mp.exp(f), mp.exp(-a)
            v, rise = (mean - y) / (mean + r), mp.log((mean + r) / (y + r))
            return {
                "deviance": lambda: (y * (mp.log(y) - f) if y else 0) + (y + r) * rise,
                "pull": lambda: (mean - y) / (1 + mean / r),
                "cross": lambda: (mean - y) / (1 + mean / r) * mean / (mean + r),
                "bend": lambda: (y + r) * mean * r / (mean + r) ** 2,
                "sag": lambda: r * (v - rise),
                "sway": lambda: -r * (v - rise) - r * v**2 * r / (y + r),
            }[part]()

    return truth_of


def sway_summands(y, f, a):
    with mp.workprec(5000):
        y, mean, r = mpf(y), mp.exp(mpf(f)), mp.exp(-mpf(a))
        v, rise = (mean - y) / (mean + r), mp.log((mean + r) / (y + r))
        if v < -1:
            return [r * rise, r * v * mean / (mean + r), r * v * r / (y + r)]
        return [r * (v - rise), r * v**2 * r / (y + r)]


def by_mean(slope):
    """The allowance of a deviance, for what has this slope by f: f - log y is not known better."""
    return lambda y, f, *a: abs(slope(y, mpf(f), *map(mpf, a))) * math.ulp(max(abs(f), abs(math.log(y or 1))))


def true_floor(order):
    """By sums over the counts below y."""

    def truth_of(y, a):
        if not y:
            return mpf(0)
        with mp.workprec(mp.prec + 2500):
            r = mp.exp(-a)
            steps, logarithm = [r + k for k in range(int(y))], mp.log((y + r) / r)
            if order == 0:
                return mp.log(mp.factorial(int(y))) - mp.log(mp.fprod(steps)) + r * logarithm + (
                    y * mp.log((y + r) / y))
            first, second = mp.fsum(1 / s for s in steps), mp.fsum(1 / (s * s) for s in steps)
            slope = r * (first - logarithm)
            return slope if order == 1 else -slope + r**2 * (second + 1 / (y + r) - 1 / r)

    return truth_of


def shifted(f, z):
    return mp.exp(-(z + mp.exp(f)))


def true_binet(x):
    with mp.workprec(mp.prec + 2500):  # what cancels
        return _binet(x)


def true_stirling(y):
    with mp.workprec(mp.prec + 2500):
        return mp.loggamma(y + 1) - y * mp.log(y) + y if y else mpf(0)


def _binet(x):
    return mp.loggamma(x) - (x - mpf(1) / 2) * mp.log(x) + x - mp.log(2 * mp.pi) / 2


def true_student(n):
    with mp.workprec(mp.prec + 1200):
        return _student(n)


def _student(n):
    return mp.log(n * mp.pi) / 2 + mp.loggamma(n / 2) - mp.loggamma((n + 1) / 2)


def spread(r, s, n):
    return r**2 / n + mp.exp(2 * s)


def tail_points(rng):
    return join((SIGNED[np.abs(SIGNED) < 1e160],), (signed(rng, log_uniform(rng, 1e-10, 39, MANY)),),
                (rng.uniform(-5, 5, MANY),))  # fmt: skip


def distances_in_scales(rng):
    m = signed(rng, log_uniform(rng, 1e-3, 1e3, MANY))
    y = m + signed(rng, log_uniform(rng, 1e-10, 1e3, MANY))
    t = np.log(np.abs(y - m)) - np.log(rng.uniform(1e-3, 38, MANY))
    return join(grid([0.0, 5e-324, 1.0, 1.7e308], [0.0, -1.0], [-745.0, 0.0, 3.0, 745.0]), (y, m, t))


LAWS = [
    ("decay", lambda y, m, t: mp.exp(-abs(y - m) * mp.exp(-t)), distances_in_scales, 2.0, None),
    ("half_decay", lambda y, m, t: mp.exp(-abs(y - m) * mp.exp(-t) / 2), distances_in_scales, 2.0, None),
    ("half_bell", lambda y, m, t: mp.exp(-(((y - m) * mp.exp(-t)) ** 2) / 4), distances_in_scales, 2.0, None),
    ("bell", lambda y, m, t: mp.npdf((y - m) * mp.exp(-t)), distances_in_scales, 2.5, None),
    ("normal_cdf", lambda x: mp.erfc(-x / mp.sqrt(2)) / 2, tail_points, 1.5, None),
    ("normal_within", lambda x: mp.erf(x / mp.sqrt(2)), tail_points, 1.5, None),
    ("normal_pdf", lambda x: mp.exp(-(x**2) / 2) / mp.sqrt(2 * mp.pi), tail_points, 0.6, None),
    ("binet", true_binet, positive, 2.0, None),
    ("stirling", true_stirling, with_zero, 2.0, None),
    ("student_constant", true_student, normal, 3.0, None),
    ("gaussian_nll", lambda r, s: (r**2 * mp.exp(-s) + s + mp.log(2 * mp.pi)) / 2, residuals_and_logs, 4.0,
     largest_summand(lambda r, s: (mpf(r) ** 2 * mp.exp(-mpf(s)) / 2, mpf(s) / 2, mpf(0.9)))),
    ("gaussian_variance_nll", lambda r, v: (r**2 / v + mp.log(2 * mp.pi * v)) / 2, residuals_and_variances, 4.0,
     largest_summand(lambda r, v: (mpf(r) ** 2 / v / 2, mp.log(mpf(v)) / 2, mpf(0.9)))),
    ("laplace_nll", lambda a, s: a + s + mp.log(2), energies, 0.5,
     lambda a, s: mpf(2) ** -105 * max(a, abs(s), 1)),
    ("student_log", lambda r, s, n: mp.log(1 + r**2 / (n * mp.exp(2 * s))), students, 5.0, None),
    ("student_pull", lambda r, s, n: r / spread(r, s, n), students, 6.0, None),
    ("student_share", lambda r, s, n: r**2 / n / spread(r, s, n), students, 6.0, None),
    ("student_cross", lambda r, s, n: r * mp.exp(2 * s) / spread(r, s, n) ** 2, students, 8.0, None),
    ("student_spread", lambda r, s, n: r**2 * mp.exp(2 * s) / spread(r, s, n) ** 2, students, 8.0, None),
    ("student_bend", lambda r, s, n: (mp.exp(2 * s) - r**2 / n) / spread(r, s, n) ** 2, students, 8.0,
     largest_summand(lambda r, s, n: [4 * x / spread(mpf(r), mpf(s), mpf(n)) ** 2
                                      for x in (mp.exp(2 * mpf(s)), mpf(r) ** 2 / n)])),
]  # fmt: skip
LAWS += [
    ("shape_normaliser", lambda a: mp.loggamma(mp.exp(a)) - a * mp.exp(a) + mp.exp(a), shapes, 2.0,
     lambda a: mpf(2) ** -52 * max(abs(a), 1)),
    ("shape_slope", lambda a: mp.exp(a) * (a - mp.psi(0, mp.exp(a))), shapes, 2.5, None),
    ("shape_bend", lambda a: mp.exp(a) * (mp.psi(0, mp.exp(a)) - a + mp.exp(a) * mp.psi(1, mp.exp(a)) - 1), shapes,
     5.0, None),
    ("gamma_pull", lambda y, f, a: y * mp.exp(a - f), amounts, 6.0, None),
    ("gamma_excess", lambda y, f, a: mp.exp(a) * (1 - y * mp.exp(-f)), amounts, 5.0,
     largest_summand(lambda y, f, a: [mp.exp(mpf(a)), y * mp.exp(mpf(a) - f)])),
    ("gamma_energy", lambda y, f, a: mp.exp(a) * (f - mp.log(y) + y * mp.exp(-f) - 1), amounts, 5.0,
     lambda y, f, a: abs(mp.exp(mpf(a)) * (1 - y * mp.exp(-mpf(f)))) * math.ulp(max(abs(f), abs(math.log(y))))),
]  # fmt: skip
LAWS += [
    ("zero_share", lambda f, z: 1 / (1 + shifted(f, z)), zeros, 3.0, None),
    ("zero_rest", lambda f, z, k: mp.exp(k * f) * shifted(f, z) / (1 + shifted(f, z)), zeros_and_powers, 3.0, None),
    ("zero_nll", lambda f, z: mp.log(1 + mp.exp(z)) - mp.log(mp.exp(z) + mp.exp(-mp.exp(f))), zeros, 5.0, None),
    ("truncated_poisson_nll", lambda y, f: mp.log(mp.expm1(mp.exp(f))) - y * f + mp.loggamma(y + 1), counts_and_logs,
     4.0, by_mean(lambda y, f: mp.exp(f) - y)),
    ("truncated_excess", lambda f: mp.exp(f) / -mp.expm1(-mp.exp(f)) - 1, logarithms, 4.0, None),
    ("truncated_bend", lambda f: mp.exp(f) / -mp.expm1(-mp.exp(f)) * (1 - mp.exp(f) / mp.expm1(mp.exp(f))), logarithms,
     5.0, None),
    ("dispersed_deviance", true_dispersed("deviance"), dispersed, 6.0, by_mean(true_dispersed("pull"))),
    ("dispersed_share", lambda f, a: 1 / (1 + mp.exp(-mpf(f) - mpf(a))), lambda rng: dispersed(rng)[1:], 3.0, None),
    ("dispersed_pull", true_dispersed("pull"), dispersed, 4.0, by_mean(true_dispersed("bend"))),
    ("dispersed_cross", true_dispersed("cross"), dispersed, 5.0, by_mean(true_dispersed("bend"))),
    ("dispersed_bend", true_dispersed("bend"), dispersed, 5.0, None),
    ("dispersed_sag", true_dispersed("sag"), dispersed, 8.0, by_mean(true_dispersed("cross"))),
    ("dispersed_sway", true_dispersed("sway"), dispersed, 8.0, lambda y, f, a: max(
        largest_summand(sway_summands)(y, f, a), 2 * by_mean(true_dispersed("cross"))(y, f, a))),
    ("dispersed_floor", true_floor(0), counts_and_dispersions, 4.0, None),
    ("dispersed_floor_slope", true_floor(1), counts_and_dispersions, 4.0, None),
    ("dispersed_floor_bend", true_floor(2), counts_and_dispersions, 6.0, None),
]  # fmt: skip
LAWS += BETA_LAWS
# what the laws of a loss meet in full as well, and takes long to compile
SLOW = ("beta", "dispersed", "zero", "truncated")
EACH = [pytest.param(*law, id=law[0], marks=[pytest.mark.slow] * law[0].startswith(SLOW)) for law in LAWS]
NAMES = [pytest.param(case.id, marks=case.marks) for case in EACH]


@pytest.mark.parametrize(("name", "reference", "points", "ceiling", "allowance"), EACH)
def test_error_in_ulp(name, reference, points, ceiling, allowance):
    columns = points(np.random.default_rng(7))
    worst, where = 0.0, None
    for got, *args in zip(apply(name, *columns).tolist(), *(c.tolist() for c in columns), strict=True):
        e = error(got, truth(reference, args), allowance(*args) if allowance else 0)
        if e > worst:
            worst, where = e, (args, got)
    assert worst <= ceiling, (worst, where)


@pytest.mark.parametrize("name", NAMES)
def test_nan_in_any_argument_stays(name):
    for which in range(arity(name)):
        args = [0.7] * arity(name)
        args[which] = NAN
        assert math.isnan(apply(name, *[[a] for a in args])[0]), which


LIMITS = [
    ("decay", (INF, 0.0, 0.0), 0.0),
    ("decay", (1.0, 0.0, INF), 1.0),
    ("decay", (1.0, 0.0, -INF), 0.0),
    ("bell", (INF, 0.0, 0.0), 0.0),
    ("normal_cdf", (INF,), 1.0),
    ("normal_cdf", (-INF,), 0.0),
    ("normal_within", (INF,), 1.0),
    ("normal_within", (-INF,), -1.0),
    ("normal_within", (5e-324,), 5e-324),
    ("normal_pdf", (-INF,), 0.0),
    ("zero_share", (INF, -3.0), 1.0),
    ("zero_rest", (INF, -3.0, 2.0), 0.0),
    ("zero_nll", (2.0, -INF), math.exp(2.0)),
    ("zero_nll", (2.0, INF), 0.0),
    ("zero_nll", (-INF, 2.0), 0.0),
    ("truncated_poisson_nll", (1.0, -INF), 0.0),
    ("truncated_poisson_nll", (2.0, -INF), INF),
    ("truncated_poisson_nll", (2.0, INF), INF),
    ("truncated_excess", (INF,), INF),
    ("truncated_bend", (-INF,), 0.0),
    ("dispersed_pull", (3.0, 0.0, -INF), -2.0),
    ("dispersed_sag", (3.0, 0.0, -INF), 0.0),
    ("dispersed_floor_slope", (3.0, -INF), 0.0),
    ("dispersed_floor_bend", (3.0, -INF), 0.0),
    ("binet", (0.0,), INF),
    ("binet", (INF,), 0.0),
    ("stirling", (INF,), INF),
    ("student_constant", (INF,), 0.9189385332046728),
    ("gaussian_nll", (0.0, INF), INF),
    ("gaussian_nll", (1.0, -INF), INF),
    ("gaussian_nll", (INF, 0.0), INF),
    ("gaussian_variance_nll", (INF, 1.0), INF),
    ("laplace_nll", (INF, 2.0), INF),
    ("laplace_nll", (0.0, -INF), -INF),
    ("student_log", (INF, 0.0, 4.0), INF),
    ("student_log", (0.0, 0.0, 4.0), 0.0),
    ("student_share", (INF, 0.0, 4.0), 1.0),
    ("student_share", (0.0, 0.0, 4.0), 0.0),
    ("student_pull", (-INF, 0.0, 4.0), 0.0),
    ("student_cross", (0.0, 0.0, 4.0), 0.0),
    ("student_spread", (INF, 0.0, 4.0), 0.0),
    ("student_bend", (0.0, 0.0, 4.0), 1.0),
    ("student_bend", (INF, 0.0, 4.0), 0.0),
]


@pytest.mark.parametrize(("name", "args", "want"), LIMITS)
def test_limits(name, args, want):
    assert apply(name, *[[a] for a in args])[0] == want


@needs_vectors
@pytest.mark.parametrize("name", NAMES)
def test_a_loop_over_it_vectorises(name):
    apply(name, *[[0.7]] * arity(name))
    assert re.search(r"<\d+ x double>", optimised(loop(name)))
