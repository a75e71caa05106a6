"""More rows of the table: primitives of full densities, and what the gamma function leaves to Stirling's formula."""

from __future__ import annotations

from typing import Any

from losskit.calculus.table import _row as row
from losskit.calculus.table import exp, log, mul_exp, sqrt

gaussian_nll = row(
    "gaussian_nll", r"\frac{{{{{0:4}}}^{{2}} \, e^{{-{1:1}}} + {1:0} + \log\left(2 \, \pi\right)}}{{2}}", binds=3,
    partials=(lambda r, s: mul_exp(r, -1.0, s), lambda r, s: (1.0 - mul_exp(r, -0.5, s) ** 2.0) / 2.0),
    exact=lambda mp, r, s: (r**2 * mp.exp(-s) + s + mp.log(2 * mp.pi)) / 2)
gaussian_variance_nll = row(
    "gaussian_variance_nll", r"\frac{{{{{0:4}}}^{{2}} / {1:4} + \log\left(2 \, \pi \, {1:1}\right)}}{{2}}", binds=3,
    partials=(lambda r, v: r / v, lambda r, v: (1.0 - (r / sqrt(v)) ** 2.0) / (2.0 * v)),
    exact=lambda mp, r, v: (r**2 / v + mp.log(2 * mp.pi * v)) / 2)
laplace_nll = row("laplace_nll", r"{0:0} + {1:0} + \log\left(2\right)", binds=0,
                  partials=(lambda a, s: 1.0, lambda a, s: 1.0), face=lambda a, s: a + s + log(2.0))

normal_cdf = row("normal_cdf", r"\Phi\left({0:-1}\right)", partials=(lambda x: normal_pdf(x),),
                 exact=lambda mp, x: mp.erfc(-x / mp.sqrt(2)) / 2)
normal_pdf = row("normal_pdf", r"\varphi\left({0:-1}\right)", partials=(lambda x: -x * normal_pdf(x),),
                 exact=lambda mp, x: mp.exp(-(x**2) / 2) / mp.sqrt(2 * mp.pi))

# of Student's t: r is the residual, s the logarithm of the scale, n the degrees of freedom
_SUM = r"{{{0:4}}}^{{2}} / {2:4} + e^{{2 \, {1:1}}}"
student_log = row("student_log", r"\log\left(1 + \frac{{{{{0:4}}}^{{2}}}}{{{2:1} \, e^{{2 \, {1:1}}}}}\right)",
                  partials=(lambda r, s, n: 2.0 / n * student_pull(r, s, n),
                            lambda r, s, n: -2.0 * student_share(r, s, n), None),
                  face=lambda r, s, n: log(1.0 + r**2.0 / (n * exp(2.0 * s))))
student_pull = row(
    "student_pull", r"\frac{{{0:-1}}}{{" + _SUM + "}}", binds=3,
    partials=(lambda r, s, n: student_bend(r, s, n), lambda r, s, n: -2.0 * student_cross(r, s, n), None),
    face=lambda r, s, n: r / (r**2.0 / n + exp(2.0 * s)))
student_share = row("student_share", r"\frac{{{{{0:4}}}^{{2}} / {2:4}}}{{" + _SUM + "}}", binds=3,
                    partials=(lambda r, s, n: 2.0 / n * student_cross(r, s, n),
                              lambda r, s, n: -2.0 / n * student_spread(r, s, n), None),
                    face=lambda r, s, n: r**2.0 / (r**2.0 + n * exp(2.0 * s)))
_SQUARE = r"{{\left(" + _SUM + r"\right)}}^{{2}}"
student_bend = row("student_bend", r"\frac{{e^{{2 \, {1:1}}} - {{{0:4}}}^{{2}} / {2:4}}}{{" + _SQUARE + "}}", binds=3,
                   partials=(None, None, None),
                   face=lambda r, s, n: (exp(2.0 * s) - r**2.0 / n) / (r**2.0 / n + exp(2.0 * s)) ** 2.0)
student_cross = row("student_cross", r"\frac{{{0:1} \, e^{{2 \, {1:1}}}}}{{" + _SQUARE + "}}", binds=3,
                    partials=(None, None, None),
                    face=lambda r, s, n: r * exp(2.0 * s) / (r**2.0 / n + exp(2.0 * s)) ** 2.0)
student_spread = row("student_spread", r"\frac{{{{{0:4}}}^{{2}} \, e^{{2 \, {1:1}}}}}{{" + _SQUARE + "}}",
                     binds=3, partials=(None, None, None),
                     face=lambda r, s, n: r**2.0 * exp(2.0 * s) / (r**2.0 / n + exp(2.0 * s)) ** 2.0)
student_constant = row(
    "student_constant",
    r"\frac{{\log\left({0:1} \, \pi\right)}}{{2}} + \log\Gamma\left({0:1} / 2\right)"
    r" - \log\Gamma\left(\frac{{{0:0} + 1}}{{2}}\right)", binds=0, partials=(None,),
    exact=lambda mp, n: mp.log(n * mp.pi) / 2 + mp.loggamma(n / 2) - mp.loggamma((n + 1) / 2))

poisson_nll = row("poisson_nll", r"e^{{{1:-1}}} - {0:1} \, {1:1} + \log\Gamma\left({0:0} + 1\right)", binds=0,
                  partials=(None, lambda y, f: exp(f) - y), label="log",
                  exact=lambda mp, y, f: mp.exp(f) - (y * f if y else 0) + mp.loggamma(y + 1))
stirling = row("stirling", r"\log\Gamma\left({0:0} + 1\right) - {0:1} \, \log\left({0:-1}\right) + {0:1}", binds=0,
               partials=(None,), exact=lambda mp, y: mp.loggamma(y + 1) - y * mp.log(y) + y if y else mp.mpf(0))
binet = row("binet", r"\log\Gamma\left({0:-1}\right) - \left({0:0} - \frac{{1}}{{2}}\right) \, \log\left({0:-1}\right) "
            r"+ {0:1} - \frac{{\log\left(2 \, \pi\right)}}{{2}}", binds=0, partials=(None,),
            exact=lambda mp, x: _binet(mp, x))

# of the gamma distribution: f is the logarithm of the mean, a that of the shape
gamma_energy = row(
    "gamma_energy", r"e^{{{2:-1}}} \, \left({1:0} - \log\left({0:-1}\right) + {0:1} \, e^{{-{1:1}}} - 1\right)",
    binds=1,
    partials=(None, lambda y, f, a: gamma_excess(y, f, a), lambda y, f, a: gamma_energy(y, f, a)),
    face=lambda y, f, a: exp(a) * (f - log(y) + y * exp(-f) - 1.0))
gamma_excess = row(
    "gamma_excess", r"e^{{{2:-1}}} \, \left(1 - {0:1} \, e^{{-{1:1}}}\right)", binds=1,
    partials=(None, lambda y, f, a: gamma_pull(y, f, a), lambda y, f, a: gamma_excess(y, f, a)),
    face=lambda y, f, a: exp(a) * (1.0 - y * exp(-f)))
gamma_pull = row("gamma_pull", r"{0:1} \, e^{{{2:0} - {1:1}}}", binds=1,
                 partials=(None, lambda y, f, a: -gamma_pull(y, f, a), lambda y, f, a: gamma_pull(y, f, a)),
                 face=lambda y, f, a: y * exp(a - f))
shape_normaliser = row(
    "shape_normaliser", r"\log\Gamma\left(e^{{{0:-1}}}\right) - {0:1} \, e^{{{0:-1}}} + e^{{{0:-1}}}", binds=0,
    partials=(lambda a: -shape_slope(a),), exact=lambda mp, a: mp.loggamma(mp.exp(a)) - a * mp.exp(a) + mp.exp(a))
shape_slope = row("shape_slope", r"e^{{{0:-1}}} \, \left({0:0} - \psi\left(e^{{{0:-1}}}\right)\right)", binds=1,
                  partials=(lambda a: -shape_bend(a),), exact=lambda mp, a: mp.exp(a) * (a - mp.psi(0, mp.exp(a))))
shape_bend = row(
    "shape_bend", r"e^{{{0:-1}}} \, \left(\psi\left(e^{{{0:-1}}}\right) - {0:1} + e^{{{0:-1}}} \, "
    r"\psi'\left(e^{{{0:-1}}}\right) - 1\right)", binds=1, partials=(None,),
    exact=lambda mp, a: _shape_bend(mp, a, mp.exp(a)))


def _shape_bend(mp: Any, a: Any, k: Any) -> Any:
    return k * (mp.psi(0, k) - a + k * mp.psi(1, k) - 1)


def _binet(mp: Any, x: Any) -> Any:
    return mp.loggamma(x) - (x - mp.mpf(1) / 2) * mp.log(x) + x - mp.log(2 * mp.pi) / 2
