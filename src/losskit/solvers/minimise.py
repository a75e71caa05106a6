"""The front door: `minimise` checks the data, resolves the loss, chooses the solver and says how good the answer is."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import Any

from losskit.base import Pointwise
from losskit.data.streams import as_stream, is_streamed
from losskit.errors import CapabilityError, ConvergenceWarning
from losskit.losses.regression import AbsoluteError
from losskit.objectives.linear import Array, one_thread_each
from losskit.penalties import NoPenalty, Penalty
from losskit.rowwise import Rowwise
from losskit.solvers import joint_scale, over_streams
from losskit.solvers.choose import METHODS, TO_COMPARE, choose, is_proximal
from losskit.solvers.composite import Composite
from losskit.solvers.control import Callback, CertificateKind, Control, Outcome
from losskit.solvers.ends import looked_at
from losskit.solvers.joint_scale import JointScale
from losskit.solvers.posing import (
    VERTEX,
    adopted,
    border,
    check_options,
    convex_start,
    has_median_start,
    is_straight,
    offset_of,
    posed_as,
    start_of,
    straightened,
)

TOLERANCE = 1e-10


@dataclass(frozen=True, eq=False)
class Solution:
    """Where a fit ended and what is known of it.

    Attributes
    ----------
    coef, intercept : the linear model, in the units of the data
    value : sum(w L) / sum(w) + penalty(coef)
    certificate : what `certificate_kind` names; at most `tol` if `reason` is "tol"
    certificate_kind : "gap", (value - lower bound) / value, which bounds how much better any answer could be; or "kkt",
        the largest entry of the gradient by standardised coefficients over the mean size of L' with no coefficients
        (never under 1e-5 of that at f = 0, where rounding ends); of a penalty with kinks, how far minus the gradient is
        from its slopes
    iterations, curve : how many, and the objective at the start and after each
    reason : "tol", "max_iter", "time_limit", "callback", "no progress" or "no scale"
    solver, why : which solver, and why that one
    loss : the loss minimised, with no parameter open; for JointScale, its loss at the scale found
    scale : the scale that JointScale found, else None
    """

    coef: Array
    intercept: Any
    value: float
    certificate: float
    certificate_kind: CertificateKind
    iterations: int
    reason: str
    solver: str
    why: str
    curve: tuple[float, ...]
    loss: Any
    scale: float | None = None


def minimise(
    loss: Pointwise | Rowwise | JointScale,
    penalty: Penalty | None,
    X: Any,
    y: Any = None,
    sample_weight: Any = None,
    fit_intercept: bool = True,
    solver: str = "auto",
    tol: float = TOLERANCE,
    max_iter: int | None = None,
    start: Solution | tuple[Any, float] | None = None,
    time_limit: float | None = None,
    callback: Callback | None = None,
    offset: Any = None,
) -> Solution:
    """Minimise sum(w L(y, X coef + b)) / sum(w) + penalty(coef) over coefficients and intercept.

    Parameters
    ----------
    loss : Pointwise, Rowwise or JointScale
        A parameter "auto" is resolved on the residuals of a median fit. Of a row-wise loss y holds labels, and there
        are coefficients (classes, columns) and an intercept a class; of several outputs, such as GaussianNLL's mean
        and log variance, (outputs, columns) and one an output.
    penalty : Penalty or None
    X : array_like of shape (rows, columns), path or Stream
        float32 is kept as it is; everything is summed in float64. A path of a Parquet, Feather or CSV file, or a
        Stream, is read in batches, a pass an iteration, and never held.
    y : array_like of shape (rows,)
        Of a file the name of its column, as are sample_weight and offset.
    sample_weight : array_like of shape (rows,), optional
        A row of weight 2 counts as two rows; one of weight 0 is left out, whatever it holds.
    solver : {"auto", "newton", "newton_cg", "lbfgs", "proximal_newton", "coordinate_descent", "proximal_gradient",
        "smoothing", "irls", "dual_descent", "gradient_descent", "momentum", "nesterov", "sgd", "adam"}
    tol : float
        The certificate to reach; 1e-6 is plenty for most uses.
    max_iter : int, optional
        A default of the solver's own.
    start : Solution or (coef, intercept), optional
    time_limit : float, optional
        Seconds after which no iteration is begun.
    callback : callable, optional
        Called as callback(iteration, value, certificate); a true answer stops the run.
    offset : array_like of shape (rows,), optional
        Added to each row's score: the logarithm of the exposure for Poisson and others of a log link.

    Returns
    -------
    Solution

    Warns
    -----
    ConvergenceWarning
        If the certificate misses `tol`, or the minimum lies at infinity (separated classes); it names the remedy.

    Raises
    ------
    CapabilityError, DataError, DomainError, ParameterError, ShapeError
    """
    check_options(loss, penalty, tol, max_iter, time_limit)
    deadline = None if time_limit is None else time.monotonic() + time_limit
    if is_streamed(X):
        stream = as_stream(X, y, sample_weight, offset)
        control = Control(tol, max_iter or 0, deadline, callback)
        with one_thread_each():
            penalty = penalty or NoPenalty()
            rows = over_streams.Rows.of(stream, loss)
            problem = rows.posed(loss, penalty, fit_intercept, is_proximal(penalty, solver))
            return solution_of(*over_streams.solve(problem, solver, start, control))
    X, y, w, place = border(X, y, sample_weight)
    penalty = penalty or NoPenalty()
    with one_thread_each():
        moved = offset_of(offset, place, solver)
        objective = posed_as(loss, penalty, X, y, w, fit_intercept, is_proximal(penalty, solver), moved)
        theta = None if start is None else start_of(objective, start)
        if isinstance(loss, JointScale):
            if solver not in ("auto", "newton") or not penalty.smooth:
                raise CapabilityError(
                    f'{solver} with {penalty!r} cannot fit a scale jointly; JointScale needs solver="newton" and a '
                    "smooth penalty such as L2"
                )
            control = Control(tol, max_iter or 100, deadline, callback)
            outcome, scale = joint_scale.solve(objective, theta, control)
            solution = solution_of(objective, outcome, control, "newton", joint_scale.WHY, scale)
        else:
            solution = solved(objective, solver, theta, Control(tol, max_iter or 0, deadline, callback))
    return solution


def solved(objective: Any, solver: str, theta: Array | None, control: Control) -> Solution:
    """The solution of a posed problem by a solver, or the one that fits."""
    solver, why = choose(objective, solver)
    control.max_iter = control.max_iter or METHODS[solver].max_iter
    if theta is None and objective.loss.traits().convex is False and len(objective.loss.outputs) == 1:
        theta = convex_start(objective.smooth if isinstance(objective, Composite) else objective)
    elif theta is None and solver in ("newton", "newton_cg", "lbfgs") and has_median_start(objective):
        theta = adopted(objective, objective.with_loss(AbsoluteError()), VERTEX)
    elif theta is None and isinstance(objective, Composite) and is_straight(objective.smooth):
        theta = straightened(objective, solver)
    outcome = METHODS[solver].solve(objective, theta, control)
    return solution_of(objective, looked_at(objective, outcome, control.tol), control, solver, why)


def solution_of(
    objective: Any, outcome: Outcome, control: Control, solver: str, why: str, scale: float | None = None
) -> Solution:
    """What a solver's end is to the user; a warning if it is not what was asked for."""
    coef, intercept = objective.to_user(outcome.theta)
    loss = objective.loss if scale is None else JointScale(objective.loss).at(scale)
    if outcome.note:
        warnings.warn(f"{type(loss).__name__}: {outcome.note}", ConvergenceWarning, stacklevel=4)
    elif not outcome.certificate <= control.tol and outcome.reason != "callback":
        told = _missed(outcome, control, solver)
        if len(getattr(loss, "outputs", ())) > 1:
            told += "; rows fitted exactly send a density's scale to 0: take fewer columns or a stronger L2"
        warnings.warn(told, ConvergenceWarning, stacklevel=4)
    return Solution(
        coef, intercept, outcome.value, outcome.certificate, outcome.kind, control.iterations, outcome.reason, solver,
        why, tuple(control.curve), loss, scale,
    )  # fmt: skip


_REMEDY = {
    "max_iter": "raise max_iter",
    "time_limit": "raise time_limit",
    "no progress": "raise tol: rounding allows no better, or add a penalty such as L2(1e-6) if columns are collinear",
}


def _missed(outcome: Outcome, control: Control, solver: str) -> str:
    remedy = _REMEDY.get(outcome.reason, "raise tol")
    other = ' or choose solver="auto"' if solver in TO_COMPARE else ""
    kind = "relative duality gap" if outcome.kind == "gap" else "relative gradient"
    return (
        f"{solver} stopped after {control.iterations} iterations ({outcome.reason}) with a certificate ({kind}) of "
        f"{outcome.certificate:.1e} instead of {control.tol:.1e}; {remedy}{other}"
    )
