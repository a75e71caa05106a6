"""What a prediction is judged by: one exact loss a question, unclipped, on the scale where it is exact.

A metric takes scores on the scale of its `link`: the prediction itself, its logarithm (Poisson half-deviance) or its
log-odds (log loss), so that nothing overflows or is rounded to 0 or 1 on the way. A prediction the metric is not
defined for (a mean of 0 or below) has no such score and costs infinity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from losskit.base import Pointwise
from losskit.links import IDENTITY, LOG, LOGIT, SIGN, Link
from losskit.losses.binary import Logistic
from losskit.losses.counts import Poisson
from losskit.losses.regression import AbsoluteError, Quantile, SquaredError

Array = np.ndarray


@dataclass(frozen=True)
class Metric:
    """A mean over rows that is to be small.

    Attributes
    ----------
    name, words : its name, and what it is in one sentence
    link : from the scale of the metric's scores to predictions
    loss : what a row costs; None for the error rate
    power : the power of the target's unit it is in (2 for squared error), or None where it has none
    """

    name: str
    words: str
    link: Link
    loss: Pointwise | None
    power: int | None = None

    def rows(self, y: Array, score: Array) -> Array:
        """What each row costs; inf where the prediction is outside the metric's domain or certain and wrong."""
        if self.loss is None:
            return ((score >= 0) != (y > 0.5)).astype(np.float64)
        known = ~np.isnan(score) if self.link is LOGIT else np.isfinite(score)
        cost = np.full(y.shape, np.inf)
        cost[known] = self.loss(y[known], score[known], reduction="none")
        return cost

    def constant(self, y: Array, w: Array | None) -> float:
        """The score of the best constant prediction."""
        if self.loss is None:
            return 1.0 if np.average(y, weights=w) >= 0.5 else -1.0
        return self.loss.constant(y, w)


def squared_error() -> Metric:
    """Judges means of real numbers."""
    return Metric(
        "squared error",
        "the mean of the squared differences between target and prediction",
        IDENTITY,
        SquaredError(),
        2,
    )


def poisson_deviance() -> Metric:
    """Judges means of counts and amounts."""
    return Metric(
        "Poisson half-deviance",
        "how far the predicted means are from the actual values, in the scale of counts "
        "and amounts, where large values may miss by more",
        LOG,
        Poisson(),
        1,
    )


def absolute_error() -> Metric:
    """Judges medians."""
    return Metric(
        "absolute error",
        "the mean of the absolute differences between target and prediction",
        IDENTITY,
        AbsoluteError(),
        1,
    )


def pinball(level: float) -> Metric:
    """Judges quantiles."""
    return Metric(
        f"pinball loss at {level:g}",
        f"the mean miss, where predicting too low costs {level:g} and too high {1 - level:g} a unit",
        IDENTITY,
        Quantile(level),
        1,
    )


def log_loss() -> Metric:
    """Judges probabilities."""
    return Metric(
        "log loss", "minus the mean logarithm of the probability given to what happened, not clipped", LOGIT, Logistic()
    )


def error_rate() -> Metric:
    """Judges labels."""
    return Metric("error rate", "the share of rows given the wrong label", SIGN, None)
