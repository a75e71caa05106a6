"""Stochastic gradient descent and Adam, for comparison: steps along the slopes of a few rows at a time.

An iteration is one pass over the rows in a new random order, seeded, so that a fit can be repeated. Columns are in
standard units. The length of a step falls as 1 / (1 + pass); few digits come quickly, more never do.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from losskit.objectives.linear import Array, Objective
from losskit.solvers.control import Control, Outcome

_BATCH = 128  # rows of a step
_DECAY = 0.9, 0.999  # of Adam's two averages; DOI 10.48550/arXiv.1412.6980
_TINY = 1e-8

Step = Callable[[Array, int], Array]


def sgd(objective: Objective, start: Array | None, control: Control) -> Outcome:
    """Plain steps, the first of a length that suits the null model's curvature."""
    bend = objective.evaluate(objective.null, order=2).hessian
    rows = float(np.abs(np.diagonal(bend)).sum()) if bend is not None else 1.0  # of one row in standard units, about
    first = 1.0 / max(rows, 1e-300)
    return _run(objective, start, control, lambda gradient, done: first / (1 + done) * gradient)


def adam(objective: Objective, start: Array | None, control: Control) -> Outcome:
    """Steps of each coefficient in units of its slopes' root mean square."""
    mean, square, count = np.zeros(objective.size), np.zeros(objective.size), 0
    a, b = _DECAY

    def step(gradient: Array, done: int) -> Array:
        nonlocal mean, square, count
        count += 1
        mean = a * mean + (1 - a) * gradient
        square = b * square + (1 - b) * gradient**2
        return 0.1 / (1 + done) * (mean / (1 - a**count)) / (np.sqrt(square / (1 - b**count)) + _TINY)

    return _run(objective, start, control, step)


def _run(objective: Objective, start: Array | None, control: Control, step: Step) -> Outcome:
    theta = objective.null.copy() if start is None else start.copy()
    rng = np.random.default_rng(0)
    best = objective.evaluate(theta)
    point = best
    while True:
        certificate = objective.kkt(point.gradient)
        reason = control.stop(point.value, certificate)
        best = point if point.value <= best.value else best
        if reason is not None:
            return Outcome(best.theta, best.value, objective.kkt(best.gradient), "kkt", reason)
        order = rng.permutation(objective.design.rows)
        for first in range(0, len(order), _BATCH):
            theta = theta - step(_slope(objective, theta, order[first : first + _BATCH]), control.iterations)
        point = objective.evaluate(theta)


def _slope(objective: Objective, theta: Array, rows: Array) -> Array:
    """The gradient of a batch: of its rows' weighted mean, and of the penalty."""
    X, y = objective.design.take(rows)[:, : objective.size], objective.y[rows]
    w = None if objective.weights is None else objective.weights[rows]
    p, scale = objective.design.columns, objective.design.scale
    gradient = X.T @ objective.loss.gradient(y, X @ theta, w)
    gradient[:p] += objective.penalty.gradient(theta[:p] / scale) / scale
    return np.asarray(gradient)
