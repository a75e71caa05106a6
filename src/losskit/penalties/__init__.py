"""Penalties on the coefficients of a model: frozen values like losses. The intercept is never penalised."""

from losskit.penalties.base import Penalty
from losskit.penalties.quadratic import L2, NoPenalty

__all__ = ["L2", "NoPenalty", "Penalty"]
