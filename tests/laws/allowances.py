"""How far a number may be from the truth: the promise, and the two allowances of the numerics page. No third.

ROOT: a derivative that is a difference with a root is bounded in ulp of its largest summand.
DEVIANCE: a deviance near f = log y may be off by |gradient| ulp(max(|f|, |log y|)): f - log y is not known better.
"""

from __future__ import annotations

from typing import Any

import mpmath

from losskit.base import Pointwise
from losskit.calculus.table import tempered
from tests.laws.allowances_of_several import DEVIANCE_OF_SEVERAL, ROOT_OF_SEVERAL
from tests.laws.allowances_of_several import sigmoid as _sigmoid
from tests.laws.oracle import error, exact, ulp

BASIC, OTHER, TWEEDIE, TWEEDIE_ABOVE_2 = 4.0, 8.0, 12.0, 32.0
_BASIC = {
    "SquaredError", "AbsoluteError", "Huber", "PseudoHuber", "LogCosh", "Quantile", "Expectile", "Tukey",
    "Logistic", "BinaryCrossEntropy", "Hinge", "SquaredHinge",
}  # fmt: skip


def promise(loss: Pointwise) -> float:
    """The ulp promised for every output of `loss`."""
    name = type(loss).__name__
    if name == "Tweedie":
        return TWEEDIE_ABOVE_2 if loss.parameters["power"] > 2 else TWEEDIE
    return BASIC if name in _BASIC else OTHER


def _focal_summands(loss: Pointwise, y: float, f: float, order: int) -> list[Any]:
    g, alpha = loss.parameters["gamma"], loss.parameters["alpha"]
    summands = []
    for share, z, weight in ((y, f, alpha), (1 - y, -f, None if alpha is None else 1 - alpha)):
        if not share:
            continue
        p, q, s = _sigmoid(mpmath.mpf(z)), _sigmoid(-mpmath.mpf(z)), mpmath.log(1 + mpmath.exp(-mpmath.mpf(z)))
        unit = mpmath.mpf(share) * (1 if weight is None else weight) * q**g
        if order == 1:
            summands += [unit * (g * p * s + q)]
        else:
            summands += [unit * p * x for x in (q * (1 + 2 * g), q * g * s, g**2 * p * s)]
    return summands


def _asymmetric(loss: Pointwise, y: float, f: float) -> list[Any]:
    """The Hessian's summands: class 1 as in BinaryFocal; class 0 by p_m, its rate and the shares of q + m."""
    positive, g, m = map(mpmath.mpf, loss.parameters.values())
    y, f = mpmath.mpf(y), mpmath.mpf(f)
    p, q = _sigmoid(f), _sigmoid(-f)
    s = mpmath.log(1 + mpmath.exp(-f))
    summands = [y * q**positive * p * x for x in (q * (1 + 2 * positive), q * positive * s, positive**2 * p * s)]
    if y == 1 or p <= m:
        return summands
    power, rate, cost, kept = (p - m) ** g, p * q / (p - m), -mpmath.log(1 - (p - m)), q / (q + m)
    own = [g * rate * cost * x for x in (q, p, (g - 1) * rate)]
    return summands + [(1 - y) * power * x for x in (*own, *(p * kept * z for z in (2 * g * rate, q, p * (1 - kept))))]


def _tukey(loss: Pointwise, y: float, f: float) -> list[Any]:
    s = (mpmath.mpf(f - y) / loss.parameters["c"]) ** 2
    u = abs(1 - s)
    return [u * u, 4 * u * s]


def _tweedie(loss: Pointwise, y: float, f: float, order: int) -> list[Any]:
    fixed = {"Poisson": 1, "PoissonNLL": 1, "Gamma": 2, "InverseGaussian": 3}.get(type(loss).__name__)
    p = mpmath.mpf(loss.parameters.get("power", fixed))
    first, second = mpmath.exp((2 - p) * f), y * mpmath.exp((1 - p) * f)
    return [first, second] if order == 1 else [(2 - p) * first, (1 - p) * second]


def _bce(loss: Pointwise, y: float, f: float) -> list[Any]:
    return [mpmath.mpf(y) / f if y else 0, (1 - mpmath.mpf(y)) / (1 - mpmath.mpf(f)) if y != 1 else 0]


def _rational(c: Any, y: float, f: float, power: int) -> list[Any]:
    """The summands of ((1 + s) - 2 power s)/(1 + s)^(power + 1)."""
    s = (mpmath.mpf(f - y) / c) ** 2
    return [1 / (1 + s) ** power, 2 * power * s / (1 + s) ** (power + 1)]


def _student(loss: Pointwise, y: float, f: float) -> list[Any]:
    df, scale = map(mpmath.mpf, loss.parameters.values())
    return [(df + 1) / (df * scale**2) * x for x in _rational(scale * mpmath.sqrt(df), y, f, 1)]


def _welsch(loss: Pointwise, y: float, f: float) -> list[Any]:
    s = (mpmath.mpf(f - y) / loss.parameters["c"]) ** 2
    return [mpmath.exp(-s), 2 * s * mpmath.exp(-s)]


def _barron(loss: Pointwise, y: float, f: float) -> list[Any]:
    alpha, z = loss.parameters["alpha"], (mpmath.mpf(f - y) / loss.parameters["scale"]) ** 2
    if alpha in (2, -mpmath.inf):
        return [mpmath.exp(-z / 2) if alpha < 0 else 1, z * mpmath.exp(-z / 2) if alpha < 0 else 0]
    alpha = mpmath.mpf(alpha)
    s = z / abs(alpha - 2)
    return [(1 + s) ** (alpha / 2 - 2), (alpha - 1) * s * (1 + s) ** (alpha / 2 - 2)]


def _msle(y: float, f: float) -> list[Any]:
    x, y = 1 + mpmath.mpf(f), 1 + mpmath.mpf(y)
    return [2 / x**2, 2 * mpmath.log(x / y) / x**2]


def _classes(loss: Pointwise, y: float, f: float, output: str) -> list[Any]:
    """What each class adds, where a label mixes the two."""
    return [y * exact(loss, 1.0, f, output), (1 - mpmath.mpf(y)) * exact(loss, 0.0, f, output)] if 0 < y < 1 else [0]


def _by_class(summands: Any) -> Any:
    """Summands of both classes, given those of class 1 as a function of the loss, z, p and 1 - p at the score z."""

    def all_of_them(loss: Pointwise, y: float, f: float) -> list[Any]:
        y, found = mpmath.mpf(y), []
        for share, z in ((y, mpmath.mpf(f)), (1 - y, -mpmath.mpf(f))):
            found += [share * s for s in summands(loss, z, _sigmoid(z), _sigmoid(-z))] if share else []
        return found

    return all_of_them


def _spherical(loss: Pointwise, z: Any, p: Any, q: Any) -> list[Any]:
    p, q = _sigmoid(2 * z), _sigmoid(-2 * z)
    return [p**0.5 * q * s for s in (2 * p, q)]


def _generalized(loss: Pointwise, z: Any, p: Any, q: Any) -> list[Any]:
    power = mpmath.mpf(loss.parameters["q"])
    return [p**power * q * s for s in (p, power * q)]


def _poly1(loss: Pointwise, z: Any, p: Any, q: Any) -> list[Any]:
    epsilon = mpmath.mpf(loss.parameters["epsilon"])
    return [p * q * s for s in ((1 - epsilon) * q, (1 + epsilon) * p)]


def _symmetric(loss: Pointwise, z: Any, p: Any, q: Any) -> list[Any]:
    alpha, beta, a = map(mpmath.mpf, loss.parameters.values())
    return [p * q * s for s in (alpha, beta * a * q, beta * a * p)]


def _forward(loss: Pointwise, y: float, f: float) -> list[Any]:
    found = []
    for share, z, a, b in ((y, f, *loss.parameters.values()), (1 - y, -f, *reversed(loss.parameters.values()))):
        p, q, a, b = _sigmoid(mpmath.mpf(z)), _sigmoid(-mpmath.mpf(z)), mpmath.mpf(a), mpmath.mpf(b)
        mixture = (1 - a) * p + b * q
        unit = share * (1 - a - b) * p * q / mixture**2 if share else 0
        found += [unit * (1 - a) * p * p, unit * b * q * q]
    return found


def _bootstrap(loss: Pointwise, y: float, f: float) -> list[Any]:
    beta, f = mpmath.mpf(loss.parameters["beta"]), mpmath.mpf(f)
    own = f * _sigmoid(f) * _sigmoid(-f) if type(loss).__name__ == "SoftBootstrap" else _sigmoid(-abs(f))
    return [(1 - beta) * own, *(beta * s for s in ((_sigmoid(f), y) if 0 < y < 1 else (_sigmoid(-f if y else f),)))]


def _soft_bend(loss: Pointwise, y: float, f: float) -> list[Any]:
    beta, f = mpmath.mpf(loss.parameters["beta"]), mpmath.mpf(f)
    slope = _sigmoid(f) * _sigmoid(-f)
    return [slope * (2 * beta - 1), slope * (1 - beta) * f * mpmath.tanh(f / 2)]


def _backward(loss: Pointwise, y: float, f: float, output: str) -> list[Any]:
    one, zero = map(mpmath.mpf, loss.parameters.values())
    y, f = mpmath.mpf(y), mpmath.mpf(f)
    tilt = (y * one - (1 - y) * zero) / (1 - one - zero)
    if output == "gradient":
        return [_sigmoid(f), y, tilt] if 0 < y < 1 else [tilt]
    return [mpmath.log(1 + mpmath.exp(-abs(f))), ((1 - y) - tilt if f > 0 else y + tilt) * f]


def _bitempered(loss: Pointwise, y: float, f: float) -> list[Any]:
    a, b = map(mpmath.mpf, loss.parameters.values())
    found = []
    for share, x in ((mpmath.mpf(y), mpmath.mpf(f)), (1 - mpmath.mpf(y), -mpmath.mpf(f))):
        if share:
            p, q = tempered(mpmath.mp, x, b)
            top, bottom = p**-a + q**-a, p**-b + q**-b
            gaps = (a * (p ** (-a - 1) - q ** (-a - 1)), b * (p ** (-b - 1) - q ** (-b - 1)) * top / bottom)
            found += [share / bottom**2 * x for x in (top, *(q * gap for gap in gaps))]
    return found


def _savage(loss: Pointwise, y: float, f: float) -> list[Any]:
    p, q = _sigmoid(2 * mpmath.mpf(y * f)), _sigmoid(-2 * mpmath.mpf(y * f))
    return [8 * p * q * q * s for s in (2 * p, q)]


def _tangent(loss: Pointwise, y: float, f: float) -> list[Any]:
    m = mpmath.mpf(y * f)
    return [8 / (1 + m * m) ** 2 * s for s in (1, m * (2 * mpmath.atan(m) - 1))]


_MIXING = ("AsymmetricFocal", "BiTempered", "Brier", "Spherical", "Poly1", "LogitAdjusted", "WeightedLogistic",
           "GeneralizedCrossEntropy", "SymmetricCrossEntropy", "ForwardCorrection")  # fmt: skip
def _negative_binomial(loss: Pointwise, y: float, f: float) -> list[Any]:
    mu, a = mpmath.exp(f), mpmath.mpf(loss.parameters["alpha"])
    return [mu / (1 + a * mu), y / (1 + a * mu)]


def _weibull(loss: Pointwise, y: float, f: float) -> list[Any]:
    k = mpmath.mpf(loss.parameters["shape"])
    return [k, k * (y * mpmath.exp(-mpmath.mpf(f))) ** k]


ROOT: dict[tuple[str, str], Any] = {
    **ROOT_OF_SEVERAL,
    ("PoissonNLL", "gradient"): lambda loss, y, f: _tweedie(loss, y, f, 1),
    ("InverseGaussian", "gradient"): lambda loss, y, f: _tweedie(loss, y, f, 1),
    ("InverseGaussian", "hessian"): lambda loss, y, f: _tweedie(loss, y, f, 2),
    ("NegativeBinomial", "gradient"): _negative_binomial,
    ("Weibull", "gradient"): _weibull,
    ("LogNormal", "gradient"): lambda loss, y, f: [abs(mpmath.mpf(f)), abs(mpmath.log(y))],
    ("Logistic", "gradient"): lambda loss, y, f: [_sigmoid(mpmath.mpf(f)), mpmath.mpf(y)] if 0 < y < 1 else [0],
    ("BinaryCrossEntropy", "gradient"): lambda loss, y, f: _bce(loss, y, f) if 0 < y < 1 else [0],
    ("BinaryFocal", "gradient"): lambda loss, y, f: _focal_summands(loss, y, f, 1),
    ("BinaryFocal", "hessian"): lambda loss, y, f: _focal_summands(loss, y, f, 2),
    ("AsymmetricFocal", "hessian"): _asymmetric,
    ("Poisson", "gradient"): lambda loss, y, f: _tweedie(loss, y, f, 1),
    ("Gamma", "gradient"): lambda loss, y, f: _tweedie(loss, y, f, 1),
    ("Tweedie", "gradient"): lambda loss, y, f: _tweedie(loss, y, f, 1),
    ("Tweedie", "hessian"): lambda loss, y, f: _tweedie(loss, y, f, 2),
    ("Tukey", "hessian"): _tukey,
    ("Cauchy", "hessian"): lambda loss, y, f: _rational(loss.parameters["c"], y, f, 1),
    ("StudentT", "hessian"): lambda loss, y, f: _student(loss, y, f),
    ("GemanMcClure", "hessian"): lambda loss, y, f: _rational(loss.parameters["c"], y, f, 2),
    ("Welsch", "hessian"): lambda loss, y, f: _welsch(loss, y, f),
    ("Barron", "hessian"): lambda loss, y, f: _barron(loss, y, f),
    ("SmoothedQuantile", "gradient"): lambda loss, y, f: [
        _sigmoid(mpmath.mpf(f - y) / loss.parameters["bandwidth"]),
        loss.parameters["level"],
    ],
    ("MSLE", "hessian"): lambda loss, y, f: _msle(y, f),
    **{(name, "gradient"): lambda loss, y, f: _classes(loss, y, f, "gradient") for name in _MIXING},
    ("Brier", "hessian"): _by_class(lambda loss, z, p, q: [2 * p * q * q * s for s in (2 * p, q)]),
    ("Spherical", "hessian"): _by_class(_spherical),
    ("Poly1", "hessian"): _by_class(_poly1),
    ("GeneralizedCrossEntropy", "hessian"): _by_class(_generalized),
    ("SymmetricCrossEntropy", "hessian"): _by_class(_symmetric),
    ("SoftBootstrap", "gradient"): _bootstrap,
    ("SoftBootstrap", "hessian"): _soft_bend,
    ("HardBootstrap", "gradient"): _bootstrap,
    ("ForwardCorrection", "hessian"): _forward,
    ("BackwardCorrection", "value"): lambda loss, y, f: _backward(loss, y, f, "value"),
    ("BackwardCorrection", "gradient"): lambda loss, y, f: _backward(loss, y, f, "gradient"),
    ("BiTempered", "hessian"): _bitempered,
    ("Savage", "hessian"): _savage,
    ("Tangent", "hessian"): _tangent,
}


def _beyond_log(loss: Pointwise, y: float, f: float) -> Any:
    return abs(exact(loss, y, f, "gradient")) * ulp(max(abs(mpmath.mpf(f)), abs(mpmath.log(y)))) if y else 0


DEVIANCE: dict[tuple[str, str], Any] = DEVIANCE_OF_SEVERAL | {
    (name, "value"): _beyond_log
    for name in ("Poisson", "PoissonNLL", "Gamma", "Tweedie", "InverseGaussian", "NegativeBinomial", "Weibull",
                 "LogNormal")
}


def excess(loss: Pointwise, y: Any, f: Any, output: str, got: float, true: Any, by: tuple[int, ...] = ()) -> float:
    """The error of `got` in units of ulp, after the allowances of this pair; to be at most the promise.

    Of several outputs each element that has a root is a pair of its own: "gradient 1", "hessian 0 1".
    """
    key = (type(loss).__name__, " ".join([output, *map(str, by)]) if len(loss.outputs) > 1 else output)
    plain = error(got, true)
    if plain <= 1 or (key not in ROOT and key not in DEVIANCE) or not mpmath.isfinite(got):
        return plain
    largest = max(abs(x) for x in ROOT[key](loss, y, f)) if key in ROOT else None
    off = error(got, true, largest)
    if key not in DEVIANCE or off <= 1:
        return off
    unit = ulp(true if largest is None else max(abs(true), largest))
    return float(max(mpmath.mpf(0), abs(mpmath.mpf(got) - true) - DEVIANCE[key](loss, y, f)) / unit)
