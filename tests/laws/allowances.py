"""How far a number may be from the truth: the promise, and the two allowances of the numerics page. No third.

ROOT: a derivative that is a difference with a root is bounded in ulp of its largest summand.
DEVIANCE: a deviance near f = log y may be off by |gradient| ulp(max(|f|, |log y|)): f - log y is not known better.
"""

from __future__ import annotations

from typing import Any

import mpmath

from losskit.base import Pointwise
from tests.laws.oracle import exact, ulp

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


def _sigmoid(z: Any) -> Any:
    return 1 / (1 + mpmath.exp(-z))


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


def _tukey(loss: Pointwise, y: float, f: float) -> list[Any]:
    s = (mpmath.mpf(f - y) / loss.parameters["c"]) ** 2
    u = abs(1 - s)
    return [u * u, 4 * u * s]


def _tweedie(loss: Pointwise, y: float, f: float, order: int) -> list[Any]:
    p = mpmath.mpf(loss.parameters.get("power", {"Poisson": 1, "Gamma": 2}.get(type(loss).__name__)))
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


ROOT: dict[tuple[str, str], Any] = {
    ("Logistic", "gradient"): lambda loss, y, f: [_sigmoid(mpmath.mpf(f)), mpmath.mpf(y)] if 0 < y < 1 else [0],
    ("BinaryCrossEntropy", "gradient"): lambda loss, y, f: _bce(loss, y, f) if 0 < y < 1 else [0],
    ("BinaryFocal", "gradient"): lambda loss, y, f: _focal_summands(loss, y, f, 1),
    ("BinaryFocal", "hessian"): lambda loss, y, f: _focal_summands(loss, y, f, 2),
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
}
DEVIANCE = {("Poisson", "value"), ("Gamma", "value"), ("Tweedie", "value")}


def excess(loss: Pointwise, y: float, f: float, output: str, got: float, true: Any) -> float:
    """The error of `got` in units of ulp, after the allowance of this pair; to be at most the promise."""
    from tests.laws.oracle import error

    key = (type(loss).__name__, output)
    plain = error(got, true)
    if key in ROOT and plain > 1:
        return error(got, true, max(abs(x) for x in ROOT[key](loss, y, f)))
    if key in DEVIANCE and plain > 1 and y > 0 and plain != float("inf"):
        unknown = abs(exact(loss, y, f, "gradient")) * ulp(max(abs(mpmath.mpf(f)), abs(mpmath.log(y))))
        return float(max(mpmath.mpf(0), abs(mpmath.mpf(got) - true) - unknown) / ulp(true))
    return plain
