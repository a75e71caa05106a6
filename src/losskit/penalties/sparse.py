"""Penalties that leave coefficients at exactly 0: the lasso, the elastic net, and a smooth relative."""

from __future__ import annotations

import math

import numpy as np

from losskit.domains import ClosedProbability, Nonnegative, OnOff, OptionalColumnWeights, Positive
from losskit.penalties.base import Array, Penalty, Pieces, PiecewisePenalty, soft


class ElasticNet(PiecewisePenalty):
    """alpha sum(weights (l1_ratio |coef| + (1 - l1_ratio)/2 coef^2)); DOI 10.1111/j.1467-9868.2005.00503.x.

    `weights` has a number a column (0: not penalised), 1 by default; `positive` keeps coefficients from below 0.
    scikit-learn's ElasticNet halves the squared error: its alpha is half of this with SquaredError.
    """

    alpha: Nonnegative = 1.0
    l1_ratio: ClosedProbability = 0.5
    weights: OptionalColumnWeights = None
    positive: OnOff = False

    @property
    def strong(self) -> float:
        return self.alpha * (1 - self.l1_ratio) * min(self.weights or (1.0,))

    def pieces(self, coef: Array) -> Pieces:
        size = self.alpha * self._by_column(self.weights, coef)
        low = np.full(coef.shape, 0.0 if self.positive else -np.inf)
        return Pieces(size * self.l1_ratio, size * (1 - self.l1_ratio), low, np.full(coef.shape, np.inf))

    def alpha_max(self, gradient: Array) -> float:
        return super().alpha_max(gradient) if self.l1_ratio else math.inf


class L1(PiecewisePenalty):
    """alpha sum(weights |coef|), the lasso; DOI 10.1111/j.2517-6161.1996.tb02080.x.

    `weights` has a number a column (0: not penalised), 1 by default; `positive` keeps coefficients from below 0.
    scikit-learn's Lasso halves the squared error: its alpha is half of this with SquaredError.
    """

    alpha: Nonnegative = 1.0
    weights: OptionalColumnWeights = None
    positive: OnOff = False

    def pieces(self, coef: Array) -> Pieces:
        low = np.full(coef.shape, 0.0 if self.positive else -np.inf)
        size = self.alpha * self._by_column(self.weights, coef)
        return Pieces(size, np.zeros(coef.shape), low, np.full(coef.shape, np.inf))


class HuberisedL1(Penalty):
    """alpha sum(h(coef)), h = coef^2 / (2 delta) up to |coef| = delta, then |coef| - delta/2: the lasso, rounded at 0.

    Smooth, so no coefficient is exactly 0. `weights` as for L1.
    """

    alpha: Nonnegative = 1.0
    delta: Positive = 0.01
    weights: OptionalColumnWeights = None

    smooth = True

    def value(self, coef: Array) -> float:
        a = np.abs(coef)
        bend = np.minimum(a, self.delta)
        return float(self._size(coef) @ (bend**2 / (2 * self.delta) + (a - bend)))

    def gradient(self, coef: Array) -> Array:
        return self._size(coef) * np.clip(coef / self.delta, -1.0, 1.0)

    def hessian_diagonal(self, coef: Array) -> Array:
        return np.where(np.abs(coef) <= self.delta, self._size(coef) / self.delta, 0.0)

    def prox(self, coef: Array, step: float | Array = 1.0) -> Array:
        reach = step * self._size(coef)
        inside = np.abs(coef) <= self.delta + reach
        return np.where(inside, coef / (1.0 + reach / self.delta), soft(coef, reach))

    def slopes(self, coef: Array) -> tuple[Array, Array]:
        slope = self.gradient(coef)
        return slope, slope

    def conjugate(self, slope: Array) -> float:
        size = self._size(slope)
        if np.any(np.abs(slope) > size):
            return math.inf
        held = size > 0
        return float(self.delta / 2 * np.sum(slope[held] ** 2 / size[held]))

    def alpha_max(self, gradient: Array) -> float:
        """Infinite: no coefficient is held at 0."""
        return math.inf

    def _size(self, coef: Array) -> Array:
        return self.alpha * self._by_column(self.weights, coef)
