"""Iteratively reweighted least squares: each step minimises parabolas above the loss that touch it.

Where L'(r) / r falls as |r| grows, the parabola of curvature L'(r) / r lies above L (Huber 1981, section 7.8), so no
step goes up, whatever the start: slower than Newton's method near the end, and without its line search.
"""

from __future__ import annotations

import numpy as np

from losskit.base import Pointwise
from losskit.objectives.linear import Array, Objective
from losskit.solvers.control import Control, Outcome
from losskit.solvers.newton import direction

_PROBES = np.geomspace(1e-4, 1e4, 200)


def solve(objective: Objective, start: Array | None, control: Control) -> Outcome:
    """Minimise a loss of the residual from `start` (in standard units)."""
    point = objective.evaluate(objective.null if start is None else start)
    while True:
        certificate = objective.kkt(point.gradient)
        reason = control.stop(point.value, certificate)
        if reason is None:
            H = objective.design.gram(_weights(objective, point.theta)) / objective.total + np.diag(objective.ridge())
            ahead = objective.evaluate(point.theta + direction(H, point.gradient)[0])
            if ahead.value <= point.value + 1e-14 * abs(point.value):
                point = ahead
                continue
            reason = "no progress"
        return Outcome(point.theta, point.value, certificate, "kkt", reason)


def _weights(objective: Objective, theta: Array) -> Array:
    """w L'(r) / r, and w L''(0) where r is 0."""
    loss, y = objective.loss, objective.y
    f = objective.scores(theta)
    g, h = loss.gradient_and_hessian(y, f, objective.weights, "sum")
    r = f - y
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.abs(r) > 1e-150, g / r, h)


def objection(loss: Pointwise) -> str | None:
    """Why a loss has no such parabolas, or None; found by trying."""
    if loss.variables != ("r",):
        return 'it is no loss of the residual; use solver="newton" or "lbfgs"'
    zero = np.zeros_like(_PROBES)
    for side in (-1.0, 1.0):
        bend = np.asarray(loss.gradient(zero, side * _PROBES, None, "sum")) / (side * _PROBES)
        if np.any(bend < 0) or np.any(np.diff(bend) > 1e-12 * bend[:-1]):
            return 'its slope rises faster than the residual somewhere; use solver="newton" or "lbfgs"'
    return None
