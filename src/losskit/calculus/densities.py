"""More rows of the table: primitives of full densities, and what the gamma function leaves to Stirling's formula."""

from __future__ import annotations

from typing import Any

from losskit.calculus.table import _row as row
from losskit.calculus.table import exp, expm1, log, mul_exp, sigmoid, sqrt

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

# of counts with more or fewer zeros than Poisson's: f is the logarithm of its mean, z a logit
_EXTRA = r"e^{{-\left({1:0} + e^{{{0:-1}}}\right)}}"
zero_nll = row(
    "zero_nll", r"-\log\left(\sigma\left({1:-1}\right) + \sigma\left(-{1:1}\right) \, e^{{-e^{{{0:-1}}}}}\right)",
    binds=0,
    partials=(lambda f, z: zero_rest(f, z, 1.0), lambda f, z: sigmoid(-z) * zero_share(f, z) * expm1(-exp(f))),
    face=lambda f, z: log(1.0 + exp(z)) - log(exp(z) + exp(-exp(f))))
zero_share = row("zero_share", r"\frac{{1}}{{1 + " + _EXTRA + "}}", binds=3,
                 partials=(lambda f, z: zero_rest(f, z, 1.0) * zero_share(f, z),
                           lambda f, z: zero_rest(f, z, 0.0) * zero_share(f, z)),
                 face=lambda f, z: 1.0 / (1.0 + exp(-z - exp(f))))
zero_rest = row("zero_rest", r"\frac{{e^{{{2:1} \, {0:1}}}}}{{1 + e^{{{1:0} + e^{{{0:-1}}}}}}}", binds=3,
                partials=(lambda f, z, k: k * zero_rest(f, z, k) - zero_rest(f, z, k + 1.0) * zero_share(f, z),
                          lambda f, z, k: -(zero_rest(f, z, k) * zero_share(f, z)), None),
                face=lambda f, z, k: exp(k * f) / (1.0 + exp(z + exp(f))))
truncated_poisson_nll = row(
    "truncated_poisson_nll",
    r"\log\left(e^{{e^{{{1:-1}}}}} - 1\right) - {0:1} \, {1:1} + \log\Gamma\left({0:0} + 1\right)", binds=0,
    partials=(None, lambda y, f: truncated_excess(f) - (y - 1.0)), label="log",
    exact=lambda mp, y, f: mp.log(mp.expm1(mp.exp(f))) - y * f + mp.loggamma(y + 1))
truncated_excess = row("truncated_excess", r"\frac{{e^{{{0:-1}}}}}{{1 - e^{{-e^{{{0:-1}}}}}}} - 1", binds=0,
                       partials=(lambda f: truncated_bend(f),), face=lambda f: exp(f) / (1.0 - exp(-exp(f))) - 1.0)
truncated_bend = row(
    "truncated_bend", r"\frac{{e^{{{0:-1}}}}}{{1 - e^{{-e^{{{0:-1}}}}}}} \, "
    r"\left(1 - \frac{{e^{{{0:-1}}}}}{{e^{{e^{{{0:-1}}}}} - 1}}\right)", binds=1, partials=(None,),
    face=lambda f: exp(f) / (1.0 - exp(-exp(f))) * (1.0 - exp(f) / (exp(exp(f)) - 1.0)))

# of the negative binomial: f is the logarithm of its mean, a that of its dispersion, r = e^-a, p = mu/(mu + r)
_R, _MU, _P = "e^{{-{2:1}}}", "e^{{{1:-1}}}", r"\sigma\left({1:0} + {2:1}\right)"
dispersed_deviance = row(
    "dispersed_deviance", rf"{{0:1}} \, \log\left(\frac{{{{{{0:-1}}}}}}{{{{{_MU}}}}}\right) "
    rf"- \left({{0:0}} + {_R}\right) \, \log\left(\frac{{{{{{0:0}} + {_R}}}}}{{{{{_MU} + {_R}}}}}\right)", binds=0,
    partials=(None, lambda y, f, a: dispersed_pull(y, f, a), lambda y, f, a: dispersed_sag(y, f, a)),
    exact=lambda mp, y, f, a: (y * (mp.log(y) - f) if y else 0)
    - (y + mp.exp(-a)) * mp.log((y + mp.exp(-a)) / (mp.exp(f) + mp.exp(-a))))
dispersed_pull = row(
    "dispersed_pull", r"\frac{{e^{{{1:-1}}} - {0:1}}}{{1 + e^{{{1:0} + {2:0}}}}}", binds=3,
    partials=(None, lambda y, f, a: dispersed_bend(y, f, a), lambda y, f, a: -dispersed_cross(y, f, a)),
    face=lambda y, f, a: (exp(f) - y) / (1.0 + exp(f + a)))
dispersed_bend = row("dispersed_bend", rf"\left({{0:0}} + {_R}\right) \, \sigma'\left({{1:0}} + {{2:0}}\right)",
                     binds=1, partials=(None, None, None),
                     face=lambda y, f, a: (y + exp(-a)) / ((1.0 + exp(f + a)) * (1.0 + exp(-f - a))))
dispersed_cross = row(
    "dispersed_cross", r"\frac{{e^{{{1:-1}}} - {0:1}}}{{1 + e^{{{1:0} + {2:0}}}}} \, " + _P, binds=1,
    partials=(None, None, None), face=lambda y, f, a: (exp(f) - y) / ((1.0 + exp(f + a)) * (1.0 + exp(-f - a))))
_V = rf"\frac{{{{{_MU} - {{0:1}}}}}}{{{{{_MU} + {_R}}}}}"
dispersed_sag = row(
    "dispersed_sag", rf"{_R} \, \left({_V} + \log\left(1 - {_V}\right)\right)", binds=1,
    partials=(None, lambda y, f, a: -dispersed_cross(y, f, a), lambda y, f, a: dispersed_sway(y, f, a)),
    face=lambda y, f, a: exp(-a) * ((exp(f) - y) / (exp(f) + exp(-a)) + log((y + exp(-a)) / (exp(f) + exp(-a)))))
_Q = rf"\frac{{{{{{0:-1}}}}}}{{{{{{0:0}} + {_R}}}}}"
dispersed_sway = row(
    "dispersed_sway", rf"{_R} \, \left(\log\left(\frac{{{{{_MU} + {_R}}}}}{{{{{{0:0}} + {_R}}}}}\right) - {_V} - "
    rf"{{{{\left({_V}\right)}}}}^{{{{2}}}} \, \left(1 - {_Q}\right)\right)", binds=1,
    partials=(None, None, None), exact=lambda mp, y, f, a: _dispersed_sway(mp, y, mp.exp(f), mp.exp(-a)))
# what the density has where the mean is y; G(x) = log Gamma(x) - x log x + x is left of log(y!), Gamma(r), Gamma(y + r)
_S, _LOGS = r"{0:0} + e^{{-{1:1}}}", r"\log\left({0:0} + e^{{-{1:1}}}\right)"
dispersed_floor = row(
    "dispersed_floor", r"\log\Gamma\left({0:0} + 1\right) - {0:1} \, \log\left({0:-1}\right) "
    r"+ \log\Gamma\left(e^{{-{1:1}}}\right) + {1:1} \, e^{{-{1:1}}} "
    rf"- \log\Gamma\left({_S}\right) + \left({_S}\right) \, {_LOGS}", binds=0,
    partials=(None, lambda y, a: dispersed_floor_slope(y, a)),
    exact=lambda mp, y, a: _dispersed_floor(mp, y, mp.exp(-a)) if y else mp.mpf(0))
dispersed_floor_slope = row(
    "dispersed_floor_slope", rf"e^{{{{-{{1:1}}}}}} \, \left(\psi\left({_S}\right) - {_LOGS} "
    r"- \psi\left(e^{{-{1:1}}}\right) - {1:1}\right)", binds=1,
    partials=(None, lambda y, a: dispersed_floor_bend(y, a)),
    exact=lambda mp, y, a: _dispersed_floor_slope(mp, y, mp.exp(-a)))
dispersed_floor_bend = row(
    "dispersed_floor_bend", r"e^{{-{1:1}}} \, \left("
    rf"\psi\left(e^{{{{-{{1:1}}}}}}\right) + {{1:1}} + e^{{{{-{{1:1}}}}}} \, \psi'\left(e^{{{{-{{1:1}}}}}}\right) - 1 "
    rf"- \psi\left({_S}\right) + {_LOGS} - e^{{{{-{{1:1}}}}}} \, \psi'\left({_S}\right) "
    rf"+ \frac{{{{e^{{{{-{{1:1}}}}}}}}}}{{{{{_S}}}}}\right)", binds=1, partials=(None, None),
    exact=lambda mp, y, a: _dispersed_floor_bend(mp, y, mp.exp(-a)))

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


def _dispersed_sway(mp: Any, y: Any, mean: Any, r: Any) -> Any:
    v = (mean - y) / (mean + r)
    return r * (mp.log((mean + r) / (y + r)) - v - v**2 * r / (y + r))


def _rising(mp: Any, y: Any, r: Any, order: int) -> Any:
    """log Gamma(y + r) - log Gamma(r) for whole y, or its first or second derivative by r."""
    if y > 1000:
        return mp.loggamma(y + r) - mp.loggamma(r) if order == 0 else mp.psi(order - 1, y + r) - mp.psi(order - 1, r)
    steps = [r + k for k in range(int(y))]
    if order == 0:
        return mp.log(mp.fprod(steps))
    return mp.fsum(1 / s for s in steps) if order == 1 else -mp.fsum(s**-2 for s in steps)


def _dispersed_floor(mp: Any, y: Any, r: Any) -> Any:
    return mp.loggamma(y + 1) - y * mp.log(y) - _rising(mp, y, r, 0) - r * mp.log(r) + (y + r) * mp.log(y + r)


def _dispersed_floor_slope(mp: Any, y: Any, r: Any) -> Any:
    return r * (_rising(mp, y, r, 1) - mp.log((y + r) / r))


def _dispersed_floor_bend(mp: Any, y: Any, r: Any) -> Any:
    """-r d/dr of the slope."""
    gap = _rising(mp, y, r, 1) - mp.log((y + r) / r)
    return -r * (gap + r * (_rising(mp, y, r, 2) - 1 / (y + r) + 1 / r))


def _binet(mp: Any, x: Any) -> Any:
    return mp.loggamma(x) - (x - mp.mpf(1) / 2) * mp.log(x) + x - mp.log(2 * mp.pi) / 2
