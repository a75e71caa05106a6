"""From the probabilities of classes to those that hold, and to labels: recalibration, other shares, thresholds.

Probabilities are log-odds z of the second of two classes, (n,), or log-probabilities of more, (n, k): neither is ever
rounded to 0 or 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from losskit.errors import CapabilityError, ModelFileError, ParameterError
from losskit.losses.binary import Logistic
from losskit.losses.multiclass import SoftmaxCrossEntropy

Array = np.ndarray
KINDS = ("platt", "beta", "isotonic", "temperature")
METRICS = ("balanced_accuracy", "f1", "mcc")
_POINTS = 256


@dataclass(frozen=True, eq=False)
class Recalibration:
    """A map of log-odds, or log-probabilities, to such that hold; fitted on rows that the model had not seen.

    Attributes
    ----------
    kind : {"platt", "beta", "isotonic", "temperature"}
        a z + b (Platt 1999); a log p - b log(1 - p) + c with a, b >= 0 (Kull et al. 2017, doi:10.1214/17-EJS1338SI);
        increasing and otherwise free (Zadrozny and Elkan 2002, doi:10.1145/775047.775151); of more than two classes
        log-probabilities times a (Guo et al. 2017, arXiv:1706.04599).
    numbers : its parameters; of an isotonic map z and the probability there, one below the other
    """

    kind: str
    numbers: Array

    def __call__(self, z: Array) -> Array:
        """The log-odds or log-probabilities that hold."""
        if self.kind == "isotonic":
            p = np.interp(z, *self.numbers)
            return np.asarray(np.log(p) - np.log1p(-p))
        if self.kind == "temperature":
            return normalised(_times(self.numbers[0], z))
        if self.kind == "platt":
            return np.asarray(_times(self.numbers[0], z) + self.numbers[1])
        a, b, c = self.numbers
        return np.asarray(_times(b, np.logaddexp(0, z)) - _times(a, np.logaddexp(0, -z)) + c)


def recalibrate(kind: str, z: Array, y: Array, w: Array | None = None) -> Recalibration:
    """Fit a map to classes y (0, 1 ...) of rows predicted z.

    Platt's and the beta map are fitted to his smoothed targets, (n1 + 1)/(n1 + 2) and 1/(n0 + 2), so that classes which
    z parts leave finite probabilities; the ends of an isotonic map are as if half a row of the other class were there.

    Raises
    ------
    ParameterError
        If there is no such kind for so many classes.
    """
    wanted = KINDS[3:] if z.ndim > 1 else KINDS[:3]
    if kind not in wanted:
        raise ParameterError(f"{kind!r} recalibrates no {'more than ' * (z.ndim > 1)}two classes; use {_or(wanted)}")
    if kind == "isotonic":
        return Recalibration(kind, _isotonic(z, y, np.ones(len(y)) if w is None else w))
    if kind != "temperature":
        ones = float(y.sum() if w is None else w @ y)
        zeros = float(len(y) if w is None else w.sum()) - ones
        y = np.where(y > 0.5, (ones + 1) / (ones + 2), 1 / (zeros + 2))
    return _smooth(kind, z, y, w)


def miscalibration(z: Array, y: Array, w: Array | None = None) -> float:
    """The p-value of "these probabilities hold": the likelihood ratio of the beta map, or the temperature, to none.

    Of two classes against three parameters, of which Cox's slope and intercept (1958, doi:10.1093/biomet/45.3-4.562)
    are a part; of more against one.
    """
    from scipy.special import chdtrc

    fitted = _smooth("temperature" if z.ndim > 1 else "beta", z, y, w)
    gain = log_loss(z, y, w) - log_loss(fitted(z), y, w)
    weight = float(len(y) if w is None else w.sum())
    return float(chdtrc(len(fitted.numbers), 2 * weight * max(gain, 0.0)))


def log_loss(z: Array, y: Array, w: Array | None = None) -> float:
    """Minus the mean log-probability of what happened."""
    return float((SoftmaxCrossEntropy() if z.ndim > 1 else Logistic())(y, z, w))


def _smooth(kind: str, z: Array, y: Array, w: Array | None) -> Recalibration:
    """The parameters of least log loss, from those of no change."""
    from scipy.optimize import minimize

    loss = SoftmaxCrossEntropy() if z.ndim > 1 else Logistic()
    parts = {
        "platt": lambda: np.column_stack([z, np.ones_like(z)]), "temperature": lambda: z[..., None],
        "beta": lambda: np.column_stack([-np.logaddexp(0, -z), np.logaddexp(0, z), np.ones_like(z)]),
    }[kind]()  # fmt: skip
    start, free = {"platt": [1.0, 0.0], "temperature": [1.0], "beta": [1.0, 1.0, 0.0]}[kind], (None, None)
    bounds = [free if each == 0 else (0.0, None) for each in start]

    def objective(theta: Array) -> tuple[float, Array]:
        value, slope = loss.value_and_gradient(y, parts @ theta, w)
        return float(value), np.tensordot(slope, parts, slope.ndim)

    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14})
    return Recalibration(kind, np.asarray(found.x, dtype=np.float64))


def _isotonic(z: Array, y: Array, w: Array) -> Array:
    """The knots of the increasing map of least log loss: where each of its steps begins and ends."""
    from sklearn.isotonic import isotonic_regression

    at, place = np.unique(z, return_inverse=True)
    weight = np.bincount(place, w)
    p = isotonic_regression(np.bincount(place, w * y) / weight, sample_weight=weight)
    low, high = weight[p == p[0]].sum(), weight[p == p[-1]].sum()
    p = np.clip(p, 0.5 / (low + 1), 1 - 0.5 / (high + 1))
    ends = np.flatnonzero(np.r_[True, np.diff(p) > 0] | np.r_[np.diff(p) > 0, True])
    return np.vstack([at[ends], p[ends]])


def _times(a: float, z: Array) -> Array:
    """a z, and 0 where a is, whatever z."""
    return a * z if a else np.zeros_like(z)


def normalised(z: Array) -> Array:
    """Log-probabilities, from such up to a constant a row."""
    from scipy.special import log_softmax

    return np.asarray(log_softmax(z, axis=1))


def shifted(z: Array, shares: Array, prior: Array) -> Array:
    """What holds where the classes have other shares, and rows of a class look the same (label shift).

    Saerens et al. (2002), doi:10.1162/089976602753284446.
    """
    odds = np.log(prior) - np.log(shares)
    return np.asarray(z + (odds[1] - odds[0])) if z.ndim == 1 else normalised(z + odds)


def shares_of(y: Array, classes: int, w: Array | None = None) -> Array | None:
    """The shares of classes 0, 1 ... by weight; None of numbers."""
    if not classes:
        return None
    counts = np.bincount(y.astype(np.intp), w, classes)
    return counts / counts.sum()


def read_prior(given: Any, classes: tuple[str, ...], shares: Array | None) -> Array:
    """The shares of the classes: those given, and for the others what is left, as they were to each other in training.

    Raises
    ------
    CapabilityError
        If the model has no classes, or does not know their shares.
    ParameterError
        If a class is not known, or the shares are none.
    """
    if not classes or shares is None:
        raise CapabilityError("a prior is of classes, and this model tells no probabilities of classes")
    if not isinstance(given, dict) or not given or not all(_is_share(v) for v in given.values()):
        raise ParameterError(f"prior={given!r} is none; give shares between 0 and 1 by class, such as {{'yes': 0.02}}")
    if unknown := [label for label in given if label not in classes]:
        raise ParameterError(f"prior: {unknown[0]!r} is no class of the model; they are {', '.join(classes[:12])}")
    told = np.array([given.get(label, 0.0) for label in classes])
    left, total = np.where(told > 0, 0.0, shares), float(told.sum())
    if (left.any() and total >= 1) or (not left.any() and abs(total - 1) > 1e-6):
        what = "less than 1, which leaves some for the other classes" if left.any() else "1"
        raise ParameterError(f"prior: the shares sum to {total:g}; they must sum to {what}")
    return np.asarray(told / total if not left.any() else told + (1 - total) * left / left.sum())


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1


@dataclass(frozen=True, eq=False)
class Labelling:
    """How a model's probabilities become such that hold, and those labels.

    Attributes
    ----------
    shares : of the classes in training, by weight
    recalibration : Recalibration, optional
    metric : what the threshold is chosen for: "f1", "balanced_accuracy" ..., or nothing
    curve : (m, 3), optional
        Thresholds on z, falling, with the shares of class 1 and of class 0 above each, of rows predicted by models that
        had not seen them. From these the threshold is chosen for any shares of the classes.
    """

    shares: Array | None = None
    recalibration: Recalibration | None = None
    metric: str = ""
    curve: Array | None = None

    @property
    def adjusts(self) -> bool:
        """Whether labels are other than those of the raw scores."""
        return self.recalibration is not None or self.curve is not None

    def odds(self, z: Array, prior: Array | None = None) -> Array:
        """Log-odds or log-probabilities that hold, at the shares of training or others."""
        if self.recalibration is not None:
            z = self.recalibration(z)
        return z if prior is None or self.shares is None else shifted(z, self.shares, prior)

    def cut(self, prior: Array | None = None) -> float:
        """The log-odds from which on a row is of the second class, for the metric at these shares."""
        if self.curve is None or self.shares is None:
            return 0.0
        share = (self.shares if prior is None else prior)[1]
        z, hits, alarms = self.curve.T
        at = z[int(np.argmax(worth(self.metric, hits, alarms, float(share))))]
        return float(at if prior is None else shifted(at[None], self.shares, prior)[0])

    def names(self) -> dict[str, str]:
        """What a model file says of it in words."""
        return {"metric": self.metric, "recalibration": self.recalibration.kind if self.recalibration else ""}

    def arrays(self) -> dict[str, Array]:
        """What a model file says of it in numbers."""
        found = {"shares": self.shares, "curve": self.curve}
        if self.recalibration is not None:
            found["recalibration"] = self.recalibration.numbers
        return {name: values for name, values in found.items() if values is not None}

    @classmethod
    def read(cls, metric: str, kind: str, arrays: dict[str, Array], classes: int) -> Labelling:
        """The way back from a model file.

        Raises
        ------
        ModelFileError
            If words and numbers are none that a fit makes.
        """
        shares, curve, numbers = (arrays.get(name) for name in ("shares", "curve", "recalibration"))
        good = shares is None or (shares.shape == (classes,) and bool((shares > 0).all()))
        good = good and (curve is None) == (not metric) and (numbers is None) == (not kind)
        if curve is not None:
            good = good and classes == 2 and shares is not None and curve.ndim == 2 and curve.shape[1] == 3
            good = good and len(curve) > 0 and (metric in METRICS or beta_of(metric) is not None)
        if numbers is not None:
            shape = {"platt": (2,), "beta": (3,), "temperature": (1,)}.get(kind, (2, numbers.shape[-1]))
            good = good and kind in KINDS and numbers.shape == shape and (kind == "temperature") == (classes > 2)
            good = good and numbers.size > 0 and (kind != "isotonic" or bool((np.diff(numbers) >= 0).all()))
            good = good and (kind != "isotonic" or bool(((numbers[1] > 0) & (numbers[1] < 1)).all()))
        if not good:
            raise ModelFileError("shares, threshold and recalibration contradict each other; the model is damaged")
        return cls(shares, None if numbers is None else Recalibration(kind, numbers), metric, curve)


def curve_of(z: Array, y: Array, w: Array | None = None, points: int = _POINTS) -> Array:
    """Thresholds between the values of z, falling, with the shares of class 1 and of class 0 above each."""
    w, z = np.ones(len(y)) if w is None else w, np.nan_to_num(z, posinf=1e300, neginf=-1e300)
    values, place = np.unique(-z, return_inverse=True)
    ones, zeros = np.bincount(place, w * y), np.bincount(place, w * (1 - y))
    hits, alarms = np.cumsum(ones) / ones.sum(), np.cumsum(zeros) / zeros.sum()
    edges = -np.append((values[:-1] + values[1:]) / 2, values[-1])
    found = np.column_stack([edges, hits, alarms])
    if len(found) <= points:
        return found
    # the corners of the hull hold the best threshold for F and balanced accuracy, whatever the shares
    kept = np.unique(np.r_[_hull(alarms, hits), np.linspace(0, len(found) - 1, points).round().astype(np.intp)])
    return found[kept]


def _hull(x: Array, y: Array) -> list[int]:
    """The corners of the least concave line above the points, whose x rise."""
    kept: list[int] = []
    for i in range(len(x)):
        while len(kept) > 1:
            a, b = kept[-2], kept[-1]
            if (x[b] - x[a]) * (y[i] - y[a]) < (y[b] - y[a]) * (x[i] - x[a]):
                break
            kept.pop()
        kept.append(i)
    return kept


def beta_of(name: str) -> float | None:
    """The number in "f1" or "fbeta:2"; None of other names."""
    try:
        beta = 1.0 if name == "f1" else float(name.removeprefix("fbeta:")) if name.startswith("fbeta:") else math.nan
    except ValueError:
        return None
    return beta if 0 < beta < math.inf else None


def worth(name: str, hits: Any, alarms: Any, share: float) -> Any:
    """The metric, larger is better, where class 1 has this share; nan where it is not defined.

    Parameters
    ----------
    hits, alarms : the shares of class 1 and of class 0 called class 1
    """
    found, false = share * hits, (1 - share) * alarms
    missed = share - found
    if name == "balanced_accuracy":
        return (hits + 1 - alarms) / 2
    if name == "mcc":
        called = found + false
        return (found - share * called) / np.sqrt(np.maximum(called * (1 - called) * share * (1 - share), 1e-300))
    beta = (beta_of(name) or 1.0) ** 2
    return (1 + beta) * found / ((1 + beta) * found + beta * missed + false)


def _or(names: tuple[str, ...]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
