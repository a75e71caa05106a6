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
ARCTANGENT = Link("arctangent", _quiet(lambda f: np.clip(np.arctan(f) + 0.5, 0, 1)), _quiet(lambda p: np.tan(p - 0.5)),
                  "probability")
