"""The objective over rows that are read in batches, never held: each evaluation is one pass over the stream.

Sums over batches add up to those over all rows, so a solver that sees value, gradient and Hessian sees no difference.
Units of columns, the size that gradients are compared with, and the start come from a sample that fits into memory.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.border import as_real
from losskit.data.moments import refuse_unfinite
from losskit.data.streams import Batch, Stream
from losskit.errors import DataError, DomainError
from losskit.objectives.classes import ClassObjective, OutputsObjective
from losskit.objectives.design import Array
from losskit.objectives.linear import Objective
from losskit.objectives.ordered import OrderedObjective
from losskit.objectives.passes import Passes

View = Callable[[Batch], Batch]

STEPS = tuple(2.0**-k for k in range(8))  # along a line that are tried in one pass


class _Streamed:
    """What an objective over a stream has in place of that over its rows.

    Parameters
    ----------
    stream : Stream
        Its targets coded as the loss takes them.
    sample : objective
        The same over some of its rows.
    passes : Passes, optional
        Who reads the stream.
    view : callable, optional
        From a batch to what of it counts: some rows, or one of several targets.
    grams : Grams, optional
        Of a quadratic loss, which then serve all that share them.

    Raises
    ------
    DomainError, DataError
        With the batch in which a row is no good.
    """

    design: Any
    loss: Any
    penalty: Any
    total: float
    offset: Array | None
    _coefficients: Any
    blocks_of: Any

    def __init__(
        self, stream: Stream, sample: Any, passes: Passes | None = None, view: View | None = None,
        grams: Grams | None = None,
    ) -> None:  # fmt: skip
        vars(self).update(vars(sample))
        self.stream, self.sample, self.view, self.grams = stream, sample, view, grams
        self.passes = Passes(stream) if passes is None else passes
        self.design = copy.copy(sample.design)
        self.design.rows = stream.rows or sample.design.rows
        self.offset = None
        self._widest: Array | None = None

    def _sums(self, theta: Array, order: int, known: Array | None = None) -> tuple[list[Any], None]:
        totals: list[Any] = []
        weight, widest = 0.0, np.zeros(self.design.columns)

        def visit(batch: Batch, part: Any) -> None:
            nonlocal totals, weight
            sums, _ = part._sums(theta, order) if self.grams is None else self.grams.sums(batch, part, theta, order)
            if not np.isfinite(sums[1]).all():
                refuse_unfinite(batch.X)
            totals = [a + b for a, b in zip(totals, sums, strict=True)] if totals else sums
            weight += part.total
            if self._widest is None:
                np.maximum(widest, part.design.widest(), out=widest)

        self.visit(visit)
        self.total, self._widest = weight, widest if self._widest is None else self._widest
        return totals, None  # scores of a stream are not kept

    def along(
        self, theta: Array, direction: Array, scores: Array | None = None
    ) -> Callable[[float], tuple[float, float]]:
        """t -> value and slope at theta + t direction; a pass tells 1, 1/2, 1/4 ... at once."""
        coef, move = self._coefficients(theta), self._coefficients(direction)
        known: dict[float, tuple[float, float]] = {}

        def look(steps: set[float]) -> None:
            sums = {t: np.zeros(2) for t in steps}

            def visit(_: Batch, part: Any) -> None:
                f, df = part.scores(theta), part.moves(direction)
                for t, found in sums.items():
                    with np.errstate(over="ignore", invalid="ignore"):  # infinite losses are meant
                        value, g = self.loss.value_and_gradient(part.y, f + t * df, part.weights, "sum")
                        found += value, np.vdot(g, df)

            self.visit(visit)
            for t, (value, slope) in sums.items():
                now = coef + t * move
                known[t] = (
                    float(value) / self.total + self.penalty.value(now),
                    float(slope) / self.total + float(self.penalty.gradient(now) @ move),
                )

        def at(t: float) -> tuple[float, float]:
            if t not in known:
                look({t} if known else {t, *STEPS})
            return known[t]

        return at

    def reach(self, direction: Array) -> float:
        """By how much a step changes a row's score, at most; a bound of it where that is small."""
        p, most = self.design.columns, 0.0
        if self._widest is not None:
            blocks = np.abs(self.blocks_of(direction))
            bound = float((blocks[:, :p] / self.design.scale @ self._widest + blocks[:, p:].max(1, initial=0.0)).max())
            if bound < 0.1:
                return bound

        def visit(_: Batch, part: Any) -> None:
            nonlocal most
            most = max(most, float(np.abs(part.moves(direction)).max(initial=0.0)))

        self.visit(visit)
        return most

    @property
    def null_value(self) -> float:
        """The value at `null`, of the sample."""
        return float(self.sample.null_value)

    @property
    def null(self) -> Array:
        """Where solvers start: the sample's."""
        return np.asarray(self.sample.null)

    def null_inverse(self) -> Any:
        """That of the sample, of losses of several scores a row."""
        return getattr(self.sample, "null_inverse", lambda: None)()

    def thinned(self, stride: int) -> Any:
        """The objective of the sample."""
        return self.sample

    def adopt(self, other: Any, theta: Array) -> Array:
        """`theta` of the sample is in these units already."""
        return theta if other is self.sample else self.sample.adopt(other, theta)

    def with_loss(self, loss: Pointwise) -> Any:
        """The sample under another loss."""
        return self.sample.with_loss(loss)

    def visit(self, show: Callable[[Batch, Any], None]) -> None:
        """Show each batch, and the sums' owner over it, in one pass."""

        def visit(batch: Batch) -> None:
            batch = batch if self.view is None else self.view(batch)
            if len(batch.X):
                with placed(self.stream, f"the {len(batch.X)} rows from {batch.start} on"):
                    show(batch, self.part_of(batch))

        self.passes.run(visit)

    def again(self, passes: Passes, view: View | None = None) -> Any:
        """The same by other passes, over what `view` leaves of its batches."""
        both = [each for each in (self.view, view) if each is not None]
        return over_stream(self.stream, self.sample, passes, partial(_in_turn, both) if both else None, self.grams)

    def part_of(self, batch: Batch) -> Any:
        """The same over a batch's rows."""
        part = copy.copy(self.sample)
        vars(part).pop("slopes", None)
        part.y = np.ascontiguousarray(batch.y, dtype=np.float64)
        part.weights, part.offset = batch.weights, batch.offset
        if part.offset is not None and self.loss.variables == ("r",):
            part.y, part.offset = part.y - part.offset, None
        if base := getattr(self.sample, "base", 0.0):
            part.y = part.y - base
        part.total = part.weight()
        part.design = self.design.over(batch.X)
        return part


def _in_turn(views: list[View], batch: Batch) -> Batch:
    for view in views:
        batch = view(batch)
    return batch


class Grams:
    """The Gram matrix of the batch at work, if a quadratic loss has asked for it: other targets' are the same."""

    def __init__(self) -> None:
        self._start, self._gram = -1, None

    def sums(self, batch: Batch, part: Any, theta: Array, order: int) -> tuple[list[Any], Any]:
        """What `part`, over the batch, has at theta."""
        if order == 2 and batch.start == self._start:
            (value, slopes, _), scores = part._sums(theta, 1)
            return [value, slopes, self._gram], scores
        found, scores = part._sums(theta, order)
        if order == 2:
            self._start, self._gram = batch.start, found[2]
        return found, scores


class StreamObjective(_Streamed, Objective):
    """sum(w L(y, X coef + b)) / sum(w) + penalty(coef), as a function of `theta`, by passes over a stream."""


class _StreamClasses(_Streamed, ClassObjective):
    """The same of a loss with a score a class."""


class _StreamOutputs(_Streamed, OutputsObjective):
    """The same of a loss of several outputs."""


class _StreamOrdered(_Streamed, OrderedObjective):
    """The same of ordered classes."""


_KINDS: dict[type, Any] = {
    Objective: StreamObjective, ClassObjective: _StreamClasses, OutputsObjective: _StreamOutputs,
    OrderedObjective: _StreamOrdered,
}  # fmt: skip


def over_stream(
    stream: Stream, sample: Any, passes: Passes | None = None, view: View | None = None, grams: Grams | None = None
) -> Any:
    """The objective over a stream that has that of a sample."""
    return _KINDS[type(sample)](stream, sample, passes, view, grams)


@contextmanager
def placed(stream: Stream, rows: str) -> Iterator[None]:
    """Say in which rows of a stream an error was found."""
    try:
        yield
    except (DomainError, DataError) as error:
        raise type(error)(f"{stream!r}, {rows}: {error}") from None


def numbers(y: Any) -> Array:
    """Targets that are numbers."""
    return np.asarray(as_real("y", y), dtype=np.float64)
