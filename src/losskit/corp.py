"""The decomposition of a mean score into miscalibration, discrimination and uncertainty, by isotonic recalibration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from losskit.base import Pointwise
from losskit.errors import CapabilityError, DomainError
from losskit.evaluate import refuse_empty
from losskit.links import IDENTITY

_HALVINGS = 100  # of the range of a score: beyond the last bit, but for scores near 0
_FAR = 512.0  # a score beyond which no loss is looked at

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Decomposition:
    """A mean score as miscalibration - discrimination + uncertainty; none of the three is negative.

    Attributes
    ----------
    score : float
        The mean loss of the predictions.
    miscalibration : float
        What they lose to their best monotone recalibration.
    discrimination : float
        What that gains on the best constant.
    uncertainty : float
        The mean loss of the best constant.
    """

    score: float
    miscalibration: float
    discrimination: float
    uncertainty: float


def decomposition(loss: Pointwise, y: Any, f: Any, sample_weight: Any = None) -> Decomposition:
    """How much of a mean loss is due to miscalibration, and how much the predictions tell apart (CORP).

    The predictions are recalibrated by the increasing function of f that has the least loss on these rows, found by
    pooling adjacent violators: an isotonic regression of the mean, the quantile or whatever the loss elicits. Nothing
    is binned, and nothing is to be tuned.

    Parameters
    ----------
    loss : Pointwise
        Of one output, and eliciting the mean (with any link) or convex in f.
    y, f, sample_weight : array_like
        As for the loss itself.

    Returns
    -------
    Decomposition

    Raises
    ------
    CapabilityError
        If the loss has several outputs, or neither elicits the mean nor is convex.
    DomainError
        If a prediction is nan, or there is no weight.

    References
    ----------
    Dimitriadis, Gneiting and Jordan (2021), doi:10.1073/pnas.2016191118; Gneiting and Resin (2023),
    doi:10.1214/23-EJS2180

    Examples
    --------
    >>> import losskit as lk
    >>> parts = lk.decomposition(lk.SquaredError(), [0.0, 1.0, 2.0, 3.0], [1.0, 0.0, 3.0, 4.0])
    >>> parts
    Decomposition(score=1.0, miscalibration=0.875, discrimination=1.125, uncertainty=1.25)
    """
    known = loss.traits() if isinstance(loss, Pointwise) and len(loss.outputs) == 1 else None
    if known is None or not (known.elicits == "mean" or known.convex):
        raise CapabilityError(
            f"{loss!r} cannot be decomposed: that takes a loss of one output that elicits the mean or is convex. "
            "Decompose the loss of each class or output by itself"
        )
    score = float(loss(y, f, sample_weight, empty="raise"))
    y, f, w = loss._border(y, f, sample_weight)
    kept = np.ones(y.shape, bool) if w is None else w > 0
    y, f = y[kept].astype(np.float64), f[kept].astype(np.float64)
    w = np.ones(y.size) if w is None else w[kept].astype(np.float64)
    if not y.size:
        refuse_empty(loss)
    if np.isnan(f).any():
        raise DomainError(f"f holds {int(np.isnan(f).sum())} nan of {f.size} predictions; remove such rows")
    best = float(loss(y, _recalibrated(loss, y, f, w, known.elicits == "mean"), w))
    uncertainty = float(loss(y, np.full_like(y, loss.constant(y, w)), w))
    return Decomposition(score, score - best, uncertainty - best, uncertainty)


def _recalibrated(loss: Pointwise, y: Array, f: Array, w: Array, of_mean: bool) -> Array:
    """The raw scores, increasing in f, of the least loss; equal where f is."""
    order = np.argsort(f, kind="stable")
    y, w = y[order], w[order]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(f[order]) > 0]))
    fitted = np.empty_like(f)
    if of_mean:
        weight = np.add.reduceat(w, starts)
        scores = scores_of_means(loss, np.add.reduceat(w * y, starts) / weight, weight)
    else:
        scores = _parted(loss, y, w, starts)
    fitted[order] = np.repeat(scores, np.diff([*starts, y.size]))
    return fitted


def scores_of_means(loss: Pointwise, means: Array, weight: Array) -> Array:
    """The raw scores of the increasing means nearest to `means`, by a loss that elicits the mean."""
    from sklearn.isotonic import isotonic_regression

    steps, place = np.unique(isotonic_regression(means, sample_weight=weight), return_inverse=True)
    return np.array([loss._score_of_mean(m) for m in steps.tolist()])[place]


def _parted(loss: Pointwise, y: Array, w: Array, starts: Array) -> Array:
    """The increasing scores of least convex loss, one for each run of rows from one of `starts` to the next.

    Pooling adjacent violators would solve for a constant in each pool. Here all pools halve the range of their score
    together: where a score c cuts a range, the rows that go below it are those up to which the slopes at c sum highest
    (Stout 2013, doi:10.1007/s00453-012-9628-4; Jordan et al. 2022, doi:10.1007/s10463-021-00808-0). A bit of every
    score takes one pass over the rows.
    """
    ends = np.diff([*starts, y.size])

    def slopes(c: Array) -> Array:
        rows = loss.gradient(y, np.repeat(c, ends), w, "sum")
        return np.asarray(np.add.reduceat(rows, starts))

    far = _reach(loss, y, slopes, len(starts))
    ends_of_range = (float(y.min()), float(y.max())) if far is None else (-far, far)
    low, high = (np.full(len(starts), end) for end in ends_of_range)
    for _ in range(_HALVINGS):
        c = low + (high - low) / 2
        if not ((low < c) & (c < high)).any():
            break
        first = np.concatenate([[True], (np.diff(low) > 0) | (np.diff(high) > 0)])
        begin = np.flatnonzero(first)
        pool = np.cumsum(first) - 1
        total = np.cumsum(slopes(c))
        before = np.concatenate([[0.0], total])[begin]  # the sum with no row of the pool below c
        top = np.maximum.reduceat(total, begin)
        at = np.where(total == top[pool], np.arange(len(c)), -1)
        last = np.where(top > before, np.maximum.reduceat(at, begin), begin - 1)
        below = np.arange(len(c)) <= last[pool]
        low, high = np.where(below, low, c), np.where(below, c, high)
    scores = low + (high - low) / 2
    if far == _FAR:  # where a loss still falls there, it falls for ever
        scores = np.where(low == -far, -np.inf, np.where(high == far, np.inf, scores))
    return scores


def _reach(loss: Pointwise, y: Array, slopes: Callable[[Array], Array], count: int) -> float | None:
    """How far from 0 the best scores lie; None where they lie between the targets."""
    if loss.link is IDENTITY and not loss.prediction_domain.bounded:
        return None
    far = 1.0
    while far < _FAR and ((slopes(np.full(count, -far)) > 0).any() or (slopes(np.full(count, far)) < 0).any()):
        far *= 2
    return far
