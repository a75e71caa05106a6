"""Links: what a raw score means. `to_prediction` turns scores into means, probabilities, quantiles or labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True)
class Link:
    """A monotone map between raw scores and predictions.

    Attributes
    ----------
    name : the field's name of the link
    to_prediction, to_score : elementwise, NumPy in and out; `to_score` may be infinite at the ends
    gives : {"number", "probability", "label"}
        What predictions are; a probability is that of class 1, or of label +1; of each class along the last axis for
        losses of many classes.
    """

    name: str
    to_prediction: Callable[[Any], Any]
    to_score: Callable[[Any], Any]
    gives: Literal["number", "probability", "label"] = "number"

    def __repr__(self) -> str:
        return f"<{self.name} link>"

    def __reduce__(self) -> str:
        return self.name.upper()


def _expit(f: Any) -> Any:
    e = np.exp(-np.abs(f))
    return np.where(np.asarray(f) >= 0, 1.0, e) / (1.0 + e)


def _softmax(f: Any) -> Any:
    e = np.exp(f - np.max(f, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def _sparsemax(f: Any) -> Any:
    ordered = np.sort(f, axis=-1)[..., ::-1]
    f, ordered = f - ordered[..., :1], ordered - ordered[..., :1]
    size = np.arange(1, f.shape[-1] + 1)
    excess = np.cumsum(ordered, axis=-1) - 1.0
    count = np.count_nonzero(size * ordered > excess, axis=-1, keepdims=True)
    threshold = np.take_along_axis(excess, count - 1, axis=-1) / count
    return np.maximum(f - threshold, 0.0)


def entmax(f: Any, alpha: float) -> tuple[Any, Any, Any, Any]:
    """The entmax of rows of scores, 1 <= alpha <= 2: the softmax at 1, the sparsemax at 2, between them sparse too.

    With a = alpha - 1, p_j = (1 - a v_j)^(1/a), or 0, where v_j = max f - f_j + s and s makes the row sum to 1: the log
    of the sum of exponentials at a = 0. Newton's steps for s come from below, where the sum is convex in s, and never
    pass it.

    Returns
    -------
    p, 1 - p, v, and p^a : arrays of f's shape (n, k)
    """
    a = alpha - 1.0
    m = f.max(axis=1, keepdims=True)
    apart = (f != m) | (m == -np.inf)
    below = np.where(apart, m - f, 0.0)
    lost = _rounded_away(m, -f, below, apart)
    first = np.arange(f.shape[1]) == f.argmax(axis=1)[:, None]
    s = np.zeros_like(m)
    for _ in range(100):
        p, power = _entmax_at(below + s, lost, a)
        others = np.where(first, 0.0, p).sum(axis=1, keepdims=True)
        over = (np.expm1(np.log1p(-a * s) / a) if a else np.expm1(-s)) + others
        step = over / (p / np.where(p > 0, power, 1.0)).sum(axis=1, keepdims=True)
        s = s + step
        if not (step > 4e-16 * s).any():
            break
    v = below + s
    p, power = _entmax_at(v, lost + _rounded_away(below, s, v, apart), a)
    others = np.where(first, 0.0, p).sum(axis=1, keepdims=True)
    return p, np.where(first, others, 1.0 - p), v, power


def _rounded_away(x: Any, y: Any, total: Any, where: Any) -> Any:
    """What the sum of x and y is more than `total`, that sum as rounded; 0 where it is not finite."""
    other = total - x
    return np.where(where & np.isfinite(total), (x - (total - other)) + (y - other), 0.0)


def _entmax_at(v: Any, lost: Any, a: float) -> tuple[Any, Any]:
    """p and p^a, of v and what rounding took from it."""
    if not a:
        p = np.exp(-v)
        return p - p * lost, np.ones_like(v)
    outside = a * v >= 1.0
    v = np.where(outside, 0.0, v)
    power = np.where(outside, 0.0, (1.0 - a * v) - a * lost)
    # a power of 4 or less is better than an exponential of a rounded logarithm
    p = power ** (1.0 / a) if a >= 0.25 else np.where(outside, 0.0, np.exp(np.log1p(-a * v) / a))
    return p, power


def entmax_link(alpha: float) -> Link:
    """The link of which entmax is the prediction; the score of a probability is one of many, which all rise alike."""

    def to_prediction(f: Any) -> Any:
        return entmax(f.reshape(-1, f.shape[-1]), alpha)[0].reshape(f.shape)

    def to_score(p: Any) -> Any:
        return np.log(p) if alpha == 1 else np.expm1((alpha - 1) * np.log(p)) / (alpha - 1)

    return Link(f"{alpha:g}-entmax", _quiet(to_prediction), _quiet(to_score), "probability")


def _of_cumulative(f: Any) -> Any:
    """The probability of each of k + 1 classes from the log-odds of lying above each of the first k."""
    edge = np.full_like(f[..., :1], np.inf)
    low, high = np.concatenate([edge, f], axis=-1), np.concatenate([f, -edge], axis=-1)
    return np.where(high > 0, _expit(-high) - _expit(-low), _expit(low) - _expit(high))


def _to_cumulative(p: Any) -> Any:
    above = np.cumsum(p[..., ::-1], axis=-1)[..., ::-1][..., 1:]
    return np.log(above) - np.log(np.cumsum(p, axis=-1)[..., :-1])


def _quiet(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`function` on floats, without NumPy's warnings: infinite scores are meant."""

    def act(x: Any) -> Any:
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return function(np.asarray(x, dtype=float))[()]

    return act


IDENTITY = Link("identity", _quiet(lambda f: f), _quiet(lambda p: p))
LOG = Link("log", _quiet(np.exp), _quiet(np.log))
LOGIT = Link("logit", _quiet(_expit), _quiet(lambda p: np.log(p) - np.log1p(-p)), "probability")
SIGN = Link("sign", _quiet(lambda f: np.where(np.isnan(f), np.nan, np.where(f >= 0, 1.0, -1.0))), _quiet(lambda p: p),
            "label")
# scores of margin losses whose best value tells the probability
HALF_LOGIT = Link("half_logit", _quiet(lambda f: _expit(2 * f)), _quiet(lambda p: (np.log(p) - np.log1p(-p)) / 2),
                  "probability")
LINEAR = Link("linear", _quiet(lambda f: (1 + np.clip(f, -1, 1)) / 2), _quiet(lambda p: 2 * p - 1), "probability")
SOFTMAX = Link("softmax", _quiet(_softmax), _quiet(np.log), "probability")
SPARSEMAX = Link("sparsemax", _quiet(_sparsemax), _quiet(lambda p: p), "probability")
CUMULATIVE = Link("cumulative", _quiet(_of_cumulative), _quiet(_to_cumulative), "probability")
ARCTANGENT = Link("arctangent", _quiet(lambda f: np.clip(np.arctan(f) + 0.5, 0, 1)), _quiet(lambda p: np.tan(p - 0.5)),
                  "probability")
