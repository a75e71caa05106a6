"""Proximal Newton where each evaluation is a pass over a stream: a quadratic model of all columns, solved exactly.

The model is the whole Hessian of the mean loss with the penalty's pieces, so few passes do; concave penalties enter by
their tangents. Certificate: how far minus the gradient is from the penalty's slopes.
"""

from __future__ import annotations

import numpy as np

from losskit.objectives.linear import Array, Point
from losskit.solvers.composite import Composite
from losskit.solvers.control import Control, Outcome
from losskit.solvers.proximal_newton import convex
from losskit.solvers.quadratic import solve_quadratic

_DAMPED = 1e-13  # of a mean diagonal: keeps the model's minimum in reach where the loss is straight
_HALVINGS = 8  # of a step, as many as one pass over a stream tells


def solve(problem: Composite, start: Array | None, control: Control) -> Outcome:
    """Minimise from `start` (in standard units), or from the solution of the sample."""
    theta = _of_sample(problem) if start is None else start
    point = problem.smooth.evaluate(theta, order=2)
    while True:
        certificate = problem.kkt(point.theta, point.gradient)
        reason = control.stop(problem.value(point), certificate)
        ahead = None if reason else _step(problem, point, 0.01 * control.tol)
        if ahead is None:
            return Outcome(point.theta, problem.value(point), certificate, "kkt", reason or "no progress")
        point = ahead


def _of_sample(problem: Composite) -> Array:
    from losskit.solvers import proximal_newton

    sample = problem.over(problem.smooth.sample)
    found = proximal_newton.solve(sample, None, Control(tol=1e-3, max_iter=50))
    return problem.adopt(sample, found.theta)


def _step(problem: Composite, point: Point, tol: float) -> Point | None:
    smooth = problem.smooth
    model = problem.pieces(point.theta)
    assert point.hessian is not None
    H = point.hessian if problem.loss.traits().convex else convex(point.hessian)
    H = H + _DAMPED * float(np.mean(np.diagonal(H))) * np.eye(len(H))
    goal, _, _ = solve_quadratic(H, point.gradient, point.theta, model, tol * smooth._reference)
    step, value = goal - point.theta, problem.value(point)
    if not step.any():
        return None
    bend = float(model.l1 @ (np.abs(goal) - np.abs(point.theta)) + model.l2 @ (goal**2 - point.theta**2) / 2)
    slope = float(point.gradient @ step) + bend
    ahead = smooth.evaluate(goal, order=2)
    noise = 1e-14 * abs(value)
    if problem.value(ahead) <= value + 1e-4 * slope + noise:
        return ahead
    line, t = smooth.along(point.theta, step), 0.5
    for _ in range(_HALVINGS):
        now = line(t)[0] + problem.penalty.value(problem.coef(point.theta + t * step))
        if now <= value + 1e-4 * t * slope + noise:
            return smooth.evaluate(point.theta + t * step, order=2)
        t /= 2
    return None
