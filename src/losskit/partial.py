"""A weighted sum of losses and its weight, for batches that come in parts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Pair = tuple[float, float]
_CHUNK = 1 << 18  # rows that are folded at a time


@dataclass(frozen=True)
class Partial:
    """A weighted sum of losses and the sum of its weights; partials of parts add up to the partial of the whole.

    Both are kept as the sum of two doubles, so that neither the order nor the number of the parts is seen in the last
    bit of `sum`, `weight` or `mean`, but for a tie in rounding.
    """

    sum: float
    weight: float
    sum_rest: float = 0.0
    weight_rest: float = 0.0

    @classmethod
    def of(cls, losses: Any, weights: Any) -> Partial:
        """The partial of rows: their weighted losses, and their weights or how many there are."""
        total, rest = _sum_in_two(losses)
        weight, weight_rest = (float(weights), 0.0) if np.ndim(weights) == 0 else _sum_in_two(weights)
        return cls(total, weight, rest, weight_rest)

    def __add__(self, other: Partial) -> Partial:
        if not isinstance(other, Partial):
            return NotImplemented
        total, rest = _together((self.sum, self.sum_rest), (other.sum, other.sum_rest))
        weight, weight_rest = _together((self.weight, self.weight_rest), (other.weight, other.weight_rest))
        return Partial(total, weight, rest, weight_rest)

    def __radd__(self, other: int) -> Partial:
        return self if other == 0 else NotImplemented  # the 0 that sum() starts from

    @property
    def mean(self) -> float:
        """sum / weight; nan if nothing was counted."""
        return self.sum / self.weight if self.weight else math.nan


def _together(a: Pair, b: Pair) -> Pair:
    head = a[0] + b[0]
    if not math.isfinite(head):
        return head, 0.0
    other = head - a[0]
    rest = (a[1] + b[1]) + ((a[0] - (head - other)) + (b[0] - other))
    total = head + rest
    return total, rest - (total - head)


def _sum_in_two(x: Any) -> Pair:
    flat = np.ravel(np.asarray(x, dtype=np.float64))
    total = (0.0, 0.0)
    for part in (_folded(flat[i : i + _CHUNK]) for i in range(0, flat.size, _CHUNK)):
        total = _together(total, part)
    return total


def _folded(x: np.ndarray) -> Pair:
    """The sum of `x` in two parts: halves are added until one number is left, and what each sum rounds away."""
    plain = float(np.add.reduce(x))
    if not math.isfinite(plain):
        return plain, 0.0
    rest = np.zeros_like(x)
    while x.size > 1:
        a, b = _halves(x)
        first, second = _halves(rest)
        x = a + b
        other = x - a
        rest = (first + second) + ((a - (x - other)) + (b - other))
    return _together((float(x[0]), 0.0), (float(rest[0]), 0.0))


def _halves(x: np.ndarray) -> Iterator[np.ndarray]:
    middle = -(-x.size // 2)
    yield x[:middle]
    yield np.pad(x[middle:], (0, 2 * middle - x.size))
