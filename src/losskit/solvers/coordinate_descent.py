"""Coordinate descent on working sets, extrapolated, with columns left out for good once they are known to be 0.

As proximal Newton's method, but for how a quadratic model is minimised: by passes over its coordinates alone, each five
of which are extrapolated (Anderson's acceleration; Bertrand and Massias 2021, arXiv 2011.10065). What is extrapolated
is taken if it lowers the model, so that none ever rises. A duality gap bounds how far each column's slope is from that
at the minimum, and so tells columns that must be 0 there (Ndiaye et al. 2017, arXiv 1611.05780); of what is left a
smaller problem is made, whose minimum is the same.
"""

from __future__ import annotations

import numpy as np

from losskit.kernels.loops import loop
from losskit.objectives.linear import Array
from losskit.penalties import Pieces
from losskit.solvers.composite import Composite
from losskit.solvers.control import Control, Outcome
from losskit.solvers.proximal_newton import Idle, certify, ended, entries_of, solved_part, working

_TOGETHER = 5  # passes that are extrapolated
_MOST = 2000  # passes of one model
_LEAN = 1e-10  # of the moves' squares is added where they lie in one direction


def solve(objective: Composite, start: Array | None, control: Control) -> Outcome:
    """Minimise from `start` (in standard units); an iteration is a working set."""
    problem, kept = objective, np.arange(objective.design.columns)
    point = objective.smooth.evaluate(objective.null if start is None else start)
    part, idle = None, Idle()
    while True:
        violations = problem.violations(point.theta, point.gradient)
        certified = certify(problem, point, violations, control.tol)
        value = problem.value(point)
        reason, ahead = control.stop(value, certified[1]), None
        if reason is None and not idle.no_progress(certified[2], value):
            columns = working(problem, point, violations)
            ahead, part = solved_part(problem, point, violations, columns, part, control.tol, descended)
        if ahead is None:
            theta = np.zeros(objective.size)
            theta[entries_of(objective, kept)] = point.theta
            return ended(theta, value, certified, reason or "no progress", control.tol)
        point = ahead
        left = np.flatnonzero(~problem.safely_zero(point))
        if 0 < 2 * left.size < problem.design.columns:
            at = entries_of(problem, left)
            kept, problem, part = kept[left], problem.part(left), None
            point = problem.smooth.evaluate(point.theta[at])


def descended(H: Array, q: Array, x: Array, pieces: Pieces, tol: float) -> tuple[Array, Array, float]:
    """As `solve_quadratic`, by coordinate descent that is extrapolated."""
    x, q = x.copy(), q.copy()
    bounds, state = np.concatenate([pieces.low, pieces.high]), np.zeros(2)
    l1, l2 = np.ascontiguousarray(pieces.l1), np.ascontiguousarray(pieces.l2)
    descend, c = loop("quadratic_descent"), q - H @ x

    def value(x: Array, q: Array) -> float:
        return float((q + c) @ x / 2 + l1 @ np.abs(x) + l2 @ x**2 / 2)

    seen = [(x.copy(), q.copy())]
    for _ in range(_MOST):
        descend(H, q, x, l1, l2, bounds, state, tol, x.size, 1, 0)
        if state[1] <= tol:
            break
        seen.append((x.copy(), q.copy()))
        if len(seen) > _TOGETHER:
            xs, qs = (np.array(each) for each in zip(*seen, strict=True))
            share = mixed(np.diff(xs, axis=0))
            further = np.clip(share @ xs[1:], pieces.low, pieces.high), share @ qs[1:]
            if value(*further) < value(x, q):
                x, q = further[0], c + H @ further[0]
            seen = [(x.copy(), q.copy())]
    return x, q, float(state[1])


def mixed(moves: Array) -> Array:
    """The shares, of sum 1, of points after these moves at which a linear map would move least."""
    square = moves @ moves.T
    square[np.diag_indices_from(square)] += _LEAN * np.trace(square) + 1e-300
    share = np.linalg.solve(square, np.ones(len(square)))
    return np.asarray(share / share.sum())
