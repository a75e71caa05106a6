"""The laws of the primitives behind the beta density: truth, points, ceilings and allowances."""

import math

import numpy as np
from mpmath import mp, mpf

from tests.kernels.test_primitives import join, log_uniform, signed, ulp

MANY = 300


def logits_and_precisions(rng):
    n = 40
    f = join((rng.normal(size=n) * 3,), (signed(rng, log_uniform(rng, 1e-12, 740, n)),))[0]
    s = np.where(rng.random(f.size) < 0.7, rng.normal(size=f.size) * 3, rng.uniform(-300, 300, f.size))
    return f, s


def shares_and_logits(rng):
    y = join((rng.random(MANY),), (log_uniform(rng, 1e-300, 1, MANY),), (1 - log_uniform(rng, 1e-15, 1, MANY),))[0]
    near = np.log(y) - np.log1p(-y) + signed(rng, log_uniform(rng, 1e-16, 3, y.size))
    f = np.where(rng.random(y.size) < 0.6, near, signed(rng, log_uniform(rng, 1e-12, 740, y.size)))
    return y, f, np.where(rng.random(y.size) < 0.7, rng.normal(size=y.size) * 3, rng.uniform(-300, 300, y.size))


def true_beta(part):
    def truth_of(y, f, s):
        with mp.workprec(mp.prec + int(4 * (abs(f) + abs(s)))):
            phi, m, rest = mp.exp(s), 1 / (1 + mp.exp(-f)), 1 / (1 + mp.exp(f))
            gap = f - mp.log(y) + mp.log(1 - y)
            return {
                "energy": lambda: phi * (m * mp.log(m / y) + rest * mp.log(rest / (1 - y))),
                "pull": lambda: phi * m * rest * gap,
                "bend": lambda: phi * m * rest * (1 + (rest - m) * gap),
                "slope": lambda: phi * m * rest,
            }[part]()

    return truth_of


def beyond_logit(slope):
    def allowance(y, f, s):
        return abs(true_beta(slope)(mpf(y), mpf(f), mpf(s))) * ulp(max(abs(f), abs(math.log(y) - math.log1p(-y))))

    return allowance


def true_beta_part(part):
    """What a function of a shape and its logarithm is for both shapes, less that of their sum."""

    def truth_of(f, s):
        with mp.workprec(mp.prec + int(5 * (abs(f) + abs(s)))):
            logs = s - mp.log(1 + mp.exp(-f)), s - mp.log(1 + mp.exp(f)), s
            a, b, both = (part(mp.exp(x), x) for x in logs)
            return a + b - both

    return truth_of


def true_beta_slope(part):
    def truth_of(f, s):
        with mp.workprec(mp.prec + int(5 * (abs(f) + abs(s)))):
            m, rest = 1 / (1 + mp.exp(-f)), 1 / (1 + mp.exp(f))
            a, b = mp.exp(s) * m, mp.exp(s) * rest
            slopes = [k * (mp.log(k) - mp.psi(0, k)) for k in (a, b)]
            if part == "tilt":
                return m * slopes[1] - rest * slopes[0]
            bends = [k * (mp.psi(0, k) - mp.log(k) + k * mp.psi(1, k) - 1) for k in (a, b)]
            if part == "sway":
                return rest * bends[0] - m * bends[1]
            return m * rest * sum(slopes) + rest**2 * bends[0] + m**2 * bends[1]

    return truth_of


BETA_LAWS = [
    ("beta_floor", true_beta_part(lambda k, log: mp.loggamma(k) - k * log), logits_and_precisions, 4.0,
     lambda f, s: ulp(max(abs(s) + abs(f), 1))),
    ("beta_lift", true_beta_part(lambda k, log: k * (log - mp.psi(0, k))), logits_and_precisions, 4.0, None),
    ("beta_flex", true_beta_part(lambda k, log: k * (mp.psi(0, k) - log + k * mp.psi(1, k) - 1)),
     logits_and_precisions, 6.0, None),
    ("beta_tilt", true_beta_slope("tilt"), logits_and_precisions, 4.0, lambda f, s: mpf(2) ** -51),
    ("beta_curve", true_beta_slope("curve"), logits_and_precisions, 6.0, None),
    ("beta_sway", true_beta_slope("sway"), logits_and_precisions, 6.0, lambda f, s: mpf(2) ** -54),
    ("beta_energy", true_beta("energy"), shares_and_logits, 3.0, beyond_logit("pull")),
    ("beta_pull", true_beta("pull"), shares_and_logits, 3.0, beyond_logit("slope")),
    ("beta_bend", true_beta("bend"), shares_and_logits, 5.0,
     lambda y, f, s: max(abs(true_beta("slope")(y, f, s)) * mpf(2) ** -52 * (1 + 2 * abs(f)),
                         beyond_logit("slope")(y, f, s))),
]  # fmt: skip
