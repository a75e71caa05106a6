"""What a solver is given: checked data and options, the objective they make, and where to begin."""

from __future__ import annotations

from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.border import as_real
from losskit.data.categories import categories_of
from losskit.data.coded import Coded
from losskit.data.memory import refuse_copy
from losskit.data.sparse_rows import is_sparse
from losskit.errors import CapabilityError, DataError, DomainError, ParameterError, ShapeError
from losskit.evaluate import weight_sum
from losskit.losses.binary import Logistic
from losskit.losses.regression import AbsoluteError, Huber
from losskit.objectives.classes import ClassObjective, OutputsObjective
from losskit.objectives.design import Design
from losskit.objectives.linear import Array, Objective
from losskit.objectives.ordered import OrderedObjective
from losskit.penalties import NoPenalty, Penalty
from losskit.rowwise import Rowwise
from losskit.solvers import newton
from losskit.solvers.choose import METHODS, NEWTON_COLUMNS, choose, refuse_unfit
from losskit.solvers.composite import Composite
from losskit.solvers.control import Control
from losskit.solvers.duality import row_shares
from losskit.solvers.joint_scale import JointScale

_HEAVY = 1e100  # a weight
_STRAIGHT = 0.999  # a loss this near its steepest line
_EXACT = 1e-13  # of a target: a residual this small is rounding
_SMALL = 1 << 24  # numbers up to which a straight loss under |coef| begins from the median's fit
VERTEX = 1e-12  # a gap that leaves the exact median
_NONE = 1e-9  # of the largest coefficient is 0 but for rounding
_MOST = 1 << 31  # scores of a model of many classes


def posed_as(
    loss: Pointwise | Rowwise | JointScale,
    penalty: Penalty,
    X: Any,
    y: Array,
    w: Array | None,
    fit_intercept: bool,
    proximal: bool,
    offset: Array | None = None,
    classes: int | None = None,
    design: Design | None = None,
) -> Any:
    """The objective, open parameters of the loss resolved; of a row-wise loss, over as many classes as y names.

    An offset of a loss of the residual is taken out of y instead, which suits every solver. Of proximal problems
    `design` may be that of the same X, weights and kind of units.
    """
    if offset is not None:
        y, offset = _with_offset(loss, y, offset)
    if isinstance(loss, Rowwise):
        classes = classes or int(y[np.isfinite(y)].max(initial=1.0)) + 1
        if classes * len(y) > _MOST:
            raise DomainError(f"y has a label of {classes - 1}: code the classes as 0 ... k - 1, an identifier is none")
        if proximal:
            return Composite(loss, penalty, X, y, w, fit_intercept, classes, design=design)
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
        return Composite(inner, penalty, X, y, w, fit_intercept, offset=offset, design=design)
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


def straightened(problem: Composite, solver: str) -> Array:
    """Where to begin under a penalty with kinks if the loss is nearly straight everywhere.

    The median's fit under the same penalty, where that is |coef| alone and the data are few. Else a path of Huber's
    losses: the first bends as far as residuals go, and each next a tenth as far; the penalty is one of a loss as steep.
    """
    pieces = problem.pieces(problem.null)
    alone = not pieces.l2.any() and not pieces.bounded and problem.penalty.separable and problem.penalty.convex
    if alone and problem.size <= NEWTON_COLUMNS and problem.size * (problem.design.rows + problem.size) <= _SMALL:
        return _median(problem, pieces.l1)
    smooth, theta = problem.smooth, problem.null
    slope = float(smooth.loss.traits().lipschitz)
    delta = float(np.average(np.abs(smooth.y - smooth.center), weights=smooth.weights))
    while delta > 3 * slope:
        alpha = problem.penalty.parameters.get("alpha")
        penalty = problem.penalty if alpha is None else problem.penalty.with_alpha(alpha * delta / slope)
        near = problem.over(smooth.with_loss(Huber(delta))).with_penalty(penalty)
        start = near.smooth.adopt(smooth, theta)
        found = METHODS[solver].solve(near, start, Control(1e-6, METHODS[solver].max_iter))
        theta, delta = np.asarray(smooth.adopt(near.smooth, found.theta)), delta / 10
    return theta


def _median(problem: Composite, l1: Array) -> Array:
    """The exact fit of the absolute error under sum(l1 |theta|): each coefficient is one more row, of target 0."""
    smooth, held = problem.smooth, np.flatnonzero(l1)
    X = np.vstack([problem.design.take(slice(None)), np.eye(problem.size)[held]])
    y = np.append(smooth.y, np.zeros(held.size))
    w = np.append(row_shares(smooth), l1[held] / float(smooth.loss.traits().lipschitz))
    median = Objective(AbsoluteError(), NoPenalty(), X, y, w, False)
    found = METHODS["smoothing"].solve(median, None, Control(VERTEX, METHODS["smoothing"].max_iter))
    theta = median.to_user(found.theta)[0]
    size = np.abs(theta[held])
    theta[held[size <= _NONE * size.max(initial=0.0)]] = 0.0
    return theta


def resolved(loss: Any, X: Any, y: Array, w: Array | None, fit_intercept: bool) -> Any:
    """`loss` with its open parameters, if any, set on the residuals of an unpenalised median fit."""
    if not isinstance(loss, Pointwise) or not loss._open():
        return loss
    median = Objective(AbsoluteError(), NoPenalty(), X, y, w, fit_intercept)
    found = METHODS["smoothing"].solve(median, None, Control(tol=1e-4, max_iter=60))
    f, y = median.design.scores(found.theta), median.y
    exact = np.abs(f - y) <= _EXACT * (np.abs(f) + np.abs(y))
    return loss.resolve(np.where(exact, 0.0, f - y), w)


def start_of(objective: Any, start: Any) -> Array:
    """Where a Solution, or coefficients and intercept, are in standard units."""
    given = (start.coef, start.intercept) if hasattr(start, "coef") else start
    coef, intercept = (np.asarray(part, dtype=np.float64) for part in given)
    wanted = [np.shape(part) for part in objective.to_user(objective.null)]
    if [coef.shape, intercept.shape] != wanted or not (np.isfinite(coef).all() and np.isfinite(intercept).all()):
        raise ShapeError(
            f"start holds coefficients of shape {coef.shape} and intercepts of shape {intercept.shape}; it must be "
            f"(coef, intercept), finite numbers of shapes {wanted[0]} and {wanted[1]}"
        )
    return objective.from_user(coef, intercept)


def convex_start(objective: Objective) -> Array:
    """Where to begin with a loss that is not convex: the fit of its convex relative, which outliers do not pull far."""
    relative = Logistic() if objective.loss.link.name == "logit" else AbsoluteError()
    if objective.loss.link.name not in ("logit", "identity") or objective.loss.variables == ("m",):
        return objective.null
    convex = objective.with_loss(relative)
    if newton.is_many(objective):
        convex = convex.thinned(newton.STRIDE)
    return adopted(objective, convex, 1e-4)


def is_straight(objective: Any) -> bool:
    """Whether nearly all rows lie where the loss rises in a straight line: Huber's with a delta of 1 and y in millions.

    Nothing there curves for Newton's method to go by, and the fit is nearly that of the median.
    """
    loss = objective.loss
    slope = loss.traits().lipschitz if loss.variables == ("r",) else None
    if not slope or not np.isfinite(slope):
        return False
    size = np.average(np.abs(objective.y - objective.center), weights=objective.weights)
    return bool(objective.null_value > _STRAIGHT * slope * size)


def has_median_start(objective: Any) -> bool:
    """Whether the median's fit is near, and can be had."""
    return objective.size <= NEWTON_COLUMNS and is_straight(objective)


def adopted(objective: Objective, convex: Objective, tol: float) -> Array:
    """Where the fit of the same, or some of the, rows under another loss ends."""
    method = METHODS[choose(convex)[0]]
    found = method.solve(convex, None, Control(tol, method.max_iter))
    return objective.adopt(convex, found.theta)


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
    table = not sparse and not isinstance(X, Coded)
    if table:
        if names := categories_of(X):
            raise DataError(
                f"columns {names[:6]} of X hold text or categories, whose coefficients need names; use LinearRegressor "
                "or LinearClassifier, which take them as they are"
            )
        refuse_copy(X)
    X, y = as_real("X", X) if table else X, as_real("y", y)
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
    if not table:
        return X, y, w, place
    X = X if X.dtype in (np.float32, np.float64) else X.astype(np.float64)
    if not (X.flags.c_contiguous or X.flags.f_contiguous):
        X = np.ascontiguousarray(X)
    return X, y, w, place
