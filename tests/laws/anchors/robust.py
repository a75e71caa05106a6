"""Anchors of the robust losses of the residual."""

from __future__ import annotations

from math import inf
from typing import Any

import mpmath
import numpy as np
from mpmath import cos, exp, log, mpf
from scipy import optimize, stats

import losskit as lk
from tests.laws.anchors.samples import ZERO, R, bend, mean, same, slope, value


def _barron(y: Any, f: Any, alpha: Any, scale: Any) -> Any:
    z, c2 = ((y - f) / scale) ** 2, mpf(scale) ** 2
    if alpha == 2:
        return c2 * z / 2
    if alpha == 0:
        return c2 * log(z / 2 + 1)
    if alpha == -inf:
        return c2 * (1 - exp(-z / 2))
    alpha = mpf(alpha)
    return c2 * abs(alpha - 2) / alpha * ((z / abs(alpha - 2) + 1) ** (alpha / 2) - 1)


def _hampel(y: Any, f: Any, a: Any, b: Any, c: Any) -> Any:
    x, a, b, c = abs(y - f), mpf(a), mpf(b), mpf(c)
    if x <= a:
        return x**2 / 2
    if x <= b:
        return a * x - a**2 / 2
    return a * (b + c - a) / 2 - (a * (c - x) ** 2 / (2 * (c - b)) if x <= c else 0)


def _wing(y: Any, f: Any, width: Any, curvature: Any) -> Any:
    x, w = abs(y - f), mpf(width)
    return w * log(1 + x / curvature) if x < w else x - (w - w * log(1 + w / curvature))


TEXTBOOK: dict[str, Any] = {
    "Tukey": lambda y, f, c: mpmath.mpf(c) ** 2 / 6 * (1 - max(0, 1 - ((y - f) / c) ** 2) ** 3),
    "Cauchy": lambda y, f, c: mpf(c) ** 2 / 2 * log(1 + ((y - f) / c) ** 2),
    "StudentT": lambda y, f, df, scale: (mpf(df) + 1) / 2 * log(1 + ((y - f) / scale) ** 2 / df),
    "GemanMcClure": lambda y, f, c: (y - f) ** 2 / (1 + ((y - f) / c) ** 2) / 2,
    "Welsch": lambda y, f, c: mpf(c) ** 2 / 2 * (1 - exp(-(((y - f) / c) ** 2))),
    "Barron": _barron,
    "Fair": lambda y, f, c: mpf(c) ** 2 * (abs(y - f) / c - log(1 + abs(y - f) / c)),
    "Hampel": _hampel,
    "Andrews": lambda y, f, c: mpf(c) ** 2 * (1 - cos((y - f) / c) if abs(y - f) <= mpmath.pi * c else 2),
    "TrimmedSquares": lambda y, f, c: min((y - f) ** 2, mpf(c) ** 2) / 2,
    "Wing": _wing,
}


def _efficiency(loss: Any) -> float:
    """The asymptotic efficiency at the normal of the location this loss estimates: (E psi')^2 / E psi^2."""
    x = np.linspace(-12, 12, 400_001)
    density, psi = stats.norm.pdf(x), slope(loss, np.zeros_like(x), x)
    return np.sum(x * psi * density) ** 2 / np.sum(psi**2 * density) * (x[1] - x[0])  # E psi' = E x psi


IDENTITIES: dict[str, Any] = {
    "Tukey of a huge c is half the squared error": lambda: same(value(lk.Tukey(1e9), ZERO, R), R**2 / 2),
    "Tukey's plateau is c squared over six": lambda: same(value(lk.Tukey(2.0), [0.0], [5.0]), [4 / 6]),
    "Cauchy of a huge c is half the squared error": lambda: same(value(lk.Cauchy(1e9), ZERO, R), R**2 / 2, 1e-11),
    "Student's t of many degrees of freedom is half the squared error": lambda: same(
        value(lk.StudentT(1e12, 1.0), ZERO, R), R**2 / 2, 1e-9
    ),
    "Student's t of one degree of freedom is twice Cauchy over its square": lambda: same(
        value(lk.StudentT(1.0, 1.7), ZERO, R), 2 * value(lk.Cauchy(1.7), ZERO, R) / 1.7**2
    ),
    "Geman-McClure's plateau is c squared over two": lambda: same(value(lk.GemanMcClure(2.0), [0.0], [1e300]), [2.0]),
    "Geman-McClure is Black and Rangarajan's x^2/(sigma + x^2), times c squared over two": lambda: same(
        value(lk.GemanMcClure(2.0), ZERO, R), 2 * R**2 / (4 + R**2)
    ),
    "Welsch of a huge c is half the squared error": lambda: same(value(lk.Welsch(1e9), ZERO, R), R**2 / 2, 1e-11),
    "Barron of alpha 2 is half the squared error": lambda: same(value(lk.Barron(2, 1.7), ZERO, R), R**2 / 2),
    "Barron of alpha 1 is pseudo-Huber": lambda: same(
        value(lk.Barron(1, 1.7), ZERO, R), value(lk.PseudoHuber(1.7), ZERO, R)
    ),
    "Barron of alpha 0 is Cauchy": lambda: same(
        value(lk.Barron(0, 1.7), ZERO, R), value(lk.Cauchy(1.7 * 2**0.5), ZERO, R)
    ),
    "Barron of alpha -2 is Geman-McClure": lambda: same(
        value(lk.Barron(-2, 1.7), ZERO, R), value(lk.GemanMcClure(3.4), ZERO, R)
    ),
    "Barron of alpha -inf is Welsch": lambda: same(
        value(lk.Barron(-inf, 1.7), ZERO, R), value(lk.Welsch(1.7 * 2**0.5), ZERO, R)
    ),
    "Barron near its limits is near them": lambda: [
        same(value(lk.Barron(near, 1.7), ZERO, R), value(lk.Barron(at, 1.7), ZERO, R), 1e-6)
        for near, at in ((2 + 1e-9, 2), (2 - 1e-9, 2), (1e-9, 0), (-1e-9, 0), (-1e9, -inf))
    ],
    "Fair of a huge c is half the squared error": lambda: same(value(lk.Fair(1e12), ZERO, R), R**2 / 2, 1e-9),
    "Fair's pull is c r/(c + |r|)": lambda: same(
        slope(lk.Fair(2.0), ZERO, R), 2 * R / (2 + np.abs(R))
    ),
    "Hampel whose corners are far is Huber": lambda: same(
        value(lk.Hampel(1.5, 1e9, 2e9), ZERO, R), value(lk.Huber(1.5), ZERO, R)
    ),
    "Andrews of a huge c is half the squared error": lambda: same(value(lk.Andrews(1e9), ZERO, R), R**2 / 2, 1e-11),
    "Andrews' plateau is twice c squared": lambda: same(value(lk.Andrews(2.0), [0.0], [7.0]), [8.0]),
    "trimmed squares of a huge c are half the squared error": lambda: same(
        value(lk.TrimmedSquares(1e9), ZERO, R), R**2 / 2
    ),
    "the wing is continuous at its width": lambda: same(
        value(lk.Wing(2.0, 0.5), [0.0], [2.0]), value(lk.Wing(2.0, 0.5), [0.0], [np.nextafter(2, 3)]), 1e-14
    ),
    "the tuning constants keep 95 % efficiency at the normal": lambda: [
        same(_efficiency(cls(**cls.tuning)), 0.95, 2e-4)
        for cls in (
            lk.Huber, lk.PseudoHuber, lk.LogCosh, lk.SmoothL1, lk.Tukey, lk.Cauchy, lk.GemanMcClure, lk.Welsch,
            lk.Fair, lk.Hampel, lk.Andrews, lk.TrimmedSquares,
        )
    ],
}  # fmt: skip

ANCHORS: dict[str, Any] = {
    "Tukey": [
        lambda: same(value(lk.Tukey(2.0), [0.0], [1.0]), [4 / 6 * (1 - 27 / 64)]),
        lambda: same(slope(lk.Tukey(), [0.0], [4.685 / 2]), [4.685 / 2 * 9 / 16]),
        lambda: same(bend(lk.Tukey(3.0), ZERO[:2], [0.0, 3 / np.sqrt(5)]), [1, 0]),
    ],
    "Cauchy": [
        lambda: same(value(lk.Cauchy(2.0), [0.0], [2.0]), [2 * np.log(2)]),
        lambda: same(value(lk.Cauchy(2.0), ZERO, R), 2 * (stats.cauchy.logpdf(0) - stats.cauchy.logpdf(R / 2)), 1e-9),
        lambda: same(value(lk.Cauchy(1.0), ZERO, R), _scipy_rho("cauchy", R)),
    ],
    "StudentT": [
        lambda: same(value(lk.StudentT(3.0, 2.0), [0.0], [2 * 3**0.5]), [2 * np.log(2)]),
        lambda: same(
            value(lk.StudentT(4.0, 1.5), ZERO, R),
            stats.t.logpdf(0, 4, scale=1.5) - stats.t.logpdf(R, 4, scale=1.5),
            1e-9,
        ),
        # the score of Lange, Little and Taylor: (df + 1) r/(df scale^2 + r^2)
        lambda: same(slope(lk.StudentT(4.0, 1.5), ZERO, R), 5 * R / (4 * 1.5**2 + R**2)),
    ],
    "GemanMcClure": [
        lambda: same(value(lk.GemanMcClure(2.0), [0.0], [2.0]), [1.0]),
        lambda: same(value(lk.GemanMcClure(1.0), ZERO, R), R**2 / (1 + R**2) / 2),
        # robust_loss_pytorch's documentation: general loss at alpha -2 is 2 x^2/(x^2 + 4)
        lambda: same(value(lk.GemanMcClure(2.0), ZERO, R), 2 * R**2 / (R**2 + 4)),
    ],
    "Welsch": [
        lambda: same(value(lk.Welsch(2.0), [0.0], [2.0]), [2 * (1 - 1 / np.e)]),
        lambda: same(
            value(lk.Welsch(2.0), ZERO, R), 2 * (1 - stats.norm.pdf(R / 2 * 2**0.5) * (2 * np.pi) ** 0.5), 1e-9
        ),
        # MASS-style weight function of Holland and Welsch's table: exp(-(r/c)^2)
        lambda: same(slope(lk.Welsch(2.985), ZERO, R), R * np.exp(-((R / 2.985) ** 2))),
    ],
    "Barron": [
        # Barron (2019), equations 3 to 7 and 11 at x = c: rho is sqrt(2) - 1, log(3/2), 2/5, 1 - exp(-1/2), 1/2
        lambda: [
            same(mean(lk.Barron(alpha, 3.0), [0.0], [3.0]) / 9, wanted)
            for alpha, wanted in ((1, 2**0.5 - 1), (0, np.log(1.5)), (-2, 0.4), (-inf, 1 - np.exp(-0.5)), (2, 0.5))
        ],
        lambda: same(value(lk.Barron(0.5, 1.3), ZERO, R), 1.69 * 3 * ((R**2 / 1.69 / 1.5 + 1) ** 0.25 - 1), 1e-9),
        # the paper's derivative: x/c^2 ((x/c)^2/|alpha - 2| + 1)^(alpha/2 - 1)
        lambda: same(slope(lk.Barron(-1.5, 1.3), ZERO, R), R * (R**2 / 1.69 / 3.5 + 1) ** -1.75),
    ],
    "Fair": [
        lambda: same(value(lk.Fair(2.0), [0.0], [2.0]), [4 * (1 - np.log(2))]),
        lambda: same(value(lk.Fair(1.4), ZERO, R), 1.96 * (np.abs(R) / 1.4 - np.log1p(np.abs(R) / 1.4)), 1e-9),
        lambda: same(slope(lk.Fair(1.3998), ZERO, R), R / (1 + np.abs(R) / 1.3998)),
    ],
    "Hampel": [
        # by the formula in statsmodels' documentation of norms.Hampel
        lambda: same(value(lk.Hampel(), [0.0] * 4, [1.0, 3.0, 6.0, 9.0]), [0.5, 4.0, 9.0, 10.0]),
        lambda: same(
            slope(lk.Hampel(1.7, 3.4, 8.5), ZERO, R),
            np.sign(R) * np.interp(np.abs(R), [0, 1.7, 3.4, 8.5, 99], [0, 1.7, 1.7, 0, 0]),
        ),
        lambda: same(value(lk.Hampel(1.5, 1.5, 2.5), [0.0], [50.0]), [1.5 * 2.5 / 2]),
    ],
    "Andrews": [
        lambda: same(value(lk.Andrews(2.0), [0.0, 0.0], [np.pi, 2 * np.pi]), [4.0, 8.0]),
        lambda: same(value(lk.Andrews(4.0), ZERO, R), 16 * (1 - np.cos(R / 4)), 1e-9),
        # as statsmodels documents the psi of norms.AndrewWave: a sin(z/a) inside a pi
        lambda: same(
            slope(lk.Andrews(), ZERO, R),
            np.where(np.abs(R) <= 1.339 * np.pi, 1.339 * np.sin(R / 1.339), 0),
            1e-9,
        ),
    ],
    "TrimmedSquares": [
        lambda: same(value(lk.TrimmedSquares(2.0), [0.0] * 3, [1.0, 2.0, 5.0]), [0.5, 2.0, 2.0]),
        lambda: same(value(lk.TrimmedSquares(), ZERO, R), np.minimum(R**2, 2.795**2) / 2),
        # of five targets and a cut of 1, the best constant is the mean of the three that fit together
        lambda: same(lk.TrimmedSquares(1.0).constant([0.0, 0.1, 0.5, 7.0, 9.0]), 0.2, 1e-6),
    ],
    "Wing": [
        lambda: same(value(lk.Wing(), [0.0, 0.0], [2.0, 10.0]), [10 * np.log(2), 10 * np.log(6)]),
        # Feng et al. (2018): C = w - w ln(1 + w/epsilon)
        lambda: same(value(lk.Wing(), [0.0], [25.0]), [25 - (10 - 10 * np.log1p(5))]),
        lambda: same(value(lk.Wing(1e3, 2.0), ZERO, R), 1e3 * np.log1p(np.abs(R) / 2)),
    ],
}


def _scipy_rho(name: str, r: Any) -> Any:
    """Half of SciPy's rho of squared residuals, from least_squares' cost at a fixed point."""
    return [optimize.least_squares(lambda x, v=v: x * 0 + v, [0.0], loss=name, max_nfev=1).cost for v in r.tolist()]


TELLING = {
    "Barron": [
        {"alpha": alpha, "scale": scale}
        for alpha, scale in (
            (-inf, 1.3), (-1e4, 2.0), (-2.0, 0.7), (-1e-9, 1.0), (0.0, 30.0), (0.5, 1.0), (1.5, 0.01),
            (2 - 1e-9, 1.0), (2.0, 2.0), (2 + 1e-9, 1.0), (4.5, 3.0), (60.0, 1.0),
        )
    ],
    "Hampel": [{"a": 1.7, "b": 3.4, "c": 8.5}, {"a": 0.5, "b": 0.5, "c": 0.7}, {"a": 0.1, "b": 0.2, "c": 200.0}],
}  # fmt: skip

# where the default's branch does not show all of the formula
INSTANCES = {
    "Barron": [{"alpha": a, "scale": 1.3} for a in (1.0, 0.0, -2.0, -inf, 2.0, 3.0)],
    "StudentT": [{"df": 3.0, "scale": 1.7}],
    "Andrews": [{"c": 2.0}],
    "Wing": [{"width": 3.0, "curvature": 0.7}],
}
