"""The objective over rows that are read in batches, never held: each evaluation is one pass over the stream.

Sums over batches add up to those over all rows, so a solver that sees value, gradient and Hessian sees no difference.
Units of columns, the size that gradients are compared with, and the start come from a sample that fits into memory.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.border import as_real
from losskit.design import Array, refuse_unfinite
from losskit.errors import DataError, DomainError
from losskit.objective import Objective
from losskit.streams import Batch, Stream

_STEPS = tuple(2.0**-k for k in range(8))  # along a line that are tried in one pass


class StreamObjective(Objective):
    """sum(w L(y, X coef + b)) / sum(w) + penalty(coef), as a function of `theta`, by passes over a stream.

    Parameters
    ----------
    stream : Stream
        Its targets coded as the loss takes them.
    sample : Objective
        The same over some of its rows.

    Raises
    ------
    DomainError, DataError
        With the batch in which a row is no good.
    """

    def __init__(self, stream: Stream, sample: Objective) -> None:
        vars(self).update(vars(sample))
        self.stream, self.sample = stream, sample
        self.design = copy.copy(sample.design)
        self.design.rows = stream.rows or sample.design.rows
        self.offset = None
        self._widest: Array | None = None

    def _sums(self, theta: Array, order: int, known: Array | None = None) -> tuple[float, Array, Any, Array | None]:
        value, total = 0.0, 0.0
        sums: Any = 0.0
        grams: Any = 0.0
        widest = np.zeros(self.design.columns)
        for batch, part in self._parts():
            with placed(self.stream, f"the {len(batch.X)} rows from {batch.start} on"):
                v, s, g, _ = part._sums(theta, order)
                if not np.isfinite(s).all():
                    refuse_unfinite(batch.X)
            value, sums, grams, total = value + v, sums + s, grams + g, total + part.total
            if self._widest is None:
                np.maximum(widest, np.abs(part.design.X - part.design.center).max(axis=0), out=widest)
        self.total, self._widest = total, widest if self._widest is None else self._widest
        return value, np.asarray(sums), grams, None  # scores of a stream are not kept

    def along(
        self, theta: Array, direction: Array, scores: Array | None = None
    ) -> Callable[[float], tuple[float, float]]:
        """t -> value and slope at theta + t direction; a pass tells 1, 1/2, 1/4 ... at once."""
        p, scale = self.design.columns, self.design.scale
        coef, move = theta[:p] / scale, direction[:p] / scale
        known: dict[float, tuple[float, float]] = {}

        def look(steps: set[float]) -> None:
            sums = {t: np.zeros(2) for t in steps}
            for _, part in self._parts():
                f, df = part.scores(theta), part.design.scores(direction)
                for t, found in sums.items():
                    with np.errstate(over="ignore", invalid="ignore"):  # infinite losses are meant
                        value, g = self.loss.value_and_gradient(part.y, f + t * df, part.weights, "sum")
                        found += value, g @ df
            for t, (value, slope) in sums.items():
                now = coef + t * move
                known[t] = (
                    float(value) / self.total + self.penalty.value(now),
                    float(slope) / self.total + float(self.penalty.gradient(now) @ move),
                )

        def at(t: float) -> tuple[float, float]:
            if t not in known:
                look({t} if known else {t, *_STEPS})
            return known[t]

        return at

    def reach(self, direction: Array) -> float:
        """By how much a step changes a row's score, at most; a bound of it where that is small."""
        p = self.design.columns
        if self._widest is not None:
            bound = float(np.abs(direction[:p] / self.design.scale) @ self._widest + np.abs(direction[p:]).sum())
            if bound < 0.1:
                return bound
        return max(float(np.abs(part.design.scores(direction)).max(initial=0.0)) for _, part in self._parts())

    def thinned(self, stride: int) -> Objective:
        """The objective of the sample."""
        return self.sample

    def adopt(self, other: Objective, theta: Array) -> Array:
        """`theta` of the sample is in these units already."""
        return theta if other is self.sample else super().adopt(other, theta)

    def with_loss(self, loss: Pointwise) -> Objective:
        """The sample under another loss."""
        return self.sample.with_loss(loss)

    def _parts(self) -> Iterator[tuple[Batch, Objective]]:
        """Each batch, and the sums' owner over it."""
        for batch in self.stream.batches():
            part = copy.copy(self.sample)
            part.y = np.ascontiguousarray(batch.y, dtype=np.float64)
            part.weights, part.offset = batch.weights, batch.offset
            if self.residual and batch.offset is not None:
                part.y, part.offset = part.y - batch.offset, None
            part.total = float(len(part.y)) if part.weights is None else float(part.weights.sum())
            part.design = self.design.over(batch.X)
            yield batch, part

    @property
    def residual(self) -> bool:
        """Whether the loss is one of y - f, so that an offset can be taken out of y."""
        return self.loss.variables == ("r",)


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
