"""No penalty, and the square of the coefficients."""

from __future__ import annotations

import math

import numpy as np

from losskit.domains import Nonnegative, OptionalColumnWeights
from losskit.penalties.base import Array, Pieces, PiecewisePenalty


class NoPenalty(PiecewisePenalty):
    """Nothing: the default."""

    smooth = True

    def value(self, coef: Array) -> float:
        return 0.0

    def gradient(self, coef: Array) -> Array:
        return np.zeros_like(coef)

    def hessian_diagonal(self, coef: Array) -> Array:
        return np.zeros_like(coef)

    def pieces(self, coef: Array) -> Pieces:
        none = np.zeros_like(coef)
        return Pieces(none, none, none - np.inf, none + np.inf)


class L2(PiecewisePenalty):
    """alpha/2 sum(weights coef^2), also called ridge or weight decay.

    `alpha` stands against the mean loss. A library that minimises sum(L) + a/2 ||coef||^2 means alpha = a / sum(w), and
    one that minimises C sum(L) + 1/2 ||coef||^2 means alpha = 1 / (C sum(w)). `weights` has a number a column (0: not
    penalised), 1 by default.
    """

    alpha: Nonnegative = 1.0
    weights: OptionalColumnWeights = None

    smooth = True

    @property
    def strong(self) -> float:
        return self.alpha * min(self.weights or (1.0,))

    def gradient(self, coef: Array) -> Array:
        return self.hessian_diagonal(coef) * coef

    def hessian_diagonal(self, coef: Array) -> Array:
        return self.alpha * self._by_column(self.weights, coef)

    def pieces(self, coef: Array) -> Pieces:
        none = np.zeros_like(coef)
        return Pieces(none, self.hessian_diagonal(coef), none - np.inf, none + np.inf)

    def alpha_max(self, gradient: Array) -> float:
        """Infinite: a square never holds a coefficient at 0."""
        return math.inf
