"""What is known of rows judged batch by batch: sums that add up, and rows in order of a number, of many rows in groups.

Nothing here grows with the number of rows beyond `MOST`: then neighbours in the order are taken together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.corp import Decomposition, decomposition, scores_of_means
from losskit.data.columns import Column
from losskit.errors import CapabilityError, DataError, DomainError
from losskit.partial import Partial
from losskit.selection.target import label_of

Array = np.ndarray
MOST = 1 << 18  # rows of which each is kept by itself
PARTS, NAMED = 5, 12  # parts of a range, and values that have a part of their own
_LISTED, _VALUES = 10, 100_000


@dataclass(eq=False)
class Ranked:
    """Rows in order of a key, with sums of what they carry; of more than `MOST` rows some in groups of neighbours."""

    _waiting: list[Array] = field(default_factory=list)  # (key, rows, carried ...) by group
    _held: int = 0
    note: str = ""  # what is to be known of an order of rows in groups

    def add(self, key: Array, *carried: Array) -> None:
        """Rows; those whose key is nan are left out."""
        known = ~np.isnan(key)
        self._waiting.append(np.vstack([key, np.ones(len(key)), *carried])[:, known])
        self._held += int(known.sum())
        if self._held > 2 * MOST:
            self.groups()

    def groups(self) -> Array:
        """The groups in order, a column each: the least key, how many rows, and the sums of what these carry."""
        made = np.hstack(self._waiting)
        made = made[:, np.argsort(made[0], kind="stable")]
        if made.shape[1] > MOST:
            rows = np.cumsum(made[1])
            place = ((rows - made[1]) * (MOST / rows[-1])).astype(np.intp)
            starts = np.flatnonzero(np.diff(place, prepend=-1))
            made = np.vstack([made[0, starts], np.add.reduceat(made[1:], starts, axis=1)])
            self.note = f"Of more than {MOST:,} rows neighbouring scores count as ties in the ranking error."
        self._waiting, self._held = [made], made.shape[1]
        return made

    def parts(self, label: Any = lambda value: f"{value:.4g}") -> list[tuple[str, Array]]:
        """Fifths of the rows, by name: how many rows, and the sums of what they carry."""
        made = self.groups()
        made = made[:, np.isfinite(made[0])]
        if not made.size:
            return []
        key, rows = made[0], np.cumsum(made[1])
        at = np.searchsorted(rows, np.linspace(0, rows[-1], PARTS + 1), side="left")
        edges = np.unique(key[np.minimum(at, len(key) - 1)])
        if len(edges) < 3:
            return [("all", made[1:].sum(axis=1))]
        place = np.clip(np.searchsorted(edges, key, side="right") - 1, 0, len(edges) - 2)
        names = [f"{label(a)} to {label(b)}" for a, b in pairwise(edges)]
        return [(name, made[1:, place == i].sum(axis=1)) for i, name in enumerate(names)]

    def share_of_top(self, share: float) -> float:
        """The part of what is carried first that lies in this share of the rows, those of the highest keys."""
        _, rows, sums, *_ = self.groups()[:, ::-1]
        few, total = max(1.0, math.floor(share * rows.sum())), float(sums.sum())
        if not (total > 0 and math.isfinite(total)):
            return math.nan
        inside = np.clip(few - (np.cumsum(rows) - rows), 0, rows) / rows
        return float(inside @ sums) / total


@dataclass(eq=False)
class ByValue:
    """Sums for each value of a column; of many numbers or dates for fifths of their range."""

    name: str
    _sums: dict[Any, Array] = field(default_factory=dict)
    _ranked: Ranked | None = None
    _dates: bool = False

    def add(self, column: Column, *carried: Array) -> None:
        """Rows with the column's values."""
        self._dates = column.kind == "datetime"
        if column.kind in ("numeric", "datetime"):
            values = np.where(column.nulls(), np.nan, column.values.astype(np.float64))
            self._ranked = self._ranked or Ranked()
            self._ranked.add(values, *carried)
            if len(self._sums) > NAMED:
                return
        else:
            values = np.array([label_of(column, v) if v is not None and v == v else "(null)" for v in column.values])
        found, place = np.unique(values, return_inverse=True)
        sums = np.array([np.bincount(place, each, len(found)) for each in (np.ones(len(place)), *carried)]).T
        for value, row in zip(found.tolist(), sums, strict=True):
            if value == value:
                self._sums[value] = self._sums.get(value, 0.0) + row
        if len(self._sums) > _VALUES and self._ranked is None:
            raise DataError(
                f"by={self.name!r} has more than {_VALUES:,} values, as an identifier has; name a column of fewer"
            )

    def parts(self) -> list[tuple[str, Array]]:
        """By name: how many rows, and the sums of what they carry; the most frequent texts, and the others together."""
        if self._ranked is not None and len(self._sums) > NAMED:
            return self._ranked.parts(self._label)
        if self._ranked is not None:
            return [(self._label(value), self._sums[value]) for value in sorted(self._sums)]
        order = sorted(self._sums, key=lambda name: (-self._sums[name][0], name))
        parts = [(name, self._sums[name]) for name in order[:NAMED]]
        rest = [self._sums[name] for name in order[NAMED:]]
        return [*parts, *([("(others)", np.sum(rest, axis=0))] if rest else [])]

    def _label(self, value: float) -> str:
        return str(np.datetime64(int(value), "us")).removesuffix("T00:00:00.000000") if self._dates else f"{value:.4g}"


@dataclass(eq=False)
class Score:
    """The mean of a metric, and what is needed to take it apart into miscalibration, discrimination, uncertainty."""

    loss: Any
    mean: Partial = field(default_factory=lambda: Partial(0.0, 0.0))
    _pairs: list[Array] | None = field(default_factory=list)
    _ranked: Ranked = field(default_factory=Ranked)
    _at: float = math.nan
    _flat: Partial = field(default_factory=lambda: Partial(0.0, 0.0))

    def add(self, y: Array, scores: Array, costs: Array) -> None:
        """Rows: targets, the metric's scores, and what they cost."""
        self.mean = self.mean + Partial.of(costs)
        if not isinstance(self.loss, Pointwise) or scores.ndim > 1 or not np.isfinite(scores).all():
            self.loss = None
            return
        if self._pairs is not None:
            self._pairs.append(np.vstack([y, scores]))
            if self.mean.weight > MOST:
                self._pairs = None
        if self.loss.traits().elicits == "mean":
            if math.isnan(self._at):
                self._at = float(np.median(scores))
            self._ranked.add(scores, y)
            self._flat = self._flat + self.loss.partial(y, np.full(len(y), self._at))

    def apart(self) -> tuple[Decomposition | None, str]:
        """The parts, if the metric has any; and what is to be said of how they were found."""
        if self.loss is None:
            return None, ""
        try:
            if self._pairs is not None:
                return decomposition(self.loss, *np.hstack(self._pairs)), ""
            if self.loss.traits().elicits == "mean":
                return self._by_groups(), (
                    f"Of more than {MOST:,} rows the score is taken apart with rows of neighbouring predictions "
                    "together."
                )
        except (CapabilityError, DomainError):  # a loss that takes no mean of targets for a target
            return None, ""
        return None, f"Of more than {MOST:,} rows this score is not taken apart: that takes every row at once."

    def _by_groups(self) -> Decomposition:
        """A loss that elicits the mean is straight in y but for what no prediction changes, so group means tell all."""
        _, rows, sums = self._ranked.groups()
        means = sums / rows

        def at(scores: Any) -> float:
            return float(self.loss(means, np.broadcast_to(scores, means.shape).copy(), rows))

        flat = at(self.loss.constant(means, rows))
        discrimination = flat - at(scores_of_means(self.loss, means, rows))
        uncertainty = self._flat.mean + flat - at(self._at)
        score = self.mean.mean
        return Decomposition(score, score - uncertainty + discrimination, discrimination, uncertainty)


@dataclass(eq=False)
class Worst:
    """The rows that cost most, and the part of all costs that the hundredth of the most costly carries."""

    rows: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    _costs: Array = field(default_factory=lambda: np.zeros(0))
    _ranked: Ranked = field(default_factory=Ranked)

    def add(self, numbers: Array, costs: Array) -> None:
        """Rows by their numbers, and what they cost."""
        self._ranked.add(costs, costs)
        both, ranked = np.r_[self.rows, numbers], np.r_[self._costs, costs]
        order = np.argsort(-ranked, kind="stable")[:_LISTED]
        self.rows, self._costs = both[order], ranked[order]

    def share(self) -> float:
        """Of the hundredth of rows; nan where the costs sum to nothing finite."""
        return self._ranked.share_of_top(0.01)
