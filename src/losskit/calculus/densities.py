"""More rows of the table: primitives of full densities, and what the gamma function leaves to Stirling's formula."""

from __future__ import annotations

from functools import lru_cache
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
normal_within = row("normal_within", r"2 \, \Phi\left({0:-1}\right) - 1", binds=0,
                    partials=(lambda x: 2.0 * normal_pdf(x),), exact=lambda mp, x: mp.erf(x / mp.sqrt(2)))
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
dispersed_share = row("dispersed_share", r"\sigma\left({0:0} + {1:1}\right)", binds=3, partials=(None, None),
                      face=lambda f, a: 1.0 / (1.0 + exp(-f - a)))
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


# of the beta distribution: f is the logit of the mean m, s the logarithm of the precision phi, the sum of both shapes
_PHI, _M, _N = "e^{{{1:-1}}}", r"\sigma\left({0:-1}\right)", r"\sigma\left(-{0:1}\right)"
_A, _B, _U = rf"{_PHI} \, {_M}", rf"{_PHI} \, {_N}", rf"{_PHI} \, {_M} \, {_N}"
_GAP = rf"\psi\left({_A}\right) - \psi\left({_B}\right) - {{0:1}}"
beta_floor = row(
    "beta_floor", rf"\log\Gamma\left({_A}\right) + \log\Gamma\left({_B}\right) - \log\Gamma\left({_PHI}\right) "
    rf"- {_A} \, \log\left({_A}\right) - {_B} \, \log\left({_B}\right) + {{1:1}} \, {_PHI}", binds=0,
    partials=(lambda f, s: beta_tilt(f, s), lambda f, s: -beta_lift(f, s)),
    exact=lambda mp, f, s: _over_shapes(mp, f, s, lambda k: _gamma(mp, mp.prec, -1, k) - k * mp.log(k)))
beta_lift = row(
    "beta_lift", rf"{_A} \, \left(\log\left({_A}\right) - \psi\left({_A}\right)\right) "
    rf"+ {_B} \, \left(\log\left({_B}\right) - \psi\left({_B}\right)\right) "
    rf"- {_PHI} \, \left({{1:0}} - \psi\left({_PHI}\right)\right)", binds=0,
    partials=(lambda f, s: -beta_sway(f, s), lambda f, s: -beta_flex(f, s)),
    exact=lambda mp, f, s: _over_shapes(mp, f, s, lambda k: k * (mp.log(k) - _gamma(mp, mp.prec, 0, k))))
beta_flex = row(
    "beta_flex", rf"{_A} \, \left(\psi\left({_A}\right) - \log\left({_A}\right) + {_A} \, \psi'\left({_A}\right)\right)"
    rf" + {_B} \, \left(\psi\left({_B}\right) - \log\left({_B}\right) + {_B} \, \psi'\left({_B}\right)\right)"
    rf" - {_PHI} \, \left(\psi\left({_PHI}\right) - {{1:1}} + {_PHI} \, \psi'\left({_PHI}\right)\right)", binds=0,
    partials=(None, None), exact=lambda mp, f, s: _over_shapes(mp, f, s, lambda k: _shape_bend(mp, mp.log(k), k)))
beta_tilt = row(
    "beta_tilt", rf"{_U} \, \left({_GAP}\right)", binds=1,
    partials=(lambda f, s: beta_curve(f, s), lambda f, s: beta_sway(f, s)),
    exact=lambda mp, f, s: _beta_slopes(mp, f, s)[0])
beta_curve = row(
    "beta_curve", rf"{_U} \, \left(\left(1 - 2 \, {_M}\right) \, \left({_GAP}\right) + {_U} \, "
    rf"\left(\psi'\left({_A}\right) + \psi'\left({_B}\right)\right) - 1\right)", binds=1,
    partials=(None, None), exact=lambda mp, f, s: _beta_slopes(mp, f, s)[1])
beta_sway = row(
    "beta_sway", rf"{_U} \, \left({_GAP} + {_A} \, \psi'\left({_A}\right) - {_B} \, \psi'\left({_B}\right)\right)",
    binds=1, partials=(None, None), exact=lambda mp, f, s: _beta_slopes(mp, f, s)[2])
_PHI, _M, _N = "e^{{{2:-1}}}", r"\sigma\left({1:-1}\right)", r"\sigma\left(-{1:1}\right)"
_D = r"{1:0} - \log\left(\frac{{{0:-1}}}{{1 - {0:1}}}\right)"
beta_energy = row(
    "beta_energy", rf"{_PHI} \, \left({_M} \, \log\left(\frac{{{{{_M}}}}}{{{{{{0:-1}}}}}}\right) "
    rf"+ {_N} \, \log\left(\frac{{{{{_N}}}}}{{{{1 - {{0:1}}}}}}\right)\right)", binds=1,
    partials=(None, lambda y, f, s: beta_pull(y, f, s), lambda y, f, s: beta_energy(y, f, s)),
    exact=lambda mp, y, f, s: mp.exp(s) * sum(
        m * mp.log(m / x) for m, x in zip(_beta_shares(mp, f), (y, 1 - y), strict=True)))
beta_pull = row(
    "beta_pull", rf"{_PHI} \, {_M} \, {_N} \, \left({_D}\right)", binds=1,
    partials=(None, lambda y, f, s: beta_bend(y, f, s), lambda y, f, s: beta_pull(y, f, s)),
    face=lambda y, f, s: exp(s) / ((1.0 + exp(f)) * (1.0 + exp(-f))) * (f - log(y) + log(1.0 - y)))
beta_bend = row(
    "beta_bend", rf"{_PHI} \, {_M} \, {_N} \, \left(1 + \left(1 - 2 \, {_M}\right) \, \left({_D}\right)\right)",
    binds=1, partials=(None, None, None),
    face=lambda y, f, s: exp(s) / ((1.0 + exp(f)) * (1.0 + exp(-f)))
    * (1.0 + (1.0 - exp(f)) / (1.0 + exp(f)) * (f - log(y) + log(1.0 - y))))


def _shape_bend(mp: Any, a: Any, k: Any) -> Any:
    return k * (_gamma(mp, mp.prec, 0, k) - a + k * _gamma(mp, mp.prec, 1, k) - 1)


@lru_cache(maxsize=64)
def _gamma(mp: Any, precision: int, order: int, k: Any) -> Any:
    """log Gamma(k) for order -1, else its derivative of order + 1: dear where the oracle needs thousands of bits."""
    return mp.loggamma(k) if order < 0 else mp.psi(order, k)


def _beta_shares(mp: Any, f: Any) -> tuple[Any, Any]:
    return 1 / (1 + mp.exp(-f)), 1 / (1 + mp.exp(f))


def _over_shapes(mp: Any, f: Any, s: Any, part: Any) -> Any:
    m, rest = _beta_shares(mp, f)
    return part(mp.exp(s) * m) + part(mp.exp(s) * rest) - part(mp.exp(s))


def _beta_slopes(mp: Any, f: Any, s: Any) -> tuple[Any, Any, Any]:
    m, rest = _beta_shares(mp, f)
    a, b, u = mp.exp(s) * m, mp.exp(s) * rest, mp.exp(s) * m * rest
    gap = _gamma(mp, mp.prec, 0, a) - _gamma(mp, mp.prec, 0, b) - f
    trends = [_gamma(mp, mp.prec, 1, k) for k in (a, b)]
    curve = (1 - 2 * m) * gap + u * sum(trends) - 1
    return u * gap, u * curve, u * (gap + a * trends[0] - b * trends[1])


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
