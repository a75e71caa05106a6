"""What is found out where a solver ended: a bound that rounding hid, and ends that are no fit.

The slopes that Newton's step s leads to, d = L'(f) + L''(f) X s, solve the dual's constraint X'(o d) = 0 where the last
gradient does so only to rounding. Of a loss of the residual they are told from the residual alone: of targets of 1e12 a
double f cannot place f - y to better than 1e-4, which is a gap of 1e-20 of the objective.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from losskit.objectives.linear import Array, Objective, Point
from losskit.solvers.composite import Composite, scores_of_slopes
from losskit.solvers.control import Outcome
from losskit.solvers.duality import row_shares
from losskit.solvers.newton import direction, long_step
from losskit.solvers.proximal_newton import entries_of

_FEASIBLE = 1e-13  # of the largest slope
_FREE = 1000  # columns


def looked_at(objective: Any, outcome: Outcome, tol: float) -> Outcome:
    """An outcome with what is to be said of it."""
    if outcome.reason == "no progress":
        bounded = gap_by_model if isinstance(objective, Composite) else gap_by_newton
        if (gap := bounded(objective, outcome.theta)) <= tol:
            outcome = replace(outcome, certificate=gap, kind="gap", reason="tol")
    return outcome if outcome.note else replace(outcome, note=_flat(objective, outcome) or _falling(objective, outcome))


def gap_by_newton(objective: Any, theta: Array) -> float:
    """(value - lower bound) / value of a smooth, convex loss without a penalty; inf where no bound is found."""
    if type(objective) is not Objective or objective.penalty.gradient(np.ones(objective.design.columns)).any():
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


def gap_by_model(objective: Composite, theta: Array) -> float:
    """The relative gap of a composite with the slopes that Newton's step of what is not 0 leads to; inf if none is."""
    if objective.kind != "gap":
        return np.inf
    point = objective.smooth.evaluate(theta)
    used = np.flatnonzero(theta[: objective.design.columns])
    entries, part = entries_of(objective, used), objective.smooth.part(used)
    l1, l2, _, _ = (each[entries] for each in objective.pieces(theta))
    at = Point(theta[entries], point.value, point.gradient[entries], scores=point.scores)
    step, _ = direction(part.hessian_at(at) + np.diag(l2), at.gradient + l1 * np.sign(at.theta) + l2 * at.theta)
    slope, bend = objective.loss.gradient_and_hessian(*objective.told(objective.scores_at(point)), None, "sum")
    return objective.gap_of(point, slope + bend * part.moves(step))


def _flat(objective: Any, outcome: Outcome) -> str:
    """What to say if a redescending loss is flat at nearly all rows: other coefficients would do as well."""
    smooth = objective.smooth if isinstance(objective, Composite) else objective
    loss = smooth.loss
    if getattr(loss, "variables", ()) != ("r",) or loss.traits().convex is not False or not outcome.value > 0:
        return ""
    slopes = loss.gradient(smooth.y, smooth.scores(outcome.theta), None, "sum")
    if np.count_nonzero(slopes) > smooth.design.size:
        return ""
    return (
        "nearly all rows lie where the loss is flat, so this is hardly a fit; let the scale be found by "
        f'{type(loss).__name__}("auto"), or give a larger one'
    )


def _falling(objective: Any, outcome: Outcome) -> str:
    """What to say if the loss falls for ever along columns that a penalty with kinks leaves free."""
    if not isinstance(objective, Composite) or type(objective.smooth) is not Objective or outcome.certificate > 1e-3:
        return ""
    smooth, pieces = objective.smooth, getattr(objective.penalty, "pieces", None)
    if smooth.loss.link.name == "identity" or pieces is None or not objective.penalty.separable:
        return ""
    l1, l2, low, high = objective.pieces(outcome.theta)
    inside = (outcome.theta > low) & (outcome.theta < high) & (np.isinf(low) | np.isinf(high))
    free = np.flatnonzero((l1 == 0) & (l2 == 0) & inside)
    columns = free[free < smooth.design.columns]
    if columns.size > _FREE or (not columns.size and np.ptp(smooth.y) > 0):
        return ""
    part = smooth.part(columns)
    point = part.evaluate(outcome.theta[free], 2, smooth.scores(outcome.theta))
    return long_step(part, direction(np.asarray(point.hessian), point.gradient)[0])
