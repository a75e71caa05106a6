"""The front door: `minimise` checks the data, resolves the loss, chooses the solver and says how good the answer is."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.border import as_real
from losskit.class_objective import ClassObjective, OutputsObjective
from losskit.errors import CapabilityError, ConvergenceWarning, DomainError, ParameterError, ShapeError
from losskit.evaluate import weight_sum
from losskit.losses.binary import Logistic
from losskit.losses.regression import AbsoluteError
from losskit.objective import Array, Objective, one_thread_each
from losskit.ordered_objective import OrderedObjective
from losskit.penalties import NoPenalty, Penalty
from losskit.rowwise import Rowwise
from losskit.solvers import joint_scale, lbfgs, newton, streamed_newton
from losskit.solvers.choose import METHODS, choose, is_proximal, refuse_unfit
from losskit.solvers.composite import Composite
from losskit.solvers.control import Callback, CertificateKind, Control, Outcome
from losskit.solvers.joint_scale import JointScale
from losskit.sparse_rows import is_sparse
from losskit.streamed import StreamObjective, numbers, placed
from losskit.streams import Stream, as_stream, is_streamed

TOLERANCE = 1e-10
_HEAVY = 1e100  # a weight
_STRAIGHT, _VERTEX = 0.999, 1e-12  # a loss this near its steepest line, and a gap that leaves the exact median
_MOST = 1 << 31  # scores of a model of many classes


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
    solver : {"auto", "newton", "lbfgs", "proximal_newton", "proximal_gradient", "smoothing", "irls", "dual_descent",
        "gradient_descent", "sgd", "adam"}
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
            return _over_stream(loss, penalty or NoPenalty(), stream, fit_intercept, solver, start, control)
    X, y, w, place = border(X, y, sample_weight)
    penalty = penalty or NoPenalty()
    with one_thread_each():
        moved = offset_of(offset, place, solver)
        objective = posed_as(loss, penalty, X, y, w, fit_intercept, is_proximal(penalty, solver), moved)
        theta = None if start is None else _start(objective, start)
        if isinstance(loss, JointScale):
            if solver not in ("auto", "newton") or not penalty.smooth:
                raise CapabilityError(
                    f'{solver} with {penalty!r} cannot fit a scale jointly; JointScale needs solver="newton" and a '
                    "smooth penalty such as L2"
                )
            control = Control(tol, max_iter or 100, deadline, callback)
            outcome, scale = joint_scale.solve(objective, theta, control)
            solution = _solution(objective, outcome, control, "newton", joint_scale.WHY, scale)
        else:
            solution = solved(objective, solver, theta, Control(tol, max_iter or 0, deadline, callback))
    return solution


def posed_as(
    loss: Pointwise | Rowwise | JointScale,
    penalty: Penalty,
    X: Any,
    y: Array,
    w: Array | None,
    fit_intercept: bool,
    proximal: bool,
    offset: Array | None = None,
) -> Any:
    """The objective, open parameters of the loss resolved; of a row-wise loss, over as many classes as y names.

    An offset of a loss of the residual is taken out of y instead, which suits every solver.
    """
    if offset is not None:
        y, offset = _with_offset(loss, y, offset)
    if isinstance(loss, Rowwise):
        classes = int(y[np.isfinite(y)].max(initial=1.0)) + 1
        if classes * len(y) > _MOST:
            raise DomainError(f"y has a label of {classes - 1}: code the classes as 0 ... k - 1, an identifier is none")
        if proximal:
            return Composite(loss, penalty, X, y, w, fit_intercept, classes)
        if loss.beyond:
            return OrderedObjective(loss, penalty, X, y, w, fit_intercept, classes)
        return ClassObjective(loss, penalty, X, y, w, fit_intercept, classes)
    if isinstance(loss, Pointwise) and len(loss.outputs) > 1:
        if proximal:
            raise CapabilityError(
                f"the penalty {penalty!r} has kinks, and {loss!r} predicts {len(loss.outputs)} numbers a row; use L2, "
                "or a loss of one output"
            )
        return OutputsObjective(loss, penalty, X, y, w, fit_intercept)
    inner = resolved(loss.loss if isinstance(loss, JointScale) else loss, X, y, w, fit_intercept)
    if proximal:
        return Composite(inner, penalty, X, y, w, fit_intercept, offset=offset)
    return Objective(inner, penalty, X, y, w, fit_intercept, offset=offset)


def _with_offset(loss: Any, y: Array, offset: Array) -> tuple[Array, Array | None]:
    inner = loss.loss if isinstance(loss, JointScale) else loss
    if isinstance(inner, Pointwise) and inner.variables == ("r",):
        return y - offset, None
    if isinstance(inner, Rowwise) or len(inner.outputs) > 1 or inner.traits().differentiable is False:
        raise CapabilityError(
            "an offset is for losses of the residual, and smooth ones of one score a row such as Poisson; "
            f"{inner!r} is neither"
        )
    return y, offset


def offset_of(offset: Any, place: Array, solver: str = "auto") -> Array | None:
    """The offset of the rows that are kept, as float64."""
    if offset is None:
        return None
    if solver in ("sgd", "adam"):
        raise CapabilityError(f'{solver} takes no offset; use solver="newton" or "lbfgs"')
    found = np.asarray(as_real("offset", offset), dtype=np.float64)
    if found.shape != place.shape:
        raise ShapeError(f"offset has shape {found.shape}; it must be {place.shape}, one number a row")
    kept = found[place >= 0]
    if not np.isfinite(kept).all():
        row = int(np.flatnonzero(~np.isfinite(found) & (place >= 0))[0])
        raise DomainError(
            f"offset[{row}] = {found[row]}; an offset is a finite number: give rows of no exposure the weight 0"
        )
    return kept


_ON_STREAMS: dict[str, Any] = {"newton": newton.solve, "lbfgs": lbfgs.solve, "proximal_newton": streamed_newton.solve}


def _over_stream(
    loss: Any, penalty: Penalty, stream: Stream, fit_intercept: bool, solver: str, start: Any, control: Control
) -> Solution:
    if not isinstance(loss, Pointwise) or len(loss.outputs) > 1:
        raise CapabilityError(f"{loss!r} is not fitted to a stream yet: that takes losses of one score a row")
    stream.look()
    stream = stream if stream._code else stream.coded(numbers)
    proximal = is_proximal(penalty, solver)
    batch = stream.sample()
    with placed(stream, f"a sample of {len(batch.X)} rows"):
        X, y, w, offset = batch.X, np.ascontiguousarray(batch.y), batch.weights, batch.offset
        near = posed_as(loss, penalty, X, y, w, fit_intercept, proximal, offset)
    objective = near.over(StreamObjective(stream, near.smooth)) if proximal else StreamObjective(stream, near)
    solver, why = choose(objective, solver)
    if solver not in _ON_STREAMS:
        raise CapabilityError(
            f"{solver} needs all rows at hand, and {stream!r} is read in batches; for quantiles and other losses with "
            f"kinks use Smoothed({loss!r}, width=0.01), else a smooth or separable penalty with newton or lbfgs"
        )
    theta = None if start is None else _start(objective, start)
    if theta is None and objective.loss.traits().convex is False:
        theta = _convex_start(near.smooth if proximal else near)
    control.max_iter = control.max_iter or METHODS[solver].max_iter
    outcome = _ON_STREAMS[solver](objective, theta, control)
    return _solution(objective, outcome, control, solver, f"{why}; each iteration is a pass over {stream!r}")


def solved(objective: Any, solver: str, theta: Array | None, control: Control) -> Solution:
    """The solution of a posed problem by a solver, or the one that fits."""
    solver, why = choose(objective, solver)
    control.max_iter = control.max_iter or METHODS[solver].max_iter
    if theta is None and objective.loss.traits().convex is False and len(objective.loss.outputs) == 1:
        theta = _convex_start(objective.smooth if isinstance(objective, Composite) else objective)
    elif theta is None and solver in ("newton", "lbfgs") and _is_straight(objective):
        theta = _adopted(objective, objective.with_loss(AbsoluteError()), _VERTEX)
    outcome = METHODS[solver].solve(objective, theta, control)
    return _solution(objective, outcome, control, solver, why)


def _solution(
    objective: Any, outcome: Outcome, control: Control, solver: str, why: str, scale: float | None = None
) -> Solution:
    coef, intercept = objective.to_user(outcome.theta)
    loss = objective.loss if scale is None else JointScale(objective.loss).at(scale)
    if outcome.note:
        warnings.warn(f"{type(loss).__name__}: {outcome.note}", ConvergenceWarning, stacklevel=4)
    elif not outcome.certificate <= control.tol and outcome.reason != "callback":
        warnings.warn(_missed(outcome, control, solver), ConvergenceWarning, stacklevel=4)
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
    other = ' or choose solver="auto"' if solver in ("gradient_descent", "sgd", "adam") else ""
    kind = "relative duality gap" if outcome.kind == "gap" else "relative gradient"
    return (
        f"{solver} stopped after {control.iterations} iterations ({outcome.reason}) with a certificate ({kind}) of "
        f"{outcome.certificate:.1e} instead of {control.tol:.1e}; {remedy}{other}"
    )


def _convex_start(objective: Objective) -> Array:
    """Where to begin with a loss that is not convex: the fit of its convex relative, which outliers do not pull far."""
    relative = Logistic() if objective.loss.link.name == "logit" else AbsoluteError()
    if objective.loss.link.name not in ("logit", "identity") or objective.loss.variables == ("m",):
        return objective.null
    convex = objective.with_loss(relative)
    if newton.is_many(objective):
        convex = convex.thinned(newton.STRIDE)
    return _adopted(objective, convex, 1e-4)


def _is_straight(objective: Any) -> bool:
    """Whether nearly all rows lie where the loss rises in a straight line: Huber's with a delta of 1 and y in millions.

    Nothing there curves for Newton's method to go by, and the fit is nearly that of the median.
    """
    loss = objective.loss
    slope = loss.traits().lipschitz if loss.variables == ("r",) else None
    if not slope or not np.isfinite(slope):
        return False
    size = np.average(np.abs(objective.y - objective.center), weights=objective.weights)
    return bool(objective.null_value > _STRAIGHT * slope * size)


def _adopted(objective: Objective, convex: Objective, tol: float) -> Array:
    """Where the fit of the same, or some of the, rows under another loss ends."""
    method = METHODS[choose(convex)[0]]
    found = method.solve(convex, None, Control(tol, method.max_iter))
    return objective.adopt(convex, found.theta)


def resolved(loss: Any, X: Any, y: Array, w: Array | None, fit_intercept: bool) -> Any:
    """`loss` with its open parameters, if any, set on the residuals of an unpenalised median fit."""
    if not isinstance(loss, Pointwise) or not loss._open():
        return loss
    median = Objective(AbsoluteError(), NoPenalty(), X, y, w, fit_intercept)
    found = METHODS["smoothing"].solve(median, None, Control(tol=1e-4, max_iter=60))
    return loss.resolve(median.design.scores(found.theta) - y, w)


def _start(objective: Any, start: Solution | tuple[Any, float]) -> Array:
    given = (start.coef, start.intercept) if isinstance(start, Solution) else start
    coef, intercept = (np.asarray(part, dtype=np.float64) for part in given)
    wanted = [np.shape(part) for part in objective.to_user(objective.null)]
    if [coef.shape, intercept.shape] != wanted or not (np.isfinite(coef).all() and np.isfinite(intercept).all()):
        raise ShapeError(
            f"start holds coefficients of shape {coef.shape} and intercepts of shape {intercept.shape}; it must be "
            f"(coef, intercept), finite numbers of shapes {wanted[0]} and {wanted[1]}"
        )
    return objective.from_user(coef, intercept)


def check_options(loss: Any, penalty: Any, tol: Any, max_iter: Any, time_limit: Any) -> None:
    """Raise unless loss and penalty are such, and numbers above 0."""
    if not isinstance(loss, (Pointwise, Rowwise, JointScale)):
        raise CapabilityError(f'loss must be a loss such as Huber(delta=1.35) or losskit.get("huber"); got {loss!r}')
    if not isinstance(loss, JointScale):
        refuse_unfit(loss)
    if penalty is not None and not isinstance(penalty, Penalty):
        raise CapabilityError(f"penalty must be a penalty such as L2(alpha=0.1), or None; got {penalty!r}")
    for name, value in (("tol", tol), ("max_iter", max_iter), ("time_limit", time_limit)):
        if (value is not None or name == "tol") and not (isinstance(value, (int, float, np.number)) and value > 0):
            raise ParameterError(f"{name} must be a number above 0; got {name}={value!r}")


def border(X: Any, y: Any, sample_weight: Any) -> tuple[Any, Array, Array | None, Array]:
    """X as it is or as contiguous floats, y and the weights as float64, without the rows of weight 0.

    And the new place of each old row, -1 for one that is left out.
    """
    sparse = is_sparse(X)
    X, y = X if sparse else as_real("X", X), as_real("y", y)
    if X.ndim != 2 or y.ndim != 1 or X.shape[0] != len(y):
        raise ShapeError(f"X must be (rows, columns) and y (rows,); got shapes {X.shape} and {y.shape}")
    if not X.shape[1]:
        raise ShapeError("X has no columns; loss.constant(y) is the best constant score")
    w, place = None, np.arange(len(y))
    X = X.tocsr().astype(np.float64, copy=False) if sparse else X
    if sample_weight is not None:
        w = np.asarray(as_real("sample_weight", sample_weight), dtype=np.float64)
        if w.shape != y.shape:
            raise ShapeError(f"sample_weight has shape {w.shape}; it must be {y.shape}, one number a row")
        weight_sum(w)
        if not w.all():
            place = np.where(w > 0, np.cumsum(w > 0) - 1, -1)
            X, y, w = X[w > 0], y[w > 0], w[w > 0]
        if w.max(initial=0.0) > _HEAVY:  # only ratios count; sums of w x^2 would leave the range of doubles
            w = np.ldexp(w, -int(np.frexp(w.max())[1]))
    if not len(y):
        raise DomainError("there are no rows of weight above 0 to fit")
    y = np.ascontiguousarray(y, dtype=np.float64)
    if sparse:
        return X, y, w, place
    X = X if X.dtype in (np.float32, np.float64) else X.astype(np.float64)
    if not (X.flags.c_contiguous or X.flags.f_contiguous):
        X = np.ascontiguousarray(X)
    return X, y, w, place
