"""Newton's method whose steps are found by conjugate gradients: for many columns, whose Hessian is never made.

A product with the Hessian is one pass over X. In standard units the Hessian's diagonal is even at the null model; where
many products were needed, the next ones are preconditioned by the diagonal there. They end when the linear system is
solved as far as the step deserves, so that certificates fall faster than in line (Eisenstat and Walker 1996,
DOI 10.1137/0917003), or at a direction without curvature, with the step so far (nonconvex losses).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from losskit.objectives.linear import Array, Objective
from losskit.solvers.control import Control, Outcome
from losskit.solvers.lbfgs import stepped
from losskit.solvers.newton import long_step

_ROUGH = 0.5  # of the gradient may be left at first
_LATER = 0.9  # times the square of the gradients' last ratio may be left later
_EXACT = 0.1  # of the tolerance need not be beaten
_FLAT = 1e-15  # of the largest diagonal entry: a curvature that is rounding
_SHORT = 10  # products of a step that needs no better preconditioner


def solve(objective: Objective, start: Array | None, control: Control) -> Outcome:
    """Minimise a smooth objective from `start` (in standard units)."""
    point = objective.evaluate(objective.null if start is None else start)
    diagonal, left, step, many = np.ones(objective.size), _ROUGH, None, start is not None
    while True:
        certificate = objective.kkt(point.gradient)
        reason = control.stop(point.value, certificate)
        ahead = None
        if reason is None:
            hessian = objective.curvature_at(point)
            diagonal = hessian.diagonal() if many else diagonal
            enough = max(left, _EXACT * control.tol / certificate)
            step, products = conjugate_gradients(hessian.times, diagonal, point.gradient, enough)
            many = products > _SHORT
            ahead = stepped(objective, point, step)
            reason = "no progress" if ahead is None else None
        if ahead is None:
            note = long_step(objective, step) if reason == "tol" and step is not None else ""
            return Outcome(point.theta, point.value, certificate, "kkt", reason or "no progress", note)
        ratio = float(np.linalg.norm(ahead.gradient) / np.linalg.norm(point.gradient))
        left, point = min(_ROUGH, max(_LATER * ratio**2, _LATER * left**2)), ahead


def conjugate_gradients(
    times: Callable[[Array], Array], diagonal: Array, gradient: Array, enough: float
) -> tuple[Array, int]:
    """x at which H x + gradient is `enough` of the gradient, in units of the diagonal's roots, and how many products.

    `times` multiplies by H. Shorter where a direction has no curvature.
    """
    floor = _FLAT * diagonal.max(initial=0.0)
    inverse = 1.0 / np.where(diagonal > floor, diagonal, 1.0)
    x, r = np.zeros_like(gradient), -gradient
    p = inverse * r
    size = float(r @ p)
    goal = enough**2 * size
    for count in range(1, len(gradient) + 1):
        product = times(p)
        bend = float(p @ product)
        if not bend > floor * float(p @ p):
            return (x if x.any() else p), count
        x += size / bend * p
        r -= size / bend * product
        z = inverse * r
        size, last = float(r @ z), size
        if size <= goal:
            break
        p = z + size / last * p
    return x, count
