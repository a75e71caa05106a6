"""A weighted sum of losses and its weight, for batches that come in parts."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Partial:
    """A weighted sum of losses and the sum of its weights; partials of parts add up to the partial of the whole."""

    sum: float
    weight: float

    def __add__(self, other: Partial) -> Partial:
        if not isinstance(other, Partial):
            return NotImplemented
        return Partial(self.sum + other.sum, self.weight + other.weight)

    def __radd__(self, other: int) -> Partial:
        return self if other == 0 else NotImplemented  # the 0 that sum() starts from

    @property
    def mean(self) -> float:
        """sum / weight; nan if nothing was counted."""
        return self.sum / self.weight if self.weight else math.nan
