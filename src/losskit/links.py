"""Links: what a raw score means. `to_prediction` turns scores into means, probabilities, quantiles or labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Link:
    """A monotone map between raw scores and predictions.

    Attributes
    ----------
    name : the field's name of the link
    to_prediction, to_score : elementwise, NumPy in and out; `to_score` may be infinite at the ends
    """

    name: str
    to_prediction: Callable[[Any], Any]
    to_score: Callable[[Any], Any]

    def __repr__(self) -> str:
        return f"<{self.name} link>"

    def __reduce__(self) -> str:
        return self.name.upper()


def _expit(f: Any) -> Any:
    e = np.exp(-np.abs(f))
    return np.where(np.asarray(f) >= 0, 1.0, e) / (1.0 + e)


def _quiet(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`function` on floats, without NumPy's warnings: infinite scores are meant."""

    def act(x: Any) -> Any:
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return function(np.asarray(x, dtype=float))[()]

    return act


IDENTITY = Link("identity", _quiet(lambda f: f), _quiet(lambda p: p))
LOG = Link("log", _quiet(np.exp), _quiet(np.log))
LOGIT = Link("logit", _quiet(_expit), _quiet(lambda p: np.log(p) - np.log1p(-p)))
SIGN = Link("sign", _quiet(lambda f: np.where(np.isnan(f), np.nan, np.where(f >= 0, 1.0, -1.0))), _quiet(lambda p: p))
