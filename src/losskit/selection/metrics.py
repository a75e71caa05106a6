"""What a prediction is judged by: one exact loss a question, unclipped, on the scale where it is exact.

A metric takes scores on the scale of its `link`: the prediction itself, its logarithm (Poisson half-deviance) or its
log-odds (log loss), so that nothing overflows or is rounded to 0 or 1 on the way; of more than two classes, a score for
each, of which the highest is the label. A prediction the metric is not defined for (a mean of 0 or below) has no such
score and costs infinity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.constants import weighted_quantile
from losskit.links import IDENTITY, LOG, LOGIT, SIGN, SOFTMAX, Link
from losskit.losses.binary import Logistic
from losskit.losses.counts import Poisson
from losskit.losses.multiclass import SoftmaxCrossEntropy
from losskit.losses.regression import AbsoluteError, AsymmetricSquared, Quantile, SquaredError
from losskit.rowwise import Rowwise

Array = np.ndarray


@dataclass(frozen=True)
class Metric:
    """A mean over rows that is to be small.

    Attributes
    ----------
    name, words : its name, and what it is in one sentence
    link : from the scale of the metric's scores to predictions
    loss : what a row costs; None where a label is judged
    costs : of each label (column) for rows of each class, in place of 0 and 1
    levels, factor : of the quantiles that are judged together, a score each, by so many times the sum of their losses
    pairs : whether the order of two classes is judged, by pairs of rows
    ranked : whether cumulated probabilities of ordered classes are judged, and `loss` tells the best constant alone
    power : the power of the target's unit it is in (2 for squared error), or None where it has none
    """

    name: str
    words: str
    link: Link
    loss: Pointwise | Rowwise | None
    power: int | None = None
    costs: tuple[tuple[float, ...], ...] | None = None
    levels: tuple[float, ...] = ()
    factor: float = 1.0
    ranked: bool = False
    pairs: bool = False

    def rows(self, y: Array, score: Array, w: Array | None = None) -> Array:
        """What each row costs; inf where the prediction is outside the metric's domain or certain and wrong.

        The weights `w` are those by which the costs are averaged; only pairs of rows heed them here.
        """
        if self.pairs:
            return np.where(np.isnan(score), np.inf, misordered(y, score, w))
        if self.levels:
            parts = [Quantile(level)(y, q, reduction="none") for level, q in zip(self.levels, score.T, strict=True)]
            return self.factor * np.where(np.isfinite(score).all(axis=1), np.sum(parts, axis=0), np.inf)
        if self.loss is None:
            chosen, actual = labels(score), y.astype(np.intp)
            cost = (chosen != actual).astype(np.float64) if self.costs is None else np.array(self.costs)[actual, chosen]
            return np.where(np.isnan(score if score.ndim == 1 else score.sum(axis=1)), np.inf, cost)
        if self.ranked:
            below = np.cumsum(self.link.to_prediction(score), axis=1)[:, :-1]
            cost = ((below - (y[:, None] <= np.arange(below.shape[1]))) ** 2).sum(axis=1)
            return np.where(np.isnan(cost), np.inf, cost)
        known = ~np.isnan(score) if self.link is LOGIT else np.isfinite(score)
        if score.ndim > 1:
            known = known.all(axis=1)
        cost = np.full(y.shape, np.inf)
        cost[known] = self.loss(y[known], score[known], reduction="none")
        return cost

    def constant(self, y: Array, w: Array | None, classes: int = 0) -> Any:
        """The score of the best constant prediction; of `classes` > 2, one a class."""
        if self.levels:
            return np.array([weighted_quantile(y, level, w) for level in self.levels])
        if self.loss is not None and classes <= 2:
            assert isinstance(self.loss, Pointwise)
            return self.loss.constant(y, w)
        shares = np.bincount(y.astype(np.intp), w, max(classes, 2))
        if self.loss is not None:
            with np.errstate(divide="ignore"):
                return np.log(shares / shares.sum())
        least = shares @ (1.0 - np.eye(len(shares)) if self.costs is None else np.array(self.costs))
        return -least if classes > 2 else 1.0 if least[1] <= least[0] else -1.0


def labels(score: Array) -> Array:
    """The code of the label that scores stand for: of two classes by the sign, of more the highest."""
    return np.asarray(score.argmax(axis=1) if score.ndim > 1 else score >= 0, dtype=np.intp)


def misordered(y: Array, score: Array, w: Array | None = None) -> Array:
    """For each row the weight of the rows of the other of two classes on its wrong side; ties count half.

    So scaled that the weighted mean is the share of pairs, one row of each class, that are in the wrong order: 1 less
    the area under the ROC curve. One half throughout where a class is missing.
    """
    w, one = np.ones(len(y)) if w is None else w, y > 0.5
    found, place = np.unique(score, return_inverse=True)
    ones, zeros = (np.bincount(place, w * own, len(found)) for own in (one, ~one))
    if not (ones.any() and zeros.any()):
        return np.full(len(y), 0.5)
    above, below = zeros.sum() - np.cumsum(zeros) + zeros / 2, np.cumsum(ones) - ones / 2
    half = w.sum() / (2 * ones.sum() * zeros.sum())
    return np.asarray(half * np.where(one, above[place], below[place]))


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


def expectile_loss(level: float) -> AsymmetricSquared:
    """The loss that is lowest for an expectile; squared error at one half."""
    return AsymmetricSquared(under=2 * level, over=float(f"{2 * (1 - level):.15g}"))  # 0.4, not 0.3999999999999999


def expectile_score(level: float) -> Metric:
    """Judges expectiles: Newey and Powell (1987), doi:10.2307/1911031."""
    words = f"the mean squared miss; too low a prediction counts {2 * level:g} fold, too high {2 - 2 * level:g} fold"
    return Metric(f"expectile score at {level:g}", words, IDENTITY, expectile_loss(level), 2)


def interval_score(level: float) -> Metric:
    """Judges intervals: Winkler's score (1972), doi:10.2307/2284720."""
    words = f"the mean width, and for a row outside {2 / (1 - level):.3g} times its distance on top"
    ends = (0.5 - level / 2, 0.5 + level / 2)
    return Metric(f"interval score at {level:g}", words, IDENTITY, None, 1, None, ends, 2 / (1 - level))


def quantile_score(levels: tuple[float, ...]) -> Metric:
    """Judges distributions by quantiles: about the CRPS, of which it is a sum of few terms."""
    words = f"twice the mean pinball loss of the {len(levels)} quantiles {', '.join(f'{q:g}' for q in levels)}"
    return Metric("quantile score", words, IDENTITY, None, 1, None, levels, 2 / len(levels))


def log_loss() -> Metric:
    """Judges probabilities."""
    return Metric(
        "log loss", "minus the mean logarithm of the probability given to what happened, not clipped", LOGIT, Logistic()
    )


def error_rate() -> Metric:
    """Judges labels."""
    return Metric("error rate", "the share of rows given the wrong label", SIGN, None)


def ranking_error() -> Metric:
    """Judges the order of two classes: 1 less the area under the ROC curve.

    Lowest for the order of the probabilities: Clémençon, Lugosi and Vayatis (2008), doi:10.1214/009052607000000910.
    """
    words = "the share of pairs of rows, one of each class, that are in the wrong order: 1 less the area under the ROC"
    return Metric("ranking error", words, SIGN, None, pairs=True)


def log_loss_of_classes() -> Metric:
    """Judges probabilities of more than two classes."""
    words = "minus the mean logarithm of the probability given to what happened, not clipped"
    return Metric("log loss", words, SOFTMAX, SoftmaxCrossEntropy())


def ranked_probability_score() -> Metric:
    """Judges probabilities of ordered classes.

    Source: Epstein (1969), doi:10.1175/1520-0450(1969)008<0985:ASSFPF>2.0.CO;2
    """
    words = (
        "for each cut between two neighbouring classes the squared error of the probability of lying below, summed: "
        "probability far from the class that happened costs more than probability beside it"
    )
    return Metric("ranked probability score", words, SOFTMAX, SoftmaxCrossEntropy(), ranked=True)


def metric_of_probabilities(classes: int) -> Metric:
    """The log loss of two classes, or of more."""
    return log_loss() if classes == 2 else log_loss_of_classes()


def mean_cost(costs: tuple[tuple[float, ...], ...]) -> Metric:
    """Judges labels under costs."""
    return Metric("mean cost", "what the labels given cost a row, by the costs stated", SIGN, None, costs=costs)
