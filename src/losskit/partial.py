"""A weighted sum of losses and its weight, for batches that come in parts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from losskit.errors import ShapeError

Pair = tuple[Any, Any]  # numbers, or arrays of one shape
_CHUNK = 1 << 18  # rows that are folded at a time


@dataclass(frozen=True)
class Partial:
    """A weighted sum of losses and the sum of its weights; partials of parts add up to the partial of the whole.

    Both are kept as the sum of two doubles, so that neither the order nor the number of the parts is seen in the last
    bit of `sum`, `weight` or `mean`, but for a tie in rounding. Along an axis of rows they are arrays.
    """

    sum: Any
    weight: Any
    sum_rest: Any = 0.0
    weight_rest: Any = 0.0

    @classmethod
    def of(cls, losses: Any, weights: Any = None, axis: int | None = None) -> Partial:
        """The partial of rows: their weighted losses, and their weights, each 1 if None; of all, or along `axis`."""
        losses = np.asarray(losses, dtype=np.float64)
        if axis is not None and not -losses.ndim <= axis < losses.ndim:
            raise ShapeError(f"the rows have shape {losses.shape}: there is no axis {axis} to add them along")
        total, rest = _sum_in_two(losses, axis)
        if weights is not None:
            weight, weight_rest = _sum_in_two(weights, axis)
            return cls(total, weight, rest, weight_rest)
        count = float(losses.size if axis is None else losses.shape[axis])
        return cls(total, count if axis is None else np.full_like(total, count), rest)

    def __add__(self, other: Partial) -> Partial:
        if not isinstance(other, Partial):
            return NotImplemented
        total, rest = _together((self.sum, self.sum_rest), (other.sum, other.sum_rest))
        weight, weight_rest = _together((self.weight, self.weight_rest), (other.weight, other.weight_rest))
        return Partial(total, weight, rest, weight_rest)

    def __radd__(self, other: int) -> Partial:
        return self if other == 0 else NotImplemented  # the 0 that sum() starts from

    @property
    def mean(self) -> Any:
        """sum / weight; nan where nothing was counted."""
        if np.ndim(self.weight) == 0:
            return self.sum / self.weight if self.weight else math.nan
        return np.divide(self.sum, self.weight, out=np.full_like(self.sum, math.nan), where=self.weight != 0)


def _together(a: Pair, b: Pair) -> Pair:
    if np.ndim(a[0]) == 0:
        head = a[0] + b[0]
        return _added(a, b) if math.isfinite(head) else (head, 0.0)
    with np.errstate(invalid="ignore", over="ignore"):  # infinities of both signs, and sums beyond the largest double
        head = a[0] + b[0]
    finite = np.isfinite(head)
    total, rest = _added(*((np.where(finite, x, 0.0), y) for x, y in (a, b)))
    return np.where(finite, total, head), np.where(finite, rest, 0.0)


def _added(a: Pair, b: Pair) -> Pair:
    head = a[0] + b[0]
    other = head - a[0]
    rest = (a[1] + b[1]) + ((a[0] - (head - other)) + (b[0] - other))
    total = head + rest
    return total, rest - (total - head)


def _sum_in_two(x: Any, axis: int | None) -> Pair:
    """The sum of all of `x`, or along an axis."""
    x = np.asarray(x, dtype=np.float64)
    rows = np.ravel(x) if axis is None else np.moveaxis(x, axis, 0)
    nothing = 0.0 if axis is None else np.zeros(rows.shape[1:])
    total: Pair = (nothing, nothing)
    step = max(1, _CHUNK // max(1, math.prod(rows.shape[1:])))
    for part in (folded(rows[i : i + step]) for i in range(0, len(rows), step)):
        total = _together(total, part)
    return (float(total[0]), float(total[1])) if axis is None else total


def folded(x: np.ndarray) -> Pair:
    """The sum of `x` along its first axis in two parts: halves are added, with what each sum rounds away."""
    with np.errstate(invalid="ignore", over="ignore"):
        plain = np.add.reduce(x, axis=0)
    finite = np.isfinite(plain)
    if not finite.all():
        x = np.where(finite, x, 0.0)
    rest = np.zeros_like(x)
    while len(x) > 1:
        a, b = _halves(x)
        first, second = _halves(rest)
        x = a + b
        other = x - a
        rest = (first + second) + ((a - (x - other)) + (b - other))
    total, left = _added((x[0], 0.0), (rest[0], 0.0))
    sums: tuple[Any, Any] = np.where(finite, total, plain), np.where(finite, left, 0.0)
    return (float(sums[0]), float(sums[1])) if x.ndim == 1 else sums


def _halves(x: np.ndarray) -> Iterator[np.ndarray]:
    middle = -(-len(x) // 2)
    yield x[:middle]
    yield np.pad(x[middle:], [(0, 2 * middle - len(x)), *[(0, 0)] * (x.ndim - 1)])
