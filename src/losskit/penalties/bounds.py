"""Bounds on the coefficients: 0 inside, infinite outside."""

from __future__ import annotations

import math

import numpy as np

from losskit.domains import RealOrInfinite
from losskit.errors import ParameterError
from losskit.penalties.base import Array, Pieces, PiecewisePenalty


class Box(PiecewisePenalty):
    """Every coefficient from `low` to `high`; either may be infinite."""

    low: RealOrInfinite = -math.inf
    high: RealOrInfinite = math.inf

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low < self.high:
            raise ParameterError(f"Box needs low < high; got low={self.low!r}, high={self.high!r}")

    def pieces(self, coef: Array) -> Pieces:
        none = np.zeros_like(coef)
        return Pieces(none, none, none + self.low, none + self.high)


class Positive(PiecewisePenalty):
    """No coefficient below 0."""

    def pieces(self, coef: Array) -> Pieces:
        none = np.zeros_like(coef)
        return Pieces(none, none, none, none + np.inf)
