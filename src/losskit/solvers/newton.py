"""Newton's method: one pass over X gives value, gradient and Hessian; a Cholesky factor gives the step.

The full step is tried at once by the next pass. Only where it fails are scores stored and a line search run, without
further passes. A Hessian that is singular (collinear columns) or indefinite (nonconvex losses) is replaced by one with
its eigenvalues' sizes, and damped while steps come out short. Many rows start from the solution of every 16th, found
in the same way: that is near enough for one or two passes to finish.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from losskit.objectives.linear import Array, Objective, Point
from losskit.solvers.control import Control, Outcome, falls_enough, wolfe_step

STRIDE = 16
_MANY = 50_000  # rows from which a start from fewer rows pays
_IDLE = 10  # steps that lower neither value nor gradient: rounding
_SINGULAR = 1e-12  # a pivot this small against its diagonal entry is rounding


def solve(objective: Objective, start: Array | None, control: Control) -> Outcome:
    """Minimise a smooth objective from `start` (in standard units)."""
    point = _first(objective) if start is None else objective.evaluate(start, order=2)
    state = _State(point, _hessian_of(point), objective.kkt(point.gradient))
    best, idle = state, 0
    while True:
        reason = control.stop(state.point.value, state.certificate)
        lower = state.point.value < best.point.value - 1e-14 * abs(best.point.value)
        if lower or state.certificate < best.certificate / 2:
            best, idle = state, 0
        elif (idle := idle + 1) > _IDLE:
            reason = reason or "no progress"
        if reason is None:
            ahead = _step(objective, state, control.tol)
            if ahead is not None:
                state = ahead
                continue
            reason = "no progress"
        note = _at_infinity(objective, state)
        return Outcome(state.point.theta, state.point.value, state.certificate, "kkt", reason, note)


@dataclass(frozen=True)
class _State:
    """A point, the last Hessian known, and what the next step needs to know of the last one."""

    point: Point
    hessian: Array
    certificate: float
    ratio: float = np.inf  # of the last two certificates
    damping: float = 0.0


def _hessian_of(point: Point) -> Array:
    assert point.hessian is not None
    return point.hessian


def direction(hessian: Array, gradient: Array, damping: float = 0.0) -> tuple[Array, float]:
    """The step -(H + damping diag H)^-1 g and the damping; where H is not positive definite, a stable stand-in.

    That is by eigenvalues: directions in which neither H nor g is more than rounding are left alone, so that collinear
    columns share their effect in one way only; negative curvature counts as positive.
    """
    from scipy.linalg import lapack

    diagonal = np.abs(hessian.diagonal())
    diagonal = np.maximum(diagonal, 1e-14 * diagonal.max(initial=0.0))
    unit = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = hessian / np.outer(unit, unit)
    scaled[np.diag_indices_from(scaled)] += damping
    factor, failed = lapack.dpotrf(scaled, lower=1)
    if not failed and factor.diagonal().min(initial=1.0) ** 2 > _SINGULAR:
        return -lapack.dpotrs(factor, gradient / unit, lower=1)[0] / unit, damping
    values, vectors = np.linalg.eigh(scaled)
    parts = vectors.T @ (gradient / unit)
    values = np.abs(values)
    floor = _SINGULAR * values.max(initial=0.0)
    parts[(values <= floor) & (np.abs(parts) <= 1e-10 * np.linalg.norm(parts))] = 0.0
    return -(vectors @ (parts / np.maximum(values, floor or 1.0))) / unit, max(damping, _SINGULAR)


def _step(objective: Objective, state: _State, tol: float) -> _State | None:
    """The next state; None if nothing lower is found."""
    point = state.point
    if point.hessian is None and not _is_quadratic(objective):
        point = objective.evaluate(point.theta, order=2)
    hessian = state.hessian if point.hessian is None else point.hessian
    step, used = direction(hessian, point.gradient, state.damping)
    slope = float(point.gradient @ step)
    if not slope < 0:
        return None
    # a step that should be the last needs no Hessian at its end: certificates fall as the square
    last = state.certificate * state.ratio**2 < tol or _is_quadratic(objective)
    ahead, t = objective.evaluate(point.theta + step, order=1 if last else 2), 1.0
    with np.errstate(invalid="ignore", over="ignore"):  # of a step too long
        rise = float(ahead.gradient @ step)
    if not falls_enough(ahead.value, rise, point.value, slope, t, 1e-14 * abs(point.value)):
        t = wolfe_step(objective.along(point.theta, step, point.scores), point.value, slope)
        if t == 0.0:
            return None
        ahead = objective.evaluate(point.theta + t * step, order=2)
    damping = max(100 * used, 1e-6) if t < 0.1 else used / 10 if used > _SINGULAR else 0.0
    certificate = objective.kkt(ahead.gradient)
    kept = hessian if ahead.hessian is None else ahead.hessian
    return _State(ahead, kept, certificate, certificate / state.certificate, damping)


def _is_quadratic(objective: Objective) -> bool:
    traits = objective.loss.traits()
    return traits.strong is not None and traits.strong == traits.curvature


def is_many(objective: Objective) -> bool:
    """Whether the solution of every 16th row is a near start."""
    return objective.design.rows >= max(_MANY, 50 * STRIDE * objective.size)


def _first(objective: Objective) -> Point:
    """The null model, or the solution of fewer rows if there are many and it is better."""
    if is_many(objective) and not _is_quadratic(objective):
        fewer = objective.thinned(STRIDE)
        found = solve(fewer, None, Control(tol=1e-3, max_iter=30))
        point = objective.evaluate(objective.adopt(fewer, found.theta), order=2)
        if point.value < objective.null_value:
            return point
    return objective.evaluate(objective.null, order=2)


def _at_infinity(objective: Objective, state: _State) -> str:
    """What to say if the objective falls along a ray for ever: the gradient is small, yet the next step is long."""
    if not 0 < state.certificate <= 1e-3 or not _is_unbounded(objective):
        return ""
    return long_step(objective, direction(state.hessian, state.point.gradient)[0])


def _is_unbounded(objective: Objective) -> bool:
    return objective.penalty.strong == 0 and objective.loss.link.name != "identity"


def long_step(objective: Objective, step: Array) -> str:
    """What to say if a step near the end of a fit still moves scores: the minimum lies at infinity."""
    if not _is_unbounded(objective) or objective.reach(step) < 0.1:
        return ""
    if objective.loss.link.name in ("logit", "softmax", "cumulative"):
        return (
            "the classes are separated by a combination of columns (complete or quasi-complete separation), so the "
            "coefficients grow without bound; add a penalty such as L2(1e-3), or drop the column that gives labels away"
        )
    return (
        "the objective falls for ever along some combination of columns (a group of rows whose mean is 0, say), so the "
        "coefficients grow without bound; add a penalty such as L2(1e-3), or drop or merge that group"
    )
