"""The decomposition of a mean score into miscalibration, discrimination and uncertainty, by isotonic recalibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from losskit.base import Pointwise
from losskit.errors import CapabilityError, DomainError
from losskit.evaluate import refuse_empty

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
        from sklearn.isotonic import isotonic_regression

        weight = np.add.reduceat(w, starts)
        means = isotonic_regression(np.add.reduceat(w * y, starts) / weight, sample_weight=weight)
        scores = np.array([loss._score_of_mean(m) for m in means.tolist()])
        fitted[order] = np.repeat(scores, np.diff([*starts, y.size]))
        return fitted
    pools: list[tuple[int, float]] = []  # where each begins, and its best constant
    ends = [*starts[1:].tolist(), y.size]
    for start, end in zip(starts.tolist(), ends, strict=True):
        at, score = start, float(loss.constant(y[start:end], w[start:end]))
        while pools and pools[-1][1] >= score:
            at = pools.pop()[0]
            score = float(loss.constant(y[at:end], w[at:end]))
        pools.append((at, score))
    sizes = np.diff([*(at for at, _ in pools), y.size])
    fitted[order] = np.repeat([score for _, score in pools], sizes)
    return fitted
