"""Concave penalties: as the lasso at 0, flat or flatter far out, so that large coefficients are not shrunk.

Each is a function of |coef| with its slope; solvers replace it by its tangent there, a weighted lasso that lies above
it (Zou and Li 2008, DOI 10.1214/009053607000000802). Its minima need not be the only ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from losskit.domains import AboveOne, AboveTwo, Nonnegative, OptionalColumnWeights, Positive
from losskit.penalties.base import Array, Penalty, Pieces, largest_ratio


class ConcavePenalty(Penalty):
    """A sum of concave functions of |coef|; subclasses write `_rise`, `_slope` and `_candidates`."""

    convex = False

    def _rise(self, a: Array, size: Array) -> Array:
        """The penalty of sizes `a`, coefficient by coefficient, at strengths `size`."""
        raise self._cannot("has no value: define _rise(self, a, size)")

    def _slope(self, a: Array, size: Array) -> Array:
        """Its derivative by `a`, from the right."""
        raise self._cannot("has no slope: define _slope(self, a, size)")

    def _candidates(self, a: Array, step: Array, size: Array) -> list[Array]:
        """Where beside 0 a minimum of the proximal problem may be."""
        raise self._cannot("has no proximal step: define _candidates(self, a, step, size)")

    def value(self, coef: Array) -> float:
        return float(np.sum(self._rise(np.abs(coef), self._size(coef))))

    def prox(self, coef: Array, step: Any = 1.0) -> Array:
        a, size, step = np.abs(coef), self._size(coef), np.broadcast_to(np.asarray(step, dtype=float), coef.shape)
        best = np.zeros_like(a)
        least = a**2 / (2 * step)
        for candidate in self._candidates(a, step, size):
            value = (candidate - a) ** 2 / (2 * step) + self._rise(candidate, size)
            lower = value < least
            best, least = np.where(lower, candidate, best), np.where(lower, value, least)
        return np.copysign(best, coef)

    def slopes(self, coef: Array) -> tuple[Array, Array]:
        slope = self._slope(np.abs(coef), self._size(coef))
        return np.where(coef > 0, slope, -slope), np.where(coef < 0, -slope, slope)

    def pieces(self, coef: Array) -> Pieces:
        none = np.zeros_like(coef)
        return Pieces(self._slope(np.abs(coef), self._size(coef)), none, none - np.inf, none + np.inf)

    def alpha_max(self, gradient: Array) -> float:
        """Of 0 as a local minimum."""
        unit = self.with_alpha(1.0)
        return largest_ratio(np.abs(gradient), unit.slopes(np.zeros_like(gradient))[1])

    def _size(self, coef: Array) -> Array:
        return self.alpha * self._by_column(self.weights, coef)  # type: ignore[attr-defined]


class MCP(ConcavePenalty):
    """With s = alpha weight: s a - a^2 / (2 gamma) up to a = |coef| = gamma s, then gamma s^2 / 2.

    The minimax concave penalty (Zhang 2010, DOI 10.1214/09-AOS729).
    """

    alpha: Nonnegative = 1.0
    gamma: AboveOne = 3.0
    weights: OptionalColumnWeights = None

    def _rise(self, a: Array, size: Array) -> Array:
        inner = np.minimum(a, self.gamma * size)
        return inner * (size - inner / (2 * self.gamma))

    def _slope(self, a: Array, size: Array) -> Array:
        return np.maximum(size - a / self.gamma, 0.0)

    def _candidates(self, a: Array, step: Array, size: Array) -> list[Array]:
        end = self.gamma * size
        bend = 1.0 - step / self.gamma
        inner = np.maximum(a - step * size, 0.0) / np.where(bend > 0, bend, 1.0)
        return [np.where(bend > 0, np.clip(inner, 0.0, end), 0.0), np.maximum(a, end)]


class SCAD(ConcavePenalty):
    """Slope s = alpha weight up to |coef| = s, falling to 0 at a s: the smoothly clipped absolute deviation.

    Fan and Li (2001), DOI 10.1198/016214501753382273.
    """

    alpha: Nonnegative = 1.0
    a: AboveTwo = 3.7
    weights: OptionalColumnWeights = None

    def _rise(self, a: Array, size: Array) -> Array:
        inner = np.minimum(a, size)
        fall = np.clip(a, size, self.a * size) - size
        return size * inner + fall * (size - fall / (2 * (self.a - 1)))

    def _slope(self, a: Array, size: Array) -> Array:
        return np.where(a < size, size, np.maximum(self.a * size - a, 0.0) / (self.a - 1))

    def _candidates(self, a: Array, step: Array, size: Array) -> list[Array]:
        bend = 1.0 - step / (self.a - 1)
        middle = (a - step * self.a * size / (self.a - 1)) / np.where(bend > 0, bend, 1.0)
        return [
            np.clip(a - step * size, 0.0, size),
            np.where(bend > 0, np.clip(middle, size, self.a * size), 0.0),
            np.maximum(a, self.a * size),
        ]


class LogSum(ConcavePenalty):
    """alpha sum(weights log(1 + |coef| / width)): reweighted l1; DOI 10.1007/s00041-008-9045-x."""

    alpha: Nonnegative = 1.0
    width: Positive = 0.1
    weights: OptionalColumnWeights = None

    def _rise(self, a: Array, size: Array) -> Array:
        return size * np.log1p(a / self.width)

    def _slope(self, a: Array, size: Array) -> Array:
        return size / (a + self.width)

    def _candidates(self, a: Array, step: Array, size: Array) -> list[Array]:
        inside = (a + self.width) ** 2 - 4 * step * size
        far = (a - self.width + np.sqrt(np.maximum(inside, 0.0))) / 2
        return [np.where(inside >= 0, np.maximum(far, 0.0), 0.0)]
