"""More rows of the table: primitives of censored durations, in z = (log t - f)/s.

t, a and b are durations, f is the logarithm of their scale, s the spread of their logarithm. In the value of an
interval, from a to b, either bound may be open: a = 0 or b = inf.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from losskit.calculus.table import _row as row
from losskit.calculus.table import exp, log

Apply = Callable[..., Any]
_Z = r"\frac{{\log\left({0:-1}\right) - {1:1}}}{{{2:-1}}}"
_A = r"\frac{{\log\left({0:-1}\right) - {2:1}}}{{{3:-1}}}"
_B = r"\frac{{\log\left({1:-1}\right) - {2:1}}}{{{3:-1}}}"

aft_z: Apply = row("aft_z", _Z, binds=3, partials=(None, lambda t, f, s: -1.0 / s, None),
                   face=lambda t, f, s: (log(t) - f) / s)
aft_exp: Apply = row(
    "aft_exp", f"e^{{{{{_Z}}}}}", binds=3, partials=(None, lambda t, f, s: aft_exp_times(t, f, s, -1.0 / s), None),
    face=lambda t, f, s: exp((log(t) - f) / s))
aft_exp_times: Apply = row(
    "aft_exp_times", rf"{{3:1}} \, e^{{{{{_Z}}}}}", binds=1,
    partials=(None, lambda t, f, s, c: aft_exp_times(t, f, s, -c / s), None, None),
    face=lambda t, f, s, c: c * exp((log(t) - f) / s))
aft_softplus: Apply = row(
    "aft_softplus", rf"\log\left(1 + e^{{{{{_Z}}}}}\right)",
    partials=(None, lambda t, f, s: aft_sigmoid(t, f, s, -1.0 / s), None),
    face=lambda t, f, s: log(1.0 + exp((log(t) - f) / s)))
aft_sigmoid: Apply = row(
    "aft_sigmoid", rf"{{3:1}} \, \sigma\left({_Z}\right)", binds=1,
    partials=(None, lambda t, f, s, c: aft_sigmoid_slope(t, f, s, -c / s), None, None),
    exact=lambda mp, t, f, s, c: c / (1 + mp.exp(-_z(mp, t, f, s))))
aft_sigmoid_slope: Apply = row(
    "aft_sigmoid_slope", rf"{{3:1}} \, \sigma'\left({_Z}\right)", binds=1, partials=(None, None, None, None),
    exact=lambda mp, t, f, s, c: c * mp.sech(_z(mp, t, f, s) / 2) ** 2 / 4)
aft_gap: Apply = row(
    "aft_gap", r"-\log\left(1 - e^{{\frac{{\log\left({0:-1}\right) - \log\left({1:-1}\right)}}{{{2:-1}}}}}\right)",
    binds=0, partials=(None, None, None),
    exact=lambda mp, a, b, s: -mp.log1p(-mp.exp((_log(mp, a) - _log(mp, b)) / s)))

# d, the rise of e^z from a to b; q = d/(e^d - 1)
_RISE = rf"\left(e^{{{{{_B}}}}} - e^{{{{{_A}}}}}\right)"
_PULL = rf"\frac{{{{{_RISE}}}}}{{{{e^{{{{{_RISE}}}}} - 1}}}}"
weibull_mass: Apply = row(
    "weibull_mass", rf"-\log\left(1 - e^{{{{-{_RISE}}}}}\right)", binds=0,
    partials=(None, None, lambda a, b, f, s: weibull_pull(a, b, f, s, 1.0 / s), None),
    exact=lambda mp, a, b, f, s: _weibull(mp, _rise(mp, a, b, f, s))[0])
weibull_pull: Apply = row(
    "weibull_pull", rf"{{4:1}} \, {_PULL}", binds=1,
    partials=(None, None, lambda a, b, f, s, c: weibull_bend(a, b, f, s, c / s), None, None),
    exact=lambda mp, a, b, f, s, c: c * _weibull(mp, _rise(mp, a, b, f, s))[1])
weibull_bend: Apply = row(
    "weibull_bend", rf"{{4:1}} \, {_PULL} \, \left({_PULL} + {_RISE} - 1\right)", binds=1,
    partials=(None, None, None, None, None), exact=lambda mp, a, b, f, s, c: c * _weibull(mp, _rise(mp, a, b, f, s))[2])

_MASS = rf"\left(\Phi\left({_B}\right) - \Phi\left({_A}\right)\right)"
_MEAN = rf"\frac{{{{\varphi\left({_A}\right) - \varphi\left({_B}\right)}}}}{{{{{_MASS}}}}}"
normal_mass: Apply = row(
    "normal_mass", rf"-\log{_MASS}", binds=0,
    partials=(None, None, lambda a, b, f, s: normal_mean(a, b, f, s, -1.0 / s), None),
    exact=lambda mp, a, b, f, s: _normal(mp, _z(mp, a, f, s), _z(mp, b, f, s))[0])
normal_mean: Apply = row(
    "normal_mean", rf"{{4:1}} \, {_MEAN}", binds=1,
    partials=(None, None, lambda a, b, f, s, c: normal_bend(a, b, f, s, -c / s), None, None),
    exact=lambda mp, a, b, f, s, c: c * _normal(mp, _z(mp, a, f, s), _z(mp, b, f, s))[1])
normal_bend: Apply = row(
    "normal_bend",
    rf"{{4:1}} \, \left(\frac{{{{{_B} \, \varphi\left({_B}\right) - {_A} \, \varphi\left({_A}\right)}}}}{{{{{_MASS}}}}}"
    rf" + {{{{{_MEAN}}}}}^{{{{2}}}}\right)", binds=1, partials=(None, None, None, None, None),
    exact=lambda mp, a, b, f, s, c: c * _normal(mp, _z(mp, a, f, s), _z(mp, b, f, s))[2])


def _log(mp: Any, t: Any) -> Any:
    return mp.log(t) if t else -mp.inf


def _z(mp: Any, t: Any, f: Any, s: Any) -> Any:
    return (_log(mp, t) - f) / s


def _rise(mp: Any, a: Any, b: Any, f: Any, s: Any) -> Any:
    return mp.exp(_z(mp, b, f, s)) - mp.exp(_z(mp, a, f, s))


def _weibull(mp: Any, d: Any) -> tuple[Any, Any, Any]:
    """-log(1 - e^-d), q = d/(e^d - 1) and q (q + d - 1); what is far below any double counts as 0."""
    if d > 1e5:
        return mp.mpf(0), mp.mpf(0), mp.mpf(0)
    q = d / mp.expm1(d)
    return -mp.log(-mp.expm1(-d)), q, q * (q + d - 1)


_known: dict[Any, tuple[Any, Any, Any]] = {}


def _normal(mp: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
    """-log of the normal mass between x and y, the mean there, and 1 less the variance there."""
    key = (mp.prec, x, y)
    if key not in _known:
        if len(_known) > 10_000:
            _known.clear()
        root = mp.sqrt(2)
        if x < 0 < y:
            gone = (mp.erfc(-x / root) + mp.erfc(y / root)) / 2
            mass, value = 1 - gone, -mp.log1p(-gone)
        else:
            near, far = sorted((abs(x), abs(y)))
            mass = (mp.erfc(near / root) - mp.erfc(far / root)) / 2
            value = -mp.log(mass)
        left, right = (mp.exp(-(z**2) / 2) / mp.sqrt(2 * mp.pi) / mass for z in (x, y))
        mean = left - right
        bend = sum(z * h for z, h in ((y, right), (-x, left)) if h) + mean**2
        _known[key] = value, mean, bend
    return _known[key]
