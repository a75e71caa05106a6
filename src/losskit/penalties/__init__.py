"""Penalties on the coefficients of a model: frozen values like losses. The intercept is never penalised."""

from losskit.penalties.base import Penalty, Pieces
from losskit.penalties.bounds import Box, Positive
from losskit.penalties.concave import MCP, SCAD, LogSum
from losskit.penalties.groups import GroupLasso, SparseGroupLasso
from losskit.penalties.matrices import NuclearNorm
from losskit.penalties.ordered import SLOPE, TotalVariation
from losskit.penalties.quadratic import L2, NoPenalty
from losskit.penalties.sparse import L1, ElasticNet, HuberisedL1

__all__ = [
    "L1",
    "L2",
    "MCP",
    "SCAD",
    "SLOPE",
    "Box",
    "ElasticNet",
    "GroupLasso",
    "HuberisedL1",
    "LogSum",
    "NoPenalty",
    "NuclearNorm",
    "Penalty",
    "Pieces",
    "Positive",
    "SparseGroupLasso",
    "TotalVariation",
]
