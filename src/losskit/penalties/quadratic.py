"""No penalty, and the square of the coefficients."""

from __future__ import annotations

import math

import numpy as np

from losskit.domains import Nonnegative
from losskit.penalties.base import Array, Penalty


class NoPenalty(Penalty):
    """Nothing: the default."""

    @property
    def strong(self) -> float:
        return 0.0

    def value(self, coef: Array) -> float:
        return 0.0

    def gradient(self, coef: Array) -> Array:
        return np.zeros_like(coef)

    def hessian_diagonal(self, coef: Array) -> Array:
        return np.zeros_like(coef)

    def conjugate(self, slope: Array) -> float:
        return math.inf if np.any(slope) else 0.0


class L2(Penalty):
    """alpha/2 ||coef||^2, also called ridge or weight decay.

    `alpha` stands against the mean loss. A library that minimises sum(L) + a/2 ||coef||^2 means alpha = a / sum(w), and
    one that minimises C sum(L) + 1/2 ||coef||^2 means alpha = 1 / (C sum(w)).
    """

    alpha: Nonnegative = 1.0

    @property
    def strong(self) -> float:
        return self.alpha

    def value(self, coef: Array) -> float:
        return self.alpha / 2 * float(coef @ coef)

    def gradient(self, coef: Array) -> Array:
        return self.alpha * coef

    def hessian_diagonal(self, coef: Array) -> Array:
        return np.full_like(coef, self.alpha)

    def conjugate(self, slope: Array) -> float:
        if self.alpha == 0.0:
            return math.inf if np.any(slope) else 0.0
        return float(slope @ slope) / (2 * self.alpha)
