"""Gradient descent: the method to look at, with its curve. Columns are in standard units, so one step suits all.

A loss with bounded curvature gets the constant step 1 / bound. One without gets steps that backtracking finds. One with
kinks gets subgradients with steps of one length, halved (and begun again from the best point) whenever a while brings
nothing lower; the average of the subgradients met in that while is nearly dual feasible, which yields the duality gap.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from losskit.objective import Array, Objective, Point
from losskit.solvers.control import Control, Outcome
from losskit.solvers.duality import relative_gap, slopes_of

_PATIENCE = 30  # steps without a lower value after which the length is halved


def solve(objective: Objective, start: Array | None, control: Control) -> Outcome:
    """Descend from `start` (in standard units; by default all 0, so that the curve tells the whole story)."""
    theta = np.zeros(objective.design.size) if start is None else start
    if objective.loss.traits().differentiable is False:
        return _subgradient(objective, theta, control)
    bound = objective.curvature_bound()
    step = 1.0 / bound if np.isfinite(bound) and bound > 0 else None
    point, size = objective.evaluate(theta), 1.0
    while True:
        certificate = objective.kkt(point.gradient)
        reason = control.stop(point.value, certificate)
        if reason is not None:
            return Outcome(point.theta, point.value, certificate, "kkt", reason)
        if step is not None:
            point = objective.evaluate(point.theta - step * point.gradient)
            continue
        ahead, size = _backtrack(objective, point, 2 * size)
        if ahead is None:
            return Outcome(point.theta, point.value, certificate, "kkt", "no progress")
        point = ahead


def _backtrack(objective: Objective, point: Point, size: float) -> tuple[Point | None, float]:
    line: Callable[[float], tuple[float, float]] = objective.along(point.theta, -point.gradient, point.scores)
    fall = float(point.gradient @ point.gradient)
    while size > 1e-30:
        value, slope = line(size)
        near = value <= point.value + 1e-14 * abs(point.value) and abs(slope) < fall
        if value <= point.value - size / 2 * fall or near:
            return objective.evaluate(point.theta - size * point.gradient), size
        size /= 2
    return None, size


def _subgradient(objective: Objective, theta: Array, control: Control) -> Outcome:
    slopes = slopes_of(objective)
    best = point = objective.evaluate(theta)
    length = best.value / max(float(np.linalg.norm(best.gradient)), 1e-300)
    average, since, smallest = np.zeros(objective.design.rows), 0, 1e-15 * length
    certificate = np.inf if slopes is not None else objective.kkt(point.gradient)
    while True:
        reason = control.stop(point.value, certificate)
        size = float(np.linalg.norm(point.gradient))
        if reason is None and (length < smallest or size == 0):
            reason = "no progress"
        if reason is not None:
            return Outcome(best.theta, best.value, certificate, "kkt" if slopes is None else "gap", reason)
        average += (_row_slopes(objective, point.theta) - average) / (since + 1)
        point = objective.evaluate(point.theta - length / size * point.gradient)
        since = 0 if point.value < best.value else since + 1
        if since == 0:
            best = point
        if since == _PATIENCE:
            if slopes is not None:
                certificate = min(certificate, relative_gap(objective, best.theta, average, slopes))
            point, length, since = best, length / 2, 0


def _row_slopes(objective: Objective, theta: Array) -> Array:
    return np.asarray(objective.loss.gradient(objective.y, objective.design.scores(theta), None, "sum"))
