"""Gradient descent, plain, with momentum and with Nesterov's: methods to look at, with their curves.

Columns are in standard units, so one step suits all. A loss with bounded curvature gets the step 1 / bound throughout;
one without gets steps that backtracking finds. With the velocity v <- push v - step gradient, momentum moves by v
(Polyak 1964, DOI 10.1016/0041-5553(64)90137-5), Nesterov's method by push v - step gradient to where the next gradient
is taken (Nesterov 1983). The velocity is dropped where it points uphill (O'Donoghue and Candes 2015, DOI
10.1007/s10208-013-9150-3), and a move that went up is taken back, so that the objective never rises.

A loss with kinks gets subgradients with steps of one length, halved (and begun again from the best point) whenever a
while brings nothing lower; the average of the subgradients met in that while is nearly dual feasible, which yields the
duality gap.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from losskit.objectives.linear import Array, Objective, Point
from losskit.solvers.control import Control, Outcome
from losskit.solvers.duality import relative_gap

_PATIENCE = 30  # steps without a lower value after which the length is halved
_GROWS = 1.1  # a step that backtracking found, before it looks again: doubled, moves zigzag and no velocity lasts
_PUSH = 0.9  # of the velocity that momentum keeps

Move = Callable[[Array, Array, int], tuple[Array, Array]]  # step, velocity and age of it to move and velocity


def solve(objective: Objective, start: Array | None, control: Control) -> Outcome:
    """Descend from `start` (in standard units; by default all 0, so that the curve tells the whole story)."""
    if objective.loss.traits().differentiable is False:
        return _subgradient(objective, _first(objective, start), control)
    return _descend(objective, start, control, lambda step, velocity, age: (step, velocity))


def momentum(objective: Objective, start: Array | None, control: Control) -> Outcome:
    """Descend with a velocity, of which nine tenths stay."""

    def move(step: Array, velocity: Array, age: int) -> tuple[Array, Array]:
        velocity = _PUSH * velocity + step
        return velocity, velocity

    return _descend(objective, start, control, move)


def nesterov(objective: Objective, start: Array | None, control: Control) -> Outcome:
    """Descend with a velocity of which more stays the longer it lasts; gradients are taken where it leads."""

    def move(step: Array, velocity: Array, age: int) -> tuple[Array, Array]:
        velocity = max(age - 1, 0) / (age + 2) * velocity + step
        return step + age / (age + 3) * velocity, velocity

    return _descend(objective, start, control, move)


def _first(objective: Objective, start: Array | None) -> Array:
    return np.zeros(objective.design.size) if start is None else start


def _descend(objective: Objective, start: Array | None, control: Control, moved: Move) -> Outcome:
    point, size, age = objective.evaluate(_first(objective, start)), 1.0, 0
    bound = objective.curvature_bound()
    fixed = 1.0 / bound if np.isfinite(bound) and bound > 0 else None
    still = np.zeros_like(point.theta)
    velocity = still
    while True:
        certificate = objective.kkt(point.gradient)
        reason = control.stop(point.value, certificate)
        if reason is None:
            size = fixed or _backtrack(objective, point, _GROWS * size)
            reason = None if size else "no progress"
        if reason is not None:
            return Outcome(point.theta, point.value, certificate, "kkt", reason)
        step = -size * point.gradient
        move, velocity = moved(step, velocity, age)
        ahead = objective.evaluate(point.theta + move)
        if move is not step and not ahead.value <= point.value + 1e-14 * abs(point.value):
            move, velocity = moved(step, still, 0)
            ahead, age = objective.evaluate(point.theta + move), 0
        uphill = float(ahead.gradient @ move) > 0
        velocity, age, point = still if uphill else velocity, 0 if uphill else age + 1, ahead


def _backtrack(objective: Objective, point: Point, size: float) -> float:
    """A length of step that lowers the value as it should; 0 if there is none."""
    line: Callable[[float], tuple[float, float]] = objective.along(point.theta, -point.gradient, point.scores)
    fall = float(point.gradient @ point.gradient)
    while size > 1e-30:
        value, slope = line(size)
        near = value <= point.value + 1e-14 * abs(point.value) and abs(slope) < fall
        if value <= point.value - size / 2 * fall or near:
            return size
        size /= 2
    return 0.0


def _subgradient(objective: Objective, theta: Array, control: Control) -> Outcome:
    slopes = objective.slopes
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
