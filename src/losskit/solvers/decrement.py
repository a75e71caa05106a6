"""How far from the minimum a point is at most where rounding spoils the gradient: a duality gap by Newton's step.

The slopes that Newton's step s leads to, d = L'(f) + L''(f) X s, solve the dual's constraint X'(o d) = 0 where the last
gradient does so only to rounding. Of a loss of the residual they are told from the residual alone: of targets of 1e12 a
double f cannot place f - y to better than 1e-4, which is a gap of 1e-20 of the objective.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from losskit.objective import Array, Objective
from losskit.penalties import NoPenalty
from losskit.solvers.composite import scores_of_slopes
from losskit.solvers.duality import row_shares
from losskit.solvers.newton import direction

_FEASIBLE = 1e-13  # of the largest slope


def gap_by_newton(objective: Any, theta: Array) -> float:
    """(value - lower bound) / value of a smooth, convex loss without a penalty; inf where no bound is found."""
    if type(objective) is not Objective or type(objective.penalty) is not NoPenalty:
        return np.inf
    loss, share, traits = objective.loss, row_shares(objective), objective.loss.traits()
    if not (traits.convex and traits.differentiable):
        return np.inf
    point = objective.evaluate(theta, order=2)
    step, _ = direction(np.asarray(point.hessian), point.gradient)
    f, y = objective.scores(theta), objective.y
    if loss.variables == ("r",):
        f, y = f - y, np.zeros_like(y)
    slope, bend = loss.gradient_and_hessian(y, f, None, "sum")
    dual = scores_of_slopes(loss, y, f, slope + bend * objective.moves(step))
    if dual is None:
        return np.inf
    d, at = dual
    if np.abs(objective.design.adjoint(share * d)).max() > _FEASIBLE * np.abs(d).max():
        return np.inf
    rows = loss(y, f, None, "none") - loss(y, at, None, "none") - d * (f - at)
    return float(share @ np.maximum(rows, 0.0)) / max(point.value, 1e-5 * objective.null_value, 1e-300)
