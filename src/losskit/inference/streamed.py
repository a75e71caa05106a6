"""Inference from rows that are read in batches: the sums that it is made of, each from a pass.

The width of the kernel that tells a quantile's density comes from a sample of the residuals, for the number of all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from losskit.data.streams import Batch, Stream
from losskit.errors import CapabilityError
from losskit.inference import Inference, Question, check_asked, concluded, fitted_penalty
from losskit.inference.covariance import Fit, penalty_of
from losskit.objectives.linear import Array, one_thread_each
from losskit.solvers.minimise import minimise
from losskit.solvers.over_streams import Rows


def infer_streamed(
    fitted: Question, stream: Stream, covariance: str = "robust", groups: str | None = None,
    weights: str = "frequency", dispersion: float | str | None = None, level: float = 0.95,
) -> Inference:  # fmt: skip
    """As `infer`, over a stream; `groups` is the name of a column."""
    penalty = fitted_penalty(fitted)
    check_asked(penalty, covariance, weights, dispersion, level)
    if groups is not None and not isinstance(groups, str):
        raise CapabilityError(f"groups of a file is the name of its column; got {type(groups).__name__}")
    if groups is not None:
        stream.look()
        stream.groups = groups
    rows = Rows.of(stream, fitted.loss)
    null = _null_value(fitted, rows)
    with one_thread_each():
        objective = rows.posed(fitted.loss, penalty, fitted.fit_intercept, False)
        theta = objective.from_user(np.asarray(fitted.coef), fitted.intercept)
        fit = StreamFit(objective, theta, weights == "frequency")
        sums = None if groups is None else fit.group_sums

        def summed(term: Callable[[Array], Array]) -> float:
            return float(fit.total(lambda part: part.weights @ term(part.objective.y)))

        return concluded(fitted, fit, covariance, sums, dispersion, level, null, summed)


class StreamFit:
    """What `Fit` is of rows at hand: the parts that are not by row, and sums over batches of a `Fit` each."""

    def __init__(self, objective: Any, theta: Array, frequency: bool) -> None:
        self.objective, self.loss, self.design, self.theta = objective, objective.loss, objective.design, theta
        self.frequency, self.width = frequency, None
        self.n = 0.0
        self.n, weight = self._counted()
        objective.total = weight
        sample = self._part(objective.sample)
        self.one, self.kinked = sample.one, sample.kinked
        self.penalty = penalty_of(objective, theta)
        if self.kinked:
            self.jump, self.square = sample.jump, sample.square
            self.width = sample.width * (sample.n / self.n) ** (1 / 3)

    def _counted(self) -> tuple[float, float]:
        found = np.zeros(2)

        def show(_: Batch, part: Any) -> None:
            nonlocal found
            found += float(self._counts(part).sum()), part.total

        self.objective.visit(show)
        return float(found[0]), float(found[1])

    def _counts(self, part: Any) -> Array:
        return part.weights if self.frequency and part.weights is not None else np.ones(len(part.y))

    def _part(self, part: Any) -> Fit:
        return Fit(part, self.theta, self._counts(part), self.width)

    def total(self, show: Callable[[Fit], Any]) -> Any:
        """The sum over all rows of what `show` makes of each batch, in a pass."""
        found: Any = 0.0

        def visit(_: Batch, part: Any) -> None:
            nonlocal found
            found = found + show(self._part(part))

        self.objective.visit(visit)
        return found

    def group_sums(self) -> Array:
        """The sums of w s x by group, a row each."""
        found: dict[Any, Array] = {}

        def visit(batch: Batch, part: Any) -> None:
            names, places = np.unique(batch.groups, return_inverse=True)
            for name, own in zip(names.tolist(), self._part(part).group_sums(places), strict=True):
                found[name] = found[name] + own if name in found else own

        self.objective.visit(visit)
        return np.array(list(found.values()))


def _null_value(fitted: Question, rows: Rows) -> float:
    """The mean loss of the best constant score; of no score at all without an intercept."""
    stream, loss = rows.stream, fitted.loss

    def alone() -> Any:
        for batch in stream.batches():
            ones = None if batch.weights is None and batch.offset is None else np.ones(len(batch.X))
            w = ones if batch.weights is None else batch.weights
            parts = (np.zeros((len(batch.X), 1)), batch.y, w, batch.offset)
            yield parts[:2] if w is None else parts[: 3 if batch.offset is None else 4]

    if fitted.fit_intercept:
        constant = Stream(alone)
        constant.classes = rows.classes
        return float(minimise(loss, None, constant, tol=1e-8).value)
    sums = np.zeros(2)
    for batch in stream.batches():
        y = np.asarray(batch.y, dtype=np.float64)
        f = np.zeros((len(y), *np.shape(fitted.intercept))) if batch.offset is None else batch.offset
        found = loss.partial(y, f, batch.weights)
        sums += found.sum, found.weight
    return float(sums[0] / sums[1])
