"""The primitives: one row each, and the functions a formula calls.

A row gives a primitive's textbook face (`face` in simpler primitives, or `exact` in mpmath), its derivative, its
LaTeX, and its code: `scalar` for the compiled kernels and `array` for NumPy-like namespaces. A row without `scalar`
names a function of a module of `losskit.kernels`, one without `array` one of `losskit.calculus.arrays`: the
stable bodies, proved equal to the face by the tests. To add a primitive, add a row and those two bodies.

The scalar body of a row with a `label` takes one argument more, last: that function of its first argument, which is
worth looking up where it is a small count. A row with a `case` has a second scalar body, without that argument, and may
have such an array body: called where the argument is a constant of the case's value (`Loss.special` makes it one).
The `logs` of a row are the (a, e) with which it is a + log(1 + e), 0 <= e <= 1: sums take one logarithm for many rows.
The `reach` of a row says of each argument, by a name in `losskit.kernels.near` or None for any value, where its near
body has the bits of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from losskit.calculus.graph import Node, build, constant, is_constant, where

Tangent = Callable[..., Node]


class Case(NamedTuple):
    """A value of an argument for which a primitive has a quicker body."""

    argument: int
    value: float
    body: str


@dataclass(frozen=True)
class Primitive:
    """One row of the table; see the module's text for the fields.

    `latex` is a template; `{0:p}` puts argument 0 in parentheses unless it binds tighter than `p`
    (-3 or, -2 and, -1 comparison, 0 sum, 1 product, 2 function, 3 power, 4 atom); `binds` is the level of the result.
    `partials` has one derivative an argument; `tangent`, where stated, takes arguments and their derivatives at once.
    """

    name: str
    latex: str
    binds: int = 2
    partials: tuple[Callable[..., Any], ...] | None = None
    tangent: Tangent | None = None
    face: Callable[..., Any] | None = None
    exact: Callable[..., Any] | None = None
    scalar: str | None = None
    array: str | None = None
    label: str | None = None
    case: Case | None = None
    logs: Callable[..., tuple[Node, Node]] | None = None
    reach: tuple[str | None, ...] | None = None


TABLE: dict[str, Primitive] = {}


def _row(name: str, latex: str, **fields: Any) -> Callable[..., Any]:
    TABLE[name] = Primitive(name, latex, **fields)

    def apply(*args: Any) -> Any:
        return build(name, *args)

    apply.__name__ = apply.__qualname__ = name
    apply.__doc__ = f"The primitive `{name}`; see its row in the table."
    return apply


def median_with_zero(a: Any, b: Any) -> Any:
    """The element of least norm between `a` and `b`: the derivative where two branches tie."""
    if is_constant(a, 0.0) or is_constant(b, 0.0):
        return constant(0.0)
    return maximum(minimum(a, b), minimum(maximum(a, b), 0.0))


def _missed(z: Any, y: Any) -> Any:
    """The distance of a score z to the side of its label y, 0 for an infinite score on that side."""
    share = where(z > 0.0, 1.0 - y, y)
    return where(equal(share, 0.0), 0.0, share * abs(z))


def _where_tangent(args: tuple[Node, ...], tangents: tuple[Node, ...]) -> Node:
    return where(args[0], tangents[1], tangents[2])


def _maximum_tangent(args: tuple[Node, ...], tangents: tuple[Node, ...]) -> Node:
    (a, b), (da, db) = args, tangents
    return where(a > b, da, where(b > a, db, median_with_zero(da, db)))


def _minimum_tangent(args: tuple[Node, ...], tangents: tuple[Node, ...]) -> Node:
    (a, b), (da, db) = args, tangents
    return where(a < b, da, where(b < a, db, median_with_zero(da, db)))


add = _row("add", "{0:0} + {1:0}", binds=0, partials=(lambda a, b: 1.0, lambda a, b: 1.0),
           exact=lambda mp, a, b: a + b, scalar="({0} + {1})", array="({0} + {1})")
sub = _row("sub", "{0:0} - {1:1}", binds=0, partials=(lambda a, b: 1.0, lambda a, b: -1.0),
           exact=lambda mp, a, b: a - b, scalar="({0} - {1})", array="({0} - {1})")
mul = _row("mul", r"{0:1} \, {1:1}", binds=1, partials=(lambda a, b: b, lambda a, b: a),
           exact=lambda mp, a, b: a * b, scalar="({0} * {1})", array="({0} * {1})")
div = _row("div", r"\frac{{{0:-1}}}{{{1:-1}}}", binds=3, partials=(lambda a, b: 1.0 / b, lambda a, b: -(a / b) / b),
           exact=lambda mp, a, b: a / b if b else mp.inf * mp.sign(a), scalar="({0} / {1})", array="({0} / {1})")
neg = _row("neg", "-{0:1}", binds=0, partials=(lambda a: -1.0,),
           exact=lambda mp, a: -a, scalar="(-{0})", array="(-{0})")
power = _row("power", "{{{0:4}}}^{{{1:-1}}}", binds=3,
             partials=(lambda a, b: b * a ** (b - 1.0), lambda a, b: xlogy(a**b, a)),
             exact=lambda mp, a, b: mp.power(a, b), array="({0} ** {1})")
lt = _row("lt", "{0:0} < {1:0}", binds=-1, exact=lambda mp, a, b: a < b, scalar="({0} < {1})", array="({0} < {1})")
le = _row("le", r"{0:0} \le {1:0}", binds=-1, exact=lambda mp, a, b: a <= b,
          scalar="({0} <= {1})", array="({0} <= {1})")
equal = _row("eq", "{0:0} = {1:0}", binds=-1, exact=lambda mp, a, b: a == b,
             scalar="({0} == {1})", array="({0} == {1})")
and_ = _row("and", r"{0:-2} \wedge {1:-2}", binds=-2, exact=lambda mp, a, b: a and b,
            scalar="({0} & {1})", array="({0} & {1})")
or_ = _row("or", r"{0:-3} \vee {1:-3}", binds=-3, exact=lambda mp, a, b: a or b,
           scalar="({0} | {1})", array="({0} | {1})")
not_ = _row("not", r"\neg\left({0:-3}\right)", binds=-1, exact=lambda mp, a: not a,
            scalar="(not {0})", array="xp.logical_not({0})")
_row("where", "", binds=4, tangent=_where_tangent, scalar="select({0}, {1}, {2})")  # tex.py sets the cases
abs_ = _row("abs", r"\left|{0:-1}\right|", binds=4,
            partials=(lambda x: where(x > 0.0, 1.0, where(x < 0.0, -1.0, 0.0)),),
            exact=lambda mp, x: abs(x), scalar="abs({0})", array="xp.abs({0})")
maximum = _row("maximum", r"\max\left({0:-1}, {1:-1}\right)", binds=4, tangent=_maximum_tangent,
               exact=lambda mp, a, b: max(a, b), scalar="select({1} > {0}, {1}, {0})")
minimum = _row("minimum", r"\min\left({0:-1}, {1:-1}\right)", binds=4, tangent=_minimum_tangent,
               exact=lambda mp, a, b: min(a, b), scalar="select({1} < {0}, {1}, {0})")
sqrt = _row("sqrt", r"\sqrt{{{0:-1}}}", binds=4, partials=(lambda x: 0.5 / sqrt(x),),
            exact=lambda mp, x: mp.sqrt(x), scalar="math.sqrt({0})", array="xp.sqrt({0})")
exp = _row("exp", "e^{{{0:-1}}}", binds=3, partials=(lambda x: exp(x),),
           exact=lambda mp, x: mp.exp(x), array="xp.exp({0})")
log = _row("log", r"\log\left({0:-1}\right)", partials=(lambda x: 1.0 / x,),
           exact=lambda mp, x: mp.log(x) if x else -mp.inf, array="xp.log({0})")
log1p = _row("log1p", r"\log\left(1 + {0:0}\right)", partials=(lambda x: 1.0 / (1.0 + x),),
             face=lambda x: log(1.0 + x), array="xp.log1p({0})")
expm1 = _row("expm1", r"e^{{{0:-1}}} - 1", binds=0, partials=(lambda x: exp(x),),
             face=lambda x: exp(x) - 1.0, array="xp.expm1({0})")
tanh = _row("tanh", r"\tanh\left({0:-1}\right)", partials=(lambda x: sech2(x, 1.0),),
            exact=lambda mp, x: mp.tanh(x), array="xp.tanh({0})")
sech2 = _row("sech2", r"\operatorname{{sech}}^{{2}}\left({0:-1} / {1:4}\right)",
             partials=(lambda r, s: -2.0 * tanh(r / s) * sech2(r, s) / s,
                       lambda r, s: 2.0 * tanh(r / s) * sech2(r, s) * r / s**2),
             exact=lambda mp, r, s: mp.sech(r / s) ** 2)
log_cosh = _row("log_cosh", r"{1:4}^{{2}} \, \log\cosh\left({0:1} / {1:4}\right)", binds=1,
                partials=(lambda r, s: log_cosh_slope(r, s),
                          lambda r, s: (2.0 * log_cosh(r, s) - r * log_cosh_slope(r, s)) / s),
                exact=lambda mp, r, s: s**2 * mp.log(mp.cosh(r / s)))
log_cosh_slope = _row("log_cosh_slope", r"{1:4} \, \tanh\left({0:1} / {1:4}\right)", binds=1,
                      partials=(lambda r, s: sech2(r, s), lambda r, s: tanh(r / s) - r / s * sech2(r, s)),
                      exact=lambda mp, r, s: s * mp.tanh(r / s))
sigmoid = _row("sigmoid", r"\sigma\left({0:-1}\right)", partials=(lambda x: sigmoid_slope(x),),
               face=lambda x: 1.0 / (1.0 + exp(-x)))
sigmoid_slope = _row("sigmoid_slope", r"\sigma'\left({0:-1}\right)",
                     partials=(lambda x: -tanh(x / 2.0) * sigmoid_slope(x),),
                     face=lambda x: 1.0 / ((1.0 + exp(-x)) * (1.0 + exp(x))))
sigmoid_power = _row("sigmoid_power", r"\sigma\left({0:-1}\right)^{{{1:-1}}}", binds=3,
                     case=Case(1, 2.0, "sigmoid_square"),
                     partials=(lambda x, a: a * sigmoid_power(x, a) * sigmoid(-x),
                               lambda x, a: -softplus(-x) * sigmoid_power(x, a)),
                     face=lambda x, a: (1.0 + exp(-x)) ** (-a))
softplus = _row("softplus", r"\log\left(1 + e^{{{0:-1}}}\right)", partials=(lambda x: sigmoid(x),),
                face=lambda x: log(1.0 + exp(x)), logs=lambda x: (maximum(x, 0.0), exp(-abs(x))))
softplus_minus = _row("softplus_minus", r"\log\left(1 + e^{{{0:-1}}}\right) - {1:1} \, {0:1}", binds=0,
                      partials=(lambda z, y: sigmoid_minus(z, y), lambda z, y: -z),
                      face=lambda z, y: log(1.0 + exp(z)) - y * z,
                      logs=lambda z, y: (_missed(z, y), exp(-abs(z))))
sigmoid_minus = _row("sigmoid_minus", r"\sigma\left({0:-1}\right) - {1:1}", binds=0,
                     partials=(lambda z, y: sigmoid_slope(z), lambda z, y: -1.0),
                     face=lambda z, y: 1.0 / (1.0 + exp(-z)) - y)
pseudo_huber = _row("pseudo_huber",
                    r"{1:4}^{{2}} \, \left(\sqrt{{1 + \left({0:1} / {1:4}\right)^{{2}}}} - 1\right)", binds=1,
                    partials=(lambda r, d: pseudo_huber_slope(r, d),
                              lambda r, d: (2.0 * pseudo_huber(r, d) - r * pseudo_huber_slope(r, d)) / d),
                    face=lambda r, d: d**2 * (sqrt(1.0 + (r / d) ** 2) - 1.0))
pseudo_huber_slope = _row("pseudo_huber_slope", r"\frac{{{0:-1}}}{{\sqrt{{1 + \left({0:1} / {1:4}\right)^{{2}}}}}}",
                          binds=3, partials=(lambda r, d: pseudo_huber_bend(r, d),
                                             lambda r, d: (r / d) ** 3 * pseudo_huber_bend(r, d)),
                          face=lambda r, d: r / sqrt(1.0 + (r / d) ** 2))
pseudo_huber_bend = _row("pseudo_huber_bend", r"\left(1 + \left({0:1} / {1:4}\right)^{{2}}\right)^{{-3 / 2}}", binds=3,
                         partials=(lambda r, d: -3.0 * r / (d**2 + r**2) * pseudo_huber_bend(r, d),
                                   lambda r, d: 3.0 * r / d * (r / (d**2 + r**2)) * pseudo_huber_bend(r, d)),
                         face=lambda r, d: (1.0 + (r / d) ** 2) ** -1.5)
log1pmx = _row("log1pmx", r"\log\left(1 + {0:0}\right) - {0:1}", binds=0, partials=(lambda x: -x / (1.0 + x),),
               face=lambda x: log(1.0 + x) - x)
expm1mx = _row("expm1mx", r"e^{{{0:-1}}} - 1 - {0:1}", binds=0, partials=(lambda x: expm1(x),),
               face=lambda x: exp(x) - 1.0 - x)
xlogy = _row("xlogy", r"{0:1} \, \log\left({1:-1}\right)", binds=1,
             partials=(lambda a, x: log(x), lambda a, x: xdivy(a, x)),
             face=lambda a, x: where(a == 0.0, 0.0, a * log(x)))
xlog1py = _row("xlog1py", r"{0:1} \, \log\left(1 + {1:0}\right)", binds=1,
               partials=(lambda a, x: log1p(x), lambda a, x: xdivy(a, 1.0 + x)),
               face=lambda a, x: where(a == 0.0, 0.0, a * log(1.0 + x)))
xdivy = _row("xdivy", r"\frac{{{0:-1}}}{{{1:-1}}}", binds=3,
             partials=(lambda a, x: 1.0 / x, lambda a, x: -xdivy(xdivy(a, x), x)),
             face=lambda a, x: where(a == 0.0, 0.0, a / x))
mul_exp = _row("mul_exp", r"{0:1} \, e^{{{1:1} \, {2:1}}}", binds=1,
               partials=(lambda c, a, x: mul_exp(1.0, a, x), lambda c, a, x: mul_exp(c * x, a, x),
                         lambda c, a, x: mul_exp(a * c, a, x)),
               face=lambda c, a, x: where(c == 0.0, 0.0, c * exp(a * x)))
poisson_deviance = _row(
    "poisson_deviance", r"{0:1} \, \log\left({0:-1}\right) - {0:1} - {0:1} \, {1:1} + e^{{{1:-1}}}", binds=0,
    partials=(lambda y, f: where(y == 0.0, -f, log(y) - f), lambda y, f: exp(f) - y),
    face=lambda y, f: xlogy(y, y) - y - y * f + exp(f), label="log")
tweedie_deviance = _row(
    "tweedie_deviance",
    r"\frac{{{{{0:4}}}^{{2 - {2:1}}}}}{{\left(1 - {2:1}\right) \, \left(2 - {2:1}\right)}}"
    r" - {0:1} \, \frac{{e^{{\left(1 - {2:1}\right) \, {1:1}}}}}{{1 - {2:1}}}"
    r" + \frac{{e^{{\left(2 - {2:1}\right) \, {1:1}}}}}{{2 - {2:1}}}", binds=0,
    partials=(None, lambda y, f, p: tweedie_slope(y, f, p), None), case=Case(2, 1.5, "half_tweedie"),
    face=lambda y, f, p: where(
        p == 1.0, poisson_deviance(y, f),
        where(p == 2.0, f - log(y) + y * exp(-f) - 1.0,
              where(y == 0.0, exp((2.0 - p) * f) / (2.0 - p),
                    where(p == 0.0, (exp(f) - y) ** 2.0 / 2.0,
                          y ** (2.0 - p) / ((1.0 - p) * (2.0 - p)) - y * exp((1.0 - p) * f) / (1.0 - p)
                          + exp((2.0 - p) * f) / (2.0 - p))))))
tweedie_slope = _row(
    "tweedie_slope", r"\left(e^{{{1:-1}}} - {0:1}\right) \, e^{{\left(1 - {2:1}\right) \, {1:1}}}", binds=1,
    case=Case(2, 1.5, "half_tweedie_slope"),
    partials=(None, lambda y, f, p: tweedie_bend(y, f, p), None),
    face=lambda y, f, p: (exp(f) - y) * exp((1.0 - p) * f))
tweedie_bend = _row(
    "tweedie_bend", r"\left(\left(2 - {2:1}\right) \, e^{{{1:-1}}} - \left(1 - {2:1}\right) \, {0:1}\right)"
    r" \, e^{{\left(1 - {2:1}\right) \, {1:1}}}", binds=1, partials=(None, None, None),
    case=Case(2, 1.5, "half_tweedie_bend"),
    face=lambda y, f, p: ((2.0 - p) * exp(f) - (1.0 - p) * y) * exp((1.0 - p) * f))
gamma_deviance = _row("gamma_deviance", r"{1:0} - \log\left({0:-1}\right) + {0:1} \, e^{{-{1:1}}} - 1", binds=0,
                      partials=(None, lambda y, f: 1.0 - mean_ratio(y, f)),
                      face=lambda y, f: f - log(y) + y * exp(-f) - 1.0, reach=("amount", "exponent"))
mean_ratio = _row("mean_ratio", r"{0:1} \, e^{{-{1:1}}}", binds=1,
                  partials=(lambda y, f: exp(-f), lambda y, f: -mean_ratio(y, f)), face=lambda y, f: y * exp(-f),
                  reach=("amount", "exponent"))
inverse_gaussian = _row(
    "inverse_gaussian", r"\frac{{\left({0:0} - e^{{{1:-1}}}\right)^{{2}}}}{{2 \, {0:1} \, e^{{2 \, {1:1}}}}}", binds=3,
    partials=(None, lambda y, f: tweedie_slope(y, f, 3.0)),
    face=lambda y, f: (y - exp(f)) ** 2.0 / (2.0 * y * exp(2.0 * f)))
weibull_deviance = _row(
    "weibull_deviance",
    r"\left({0:1} \, e^{{-{1:1}}}\right)^{{{2:-1}}} - 1 - {2:1} \, \left(\log\left({0:-1}\right) - {1:1}\right)",
    binds=0, partials=(None, lambda y, f, k: k - ratio_power(k, y, f, k), None),
    face=lambda y, f, k: (y * exp(-f)) ** k - 1.0 - k * (log(y) - f))
ratio_power = _row("ratio_power", r"{0:1} \, \left({1:1} \, e^{{-{2:1}}}\right)^{{{3:-1}}}", binds=1,
                   partials=(None, None, lambda c, y, f, k: -ratio_power(c * k, y, f, k), None),
                   face=lambda c, y, f, k: c * (y * exp(-f)) ** k)
negative_binomial_deviance = _row(
    "negative_binomial_deviance",
    r"{0:1} \, \log\left({0:1} \, e^{{-{1:1}}}\right) - \left({0:0} + \frac{{1}}{{{2:-1}}}\right) \, "
    r"\log\left(\frac{{1 + {2:1} \, {0:1}}}{{1 + {2:1} \, e^{{{1:-1}}}}}\right)", binds=0,
    partials=(None, lambda y, f, a: where(f < 0.0, (exp(f) - y) / (1.0 + a * exp(f)),
                                          (1.0 - mul_exp(y, -1.0, f)) / (exp(-f) + a)), None),
    face=lambda y, f, a: where(y == 0.0, log(1.0 + a * exp(f)) / a, y * (log(y) - f)
                               - (y + 1.0 / a) * log((1.0 + a * y) / (1.0 + a * exp(f)))))
poisson_deviance_of_mean = _row(
    "poisson_deviance_of_mean", r"{0:1} \, \log\left({0:1} / {1:4}\right) - {0:1} + {1:0}", binds=0,
    partials=(lambda y, f: log(y / f), lambda y, f: where(y == 0.0, 1.0, (f - y) / f)),
    face=lambda y, f: where(y == 0.0, f, where(f == 0.0, math.inf, y * log(y / f) - y + f)))
abs_power = _row("abs_power", r"{0:1} \, \left|{1:-1}\right|^{{{2:-1}}}", binds=1,
                 partials=(lambda c, r, a: abs_power(1.0, r, a), lambda c, r, a: sign_power(c * a, r, a - 1.0),
                           lambda c, r, a: xlogy(abs_power(c, r, a), abs(r))),
                 exact=lambda mp, c, r, a: _power(mp, c, abs(r), a))
sign_power = _row("sign_power", r"{0:1} \, \operatorname{{sgn}}\left({1:-1}\right) \, \left|{1:-1}\right|^{{{2:-1}}}",
                  binds=1, partials=(lambda c, r, a: sign_power(1.0, r, a),
                                     lambda c, r, a: abs_power(c * a, r, a - 1.0),
                                     lambda c, r, a: xlogy(sign_power(c, r, a), abs(r))),
                  exact=lambda mp, c, r, a: mp.sign(r) * _power(mp, c, abs(r), a) if r else mp.mpf(0))
log1p_square = _row("log1p_square", r"{0:1} \, \log\left(1 + \left({1:1} / {2:4}\right)^{{2}}\right)", binds=1,
                    partials=(lambda k, r, c: log1p_square(1.0, r, c), lambda k, r, c: damped(2.0 * k / c**2, r, c),
                              lambda k, r, c: -(r / c) * damped(2.0 * k / c**2, r, c)),
                    face=lambda k, r, c: k * log(1.0 + (r / c) ** 2))
damped = _row("damped", r"\frac{{{0:1} \, {1:1}}}{{1 + \left({1:1} / {2:4}\right)^{{2}}}}", binds=3,
              partials=(lambda k, r, c: damped(1.0, r, c),
                        lambda k, r, c: inverse_square(k, r, c) * (2.0 * inverse_square(1.0, r, c) - 1.0),
                        lambda k, r, c: 2.0 * r**2 / c**3 * damped(k, r, c) * inverse_square(1.0, r, c)),
              face=lambda k, r, c: k * r / (1.0 + (r / c) ** 2))
inverse_square = _row("inverse_square", r"\frac{{{0:-1}}}{{1 + \left({1:1} / {2:4}\right)^{{2}}}}", binds=3,
                      partials=(lambda k, r, c: inverse_square(1.0, r, c),
                                lambda k, r, c: -2.0 * damped(1.0 / c**2, r, c) * inverse_square(k, r, c),
                                lambda k, r, c: 2.0 * r / c * damped(1.0 / c**2, r, c) * inverse_square(k, r, c)),
                      face=lambda k, r, c: k / (1.0 + (r / c) ** 2))
one_minus_square = _row("one_minus_square", r"1 - \left({0:1} / {1:4}\right)^{{2}}", binds=0,
                        partials=(lambda r, c: -2.0 * (r / c) / c, lambda r, c: 2.0 * (r / c) ** 2 / c),
                        face=lambda r, c: 1.0 - (r / c) ** 2)
div_square = _row("div_square", r"\frac{{{0:-1}}}{{{1:4}^{{2}}}}", binds=3,
                  partials=(lambda x, s: div_square(1.0, s), lambda x, s: -2.0 * div_cube(x, s)),
                  face=lambda x, s: x / s**2)
div_cube = _row("div_cube", r"\frac{{{0:-1}}}{{{1:4}^{{3}}}}", binds=3,
                partials=(lambda x, s: div_cube(1.0, s), lambda x, s: -3.0 * div_cube(x, s) / s),
                face=lambda x, s: x / s**3)
fair = _row("fair", r"{1:4}^{{2}} \, \left(\left|{0:-1}\right| / {1:4} - "
            r"\log\left(1 + \left|{0:-1}\right| / {1:4}\right)\right)", binds=1,
            partials=(lambda r, c: r / (1.0 + abs(r) / c),
                               lambda r, c: (2.0 * fair(r, c) - r**2 / (1.0 + abs(r) / c)) / c),
            face=lambda r, c: c**2 * (abs(r) / c - log(1.0 + abs(r) / c)))
mul_log1p = _row("mul_log1p", r"{0:1} \, \log\left(1 + {1:1} / {2:4}\right)", binds=1,
                 partials=(lambda k, x, c: mul_log1p(1.0, x, c), lambda k, x, c: k / (c + x),
                           lambda k, x, c: -k / (c + x) * (x / c)),
                 face=lambda k, x, c: k * log(1.0 + x / c))
scaled_sin = _row("scaled_sin", r"{1:4} \, \sin\left({0:1} / {1:4}\right)", binds=1,
                  partials=(lambda r, c: scaled_cos(r, c), lambda r, c: (scaled_sin(r, c) - r * scaled_cos(r, c)) / c),
                  exact=lambda mp, r, c: c * mp.sin(r / c))
scaled_cos = _row("scaled_cos", r"\cos\left({0:1} / {1:4}\right)",
                  partials=(lambda r, c: -scaled_sin(r, c) / c**2, lambda r, c: r * scaled_sin(r, c) / c**3),
                  exact=lambda mp, r, c: mp.cos(r / c))
welsch = _row("welsch", r"\frac{{{1:4}^{{2}}}}{{2}} \, \left(1 - e^{{-\left({0:1} / {1:4}\right)^{{2}}}}\right)",
              binds=1, partials=(lambda r, c: mul_gauss(r, r, c),
                                 lambda r, c: (2.0 * welsch(r, c) - r * mul_gauss(r, r, c)) / c),
              face=lambda r, c: c**2 / 2.0 * (1.0 - exp(-((r / c) ** 2))))
mul_gauss = _row("mul_gauss", r"{0:1} \, e^{{-\left({1:1} / {2:4}\right)^{{2}}}}", binds=1,
                 partials=(lambda k, r, c: mul_gauss(1.0, r, c),
                           lambda k, r, c: mul_gauss(-2.0 * k * (r / c) / c, r, c),
                           lambda k, r, c: mul_gauss(2.0 * k * (r / c) ** 2 / c, r, c)),
                 face=lambda k, r, c: k * exp(-((r / c) ** 2)))
linex = _row("linex", r"e^{{{1:1} \, {0:1}}} - 1 - {1:1} \, {0:1}", binds=0,
             partials=(lambda r, a: linex_slope(r, a), lambda r, a: r * linex_slope(r, a) / a),
             face=lambda r, a: exp(a * r) - 1.0 - a * r)
linex_slope = _row("linex_slope", r"{1:1} \, \left(e^{{{1:1} \, {0:1}}} - 1\right)", binds=1,
                   partials=(lambda r, a: mul_exp(a**2, a, r),
                             lambda r, a: linex_slope(r, a) / a + mul_exp(a * r, a, r)),
                   face=lambda r, a: a * (exp(a * r) - 1.0))
smoothed_pinball = _row("smoothed_pinball", r"{2:1} \, \log\left(1 + e^{{{0:1} / {2:4}}}\right) - {1:1} \, {0:1}",
                        binds=0, partials=(lambda r, q, h: smoothed_step(r, q, h), lambda r, q, h: -r,
                                           lambda r, q, h: softplus(r / h) - r / h * sigmoid(r / h)),
                        face=lambda r, q, h: h * log(1.0 + exp(r / h)) - q * r)
smoothed_step = _row("smoothed_step", r"\sigma\left({0:1} / {2:4}\right) - {1:1}", binds=0,
                     partials=(lambda r, q, h: logistic_density(r, h), lambda r, q, h: -1.0,
                               lambda r, q, h: -(r / h) * logistic_density(r, h)),
                     face=lambda r, q, h: 1.0 / (1.0 + exp(-r / h)) - q)
logistic_density = _row("logistic_density", r"\frac{{1}}{{{1:1}}} \, \sigma'\left({0:1} / {1:4}\right)", binds=1,
                        partials=(lambda r, h: -tanh(r / (2.0 * h)) * logistic_density(r, h) / h,
                                  lambda r, h: (r / h * tanh(r / (2.0 * h)) - 1.0) * logistic_density(r, h) / h),
                        face=lambda r, h: 1.0 / (h * (1.0 + exp(-r / h)) * (1.0 + exp(r / h))))
log1p_ratio = _row("log1p_ratio", r"\log\left(\frac{{1 + {0:0}}}{{1 + {1:0}}}\right)",
                   partials=(lambda x, y: 1.0 / (1.0 + x), lambda x, y: -1.0 / (1.0 + y)),
                   face=lambda x, y: log((1.0 + x) / (1.0 + y)))
barron = _row("barron", r"{2:4}^{{2}} \, \frac{{\left|{1:0} - 2\right|}}{{{1:-1}}} \, \left(\left(1 + "
              r"\frac{{\left({0:1} / {2:4}\right)^{{2}}}}{{\left|{1:0} - 2\right|}}\right)^{{{1:1} / 2}} - 1\right)",
              binds=1, partials=(lambda r, a, c: barron_slope(r, a, c), None, None),
              exact=lambda mp, r, a, c: _barron(mp, r, a, c, 0))
barron_slope = _row("barron_slope", r"{0:1} \, \left(1 + \frac{{\left({0:1} / {2:4}\right)^{{2}}}}"
                    r"{{\left|{1:0} - 2\right|}}\right)^{{{1:1} / 2 - 1}}", binds=1,
                    partials=(lambda r, a, c: barron_bend(r, a, c), None, None),
                    exact=lambda mp, r, a, c: _barron(mp, r, a, c, 1))
barron_bend = _row("barron_bend", r"\left(1 + \left({1:0} - 1\right) \, \frac{{\left({0:1} / {2:4}\right)^{{2}}}}"
                   r"{{\left|{1:0} - 2\right|}}\right) \, \left(1 + \frac{{\left({0:1} / {2:4}\right)^{{2}}}}"
                   r"{{\left|{1:0} - 2\right|}}\right)^{{{1:1} / 2 - 2}}", binds=1, partials=(None, None, None),
                   exact=lambda mp, r, a, c: _barron(mp, r, a, c, 2))


def _power(mp: Any, c: Any, x: Any, a: Any) -> Any:
    if not c or not a:
        return c
    return c * x**a if x else mp.inf if a < 0 else mp.mpf(0)


def _barron(mp: Any, r: Any, a: Any, c: Any, order: int) -> Any:
    """The general robust loss as Barron (2019) writes it, times c^2, or one of its derivatives."""
    z = (r / c) ** 2
    if a == 2:
        return (r**2 / 2, r, mp.mpf(1))[order]
    if a == -mp.inf:
        e = mp.exp(-z / 2)
        return (c**2 * (1 - e), r * e, (1 - z) * e)[order]
    b = abs(a - 2)
    q = 1 + z / b
    value = c**2 * mp.log(q) if a == 0 else c**2 * b / a * (q ** (a / 2) - 1) if order == 0 else 0
    return (value, r * q ** (a / 2 - 1), q ** (a / 2 - 2) * (1 + (a - 1) * z / b))[order]
tangent_gap = _row("tangent_gap", r"2 \, \arctan\left({0:-1}\right) - 1", binds=0,
                   partials=(lambda m: tangent_slope(m),), exact=lambda mp, m: 2 * mp.atan(m) - 1)
tangent_slope = _row("tangent_slope", r"\frac{{2}}{{1 + {{{0:4}}}^{{2}}}}", binds=3,
                     partials=(lambda m: -2.0 / (m + 1.0 / m) * tangent_slope(m),),  # no m slope: it may be inf 0
                     face=lambda m: 2.0 / (1.0 + m**2))
sigmoid_gap = _row("sigmoid_gap", r"\frac{{1 - \sigma\left({0:-1}\right)^{{{1:-1}}}}}{{{1:-1}}}", binds=3,
                   partials=(lambda x, a: -sigmoid_power(x, a) * sigmoid(-x), None),
                   face=lambda x, a: (1.0 - (1.0 + exp(-x)) ** (-a)) / a)
softplus_less_sigmoid = _row(
    "softplus_less_sigmoid", r"\log\left(1 + e^{{{0:-1}}}\right) - \sigma\left({0:-1}\right)", binds=0,
    partials=(lambda x: sigmoid(x) ** 2,), face=lambda x: log(1.0 + exp(x)) - 1.0 / (1.0 + exp(-x)))
logit_entropy = _row("logit_entropy", r"\log\left(1 + e^{{{0:-1}}}\right) - {0:1} \, \sigma\left({0:-1}\right)",
                     binds=0, partials=(lambda x: -x * sigmoid_slope(x),),
                     face=lambda x: log(1.0 + exp(x)) - x / (1.0 + exp(-x)))
softplus_tilted = _row("softplus_tilted", r"\log\left(1 + e^{{{0:-1}}}\right) - {1:1} \, {0:1} - {2:1} \, {0:1}",
                       binds=0, partials=(lambda z, y, k: sigmoid_minus(z, y) - k, *2 * (lambda z, y, k: -z,)),
                       face=lambda z, y, k: log(1.0 + exp(z)) - y * z - k * z)
softplus_times = _row("softplus_times", r"{1:1} \, \log\left(1 + e^{{{0:-1}}}\right)", binds=1,
                      partials=(lambda x, w: sigmoid_times(x, w), lambda x, w: softplus(x)),
                      face=lambda x, w: where(w == 0.0, 0.0, w * log(1.0 + exp(x))))
sigmoid_times = _row("sigmoid_times", r"{1:1} \, \sigma\left({0:-1}\right)", binds=1,
                     partials=(lambda x, w: sigmoid_times(x, w) * sigmoid(-x), lambda x, w: sigmoid(x)),
                     face=lambda x, w: w / (1.0 + exp(-x)))
softplus_scaled = _row("softplus_scaled", r"\log\left(1 + {1:1} \, e^{{{0:-1}}}\right)",
                       partials=(lambda x, w: sigmoid_scaled(x, w), None), face=lambda x, w: log(1.0 + w * exp(x)))
sigmoid_scaled = _row("sigmoid_scaled", r"\frac{{{1:1} \, e^{{{0:-1}}}}}{{1 + {1:1} \, e^{{{0:-1}}}}}", binds=3,
                      partials=(lambda x, w: sigmoid_scaled(x, w) * sigmoid_scaled(-x, 1.0 / w), None),
                      face=lambda x, w: w * exp(x) / (1.0 + w * exp(x)))
dwd_power = _row("dwd_power", r"\max\left(1, \frac{{\left({1:0} + 1\right) \, {0:1}}}{{{1:-1}}}\right)^{{-{1:1}}}",
                 binds=3, partials=(lambda m, q: where((q + 1.0) * m > q, -(q / m) * dwd_power(m, q), 0.0), None),
                 face=lambda m, q: maximum(1.0, (q + 1.0) * m / q) ** (-q))
# for labels of which a share a of class 1 and a share b of class 0 were flipped
_MIXTURE = r"\left(1 - {1:1}\right) \, \sigma\left({0:-1}\right) + {2:1} \, \sigma\left(-{0:1}\right)"
_SLOPE = r"\left(1 - {1:1} - {2:1}\right) \, \sigma'\left({0:-1}\right)"
flip_loss = _row("flip_loss", rf"-\log\left({_MIXTURE}\right)", binds=0,
                 partials=(lambda x, a, b: -flip_slope(x, a, b), None, None),
                 face=lambda x, a, b: -log((1.0 - a) / (1.0 + exp(-x)) + b / (1.0 + exp(x))))
flip_slope = _row("flip_slope", rf"\frac{{{{{_SLOPE}}}}}{{{{{_MIXTURE}}}}}", binds=3,
                  partials=(lambda x, a, b: -flip_bend(x, a, b), None, None),
                  face=lambda x, a, b: (1.0 - a - b) / ((1.0 + exp(-x)) * (1.0 + exp(x)))
                  / ((1.0 - a) / (1.0 + exp(-x)) + b / (1.0 + exp(x))))
flip_bend = _row(
    "flip_bend", rf"{_SLOPE} \, \frac{{{{\left(1 - {{1:1}}\right) \, \sigma\left({{0:-1}}\right)^{{{{2}}}} - {{2:1}} \,"
    rf" \sigma\left(-{{0:1}}\right)^{{{{2}}}}}}}}{{{{\left({_MIXTURE}\right)^{{{{2}}}}}}}}", binds=1,
    partials=(None, None, None),
    face=lambda x, a, b: (1.0 - a - b) / ((1.0 + exp(-x)) * (1.0 + exp(x)))
    * ((1.0 - a) * (1.0 + exp(-x)) ** -2.0 - b * (1.0 + exp(x)) ** -2.0)
    / ((1.0 - a) / (1.0 + exp(-x)) + b / (1.0 + exp(x))) ** 2.0)
# what the sigmoid has above a margin m, 0 <= m < 1/2
above_power = _row("above_power", r"{{\max\left(\sigma\left({0:-1}\right) - {1:1}, 0\right)}}^{{{2:-1}}}", binds=3,
                   partials=(lambda x, m, g: above_rate(g * above_power(x, m, g), x, m), None, None),
                   face=lambda x, m, g: where(x > log(m / (1.0 - m)), (sigmoid(x) - m) ** g, 0.0))
above_rate = _row(
    "above_rate",
    r"\frac{{{0:1} \, \sigma'\left({1:-1}\right)}}{{\max\left(\sigma\left({1:-1}\right) - {2:1}, 0\right)}}", binds=3,
    partials=(lambda c, x, m: above_rate(1.0, x, m), lambda c, x, m: above_rate(
        c * (sigmoid(-x) - sigmoid(x) - above_rate(1.0, x, m)), x, m), None),
    face=lambda c, x, m: where(x > log(m / (1.0 - m)), c * sigmoid_slope(x) / (sigmoid(x) - m), 0.0))
above_cost = _row("above_cost", r"-\log\left(1 - \max\left(\sigma\left({0:-1}\right) - {1:1}, 0\right)\right)", binds=0,
                  partials=(lambda x, m: where(above_cost(x, m) > 0.0,
                                               sigmoid(x) / (1.0 + m + mul_exp(m, 1.0, x)), 0.0), None),
                  face=lambda x, m: where(x > log(m / (1.0 - m)), -log(m + sigmoid(-x)), 0.0))
# p and q, the tempered probabilities of two classes at scores x and 0: (q^(1 - b) - p^(1 - b))/(b - 1) = x
_P, _Q = (r"\operatorname{{tempered}}\left(" + x + r", {2:-1}\right)" for x in ("{0:-1}", "-{0:1}"))
_N, _D = (f"{{{{{_P}}}}}^{{{{-{t}}}}} + {{{{{_Q}}}}}^{{{{-{t}}}}}" for t in ("{1:1}", "{2:1}"))
_GAPS = tuple(
    f"{t} \\, \\left({{{{{_P}}}}}^{{{{-1 - {t}}}}} - {{{{{_Q}}}}}^{{{{-1 - {t}}}}}\\right)" for t in ("{1:1}", "{2:1}")
)
bitempered = _row(
    "bitempered",
    rf"\frac{{{{1 - {{{{{_P}}}}}^{{{{1 - {{1:1}}}}}}}}}}{{{{1 - {{1:1}}}}}}"
    rf" - \frac{{{{1 - {{{{{_P}}}}}^{{{{2 - {{1:1}}}}}}"
    rf" - {{{{{_Q}}}}}^{{{{2 - {{1:1}}}}}}}}}}{{{{2 - {{1:1}}}}}}", binds=0,
    partials=(lambda x, a, b: -bitempered_slope(x, a, b), None, None),
    exact=lambda mp, x, a, b: _bitempered(mp, x, a, b, 0))
bitempered_slope = _row(
    "bitempered_slope", rf"{_Q} \, \frac{{{{{_N}}}}}{{{{{_D}}}}}", binds=1,
    partials=(lambda x, a, b: -bitempered_bend(x, a, b), None, None),
    exact=lambda mp, x, a, b: _bitempered(mp, x, a, b, 1))
bitempered_bend = _row(
    "bitempered_bend",
    rf"\frac{{{{{_N} + {_Q} \, {_GAPS[0]} - {_Q} \, \left({_N}\right) / \left({_D}\right) \, {_GAPS[1]}}}}}"
    rf"{{{{\left({_D}\right)^{{{{2}}}}}}}}", binds=3,
    partials=(None, None, None), exact=lambda mp, x, a, b: _bitempered(mp, x, a, b, 2))


_tempered: dict[Any, Any] = {}


def tempered(mp: Any, x: Any, b: Any) -> tuple[Any, Any]:
    """The tempered probabilities p, q at the score x, by Newton's steps on the logarithm of the smaller one."""
    key = (mp.prec, x, b)
    if key not in _tempered:
        if len(_tempered) > 10_000:
            _tempered.clear()
        k, size = b - 1, abs(x)
        w = min(-mp.log(1 + k * size) / k, -mp.log(2))
        for _ in range(60):
            q = mp.exp(w)
            rest = (1 - q) ** -k
            step = (mp.log(k * size + rest) / k + w) / (1 + rest * q / ((1 - q) * (k * size + rest)))
            w -= step
            if abs(step) <= abs(w) * mp.mpf(2) ** (-mp.prec // 2 - 8):
                break  # the next would be the last one to change it
        q = mp.exp(w)
        rest = (1 - q) ** -k
        w -= (mp.log(k * size + rest) / k + w) / (1 + rest * q / ((1 - q) * (k * size + rest)))
        _tempered[key] = mp.exp(w)
    small = _tempered[key]
    return (1 - small, small) if x > 0 else (small, 1 - small)


def _bitempered(mp: Any, x: Any, a: Any, b: Any, order: int) -> Any:
    """The bi-tempered loss of class 1 as Amid et al. (2019) write it, -1 times its slope, or its second derivative."""
    p, q = tempered(mp, x, b)
    if order == 0:
        return (1 - p ** (1 - a)) / (1 - a) - (1 - p ** (2 - a) - q ** (2 - a)) / (2 - a)
    top, bottom = p**-a + q**-a, p**-b + q**-b
    if order == 1:
        return q * top / bottom
    gap = a * (p ** (-a - 1) - q ** (-a - 1)) - b * (p ** (-b - 1) - q ** (-b - 1)) * top / bottom
    return (top + q * gap) / bottom**2
