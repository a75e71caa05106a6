"""Fitting one candidate on one set of rows, for a whole row of penalties at once.

What the penalties share is computed once: the data's location and spread, the best constant, and each solution is the
start of the next.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.constants import robust_scale, weighted_quantile
from losskit.domains import SIGNS
from losskit.errors import ParameterError
from losskit.labels import is_ordered
from losskit.links import Link
from losskit.losses.regression import Quantile
from losskit.models.table import decision, log_odds, posterior, quantiles
from losskit.models.trees import Trees
from losskit.objectives.classes import ClassObjective, OutputsObjective
from losskit.objectives.linear import Objective
from losskit.objectives.ordered import OrderedObjective
from losskit.penalties import L2
from losskit.rowwise import Rowwise
from losskit.selection.course import Course
from losskit.selection.metrics import Metric
from losskit.selection.questions import Contender
from losskit.solvers.choose import METHODS, choose
from losskit.solvers.control import Control

Array = np.ndarray
Line = tuple[Array, Any]  # coefficients and intercept, (classes, columns) and (classes,) where each class has a score
Loss = Pointwise | Rowwise
_NO_SPREAD = 1e-6  # of y's deviation: residuals this small are a solver's rounding
STEPS = (1.0, 0.1, 0.01, 0.001, 0.0)  # c of alpha = c h; from the strongest, so that each fit starts the next
# certificates asked for: relative gradient of smooth losses, relative duality gap of kinked ones
_TO_COMPARE, _TO_KEEP = (1e-6, 1e-4), (1e-10, 1e-6)


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows to learn from, or to judge by; `classes` is 0 for numbers."""

    X: Array
    y: Array
    w: Array | None
    classes: int = 0

    def code(self, loss: Loss) -> Array:
        """The targets as the loss wants them: classes as -1 and +1 for losses of the margin."""
        return 2 * self.y - 1 if loss.domain is SIGNS else self.y


@dataclass(frozen=True, eq=False)
class Fitted:
    """A contender trained on some rows; `body` is a line or trees."""

    contender: Contender
    loss: Loss
    alpha: float
    body: Line | Trees
    shift: Any  # added to scores: a quantile of residuals for each level, and what makes intervals reach theirs
    rounds: tuple[int, ...] = ()  # of trees, one a level
    courses: tuple[Course, ...] = ()  # one a level

    def metric_score(self, metric: Metric, X: Array) -> Array:
        """Predictions for rows, on the metric's scale."""
        return metric_score(self.contender, self.loss, metric, score(self.body, X), self.shift)


def weighed(rows: Rows, contender: Contender, metric: Metric) -> Rows:
    """The rows with the costs of an error in their weights, where the contender wants that."""
    if contender.turn != "weighted":
        return rows
    assert metric.costs is not None
    (right, false_alarm), (miss, hit) = metric.costs
    weights = np.where(rows.y > 0.5, miss - hit, false_alarm - right)
    return replace(rows, w=weights if rows.w is None else rows.w * weights)


def members(contender: Contender, rows: Rows, residuals: Array | None, w: Array | None) -> list[Loss]:
    """The contender's loss with its open parameters set, then the other members of its family.

    Parameters
    ----------
    rows : all training rows
    residuals, w : of the default, and their weights; None for classes
    """
    loss, family = contender.loss, contender.family
    if contender.counted:
        counts = np.bincount(rows.y.astype(np.intp), minlength=rows.classes)
        return [replace(loss, counts=tuple(float(max(c, 1)) for c in counts))]  # type: ignore[call-arg]
    unit = 1.0
    if loss._open() or contender.unit or (family is not None and family.of_scale):
        unit, loss = _scale(loss, rows.y, residuals, w)
    if contender.unit:
        loss = replace(loss, **{contender.unit: unit * loss.parameters[contender.unit]})
    if family is None:
        return [loss]
    own = loss.parameters[family.name]
    multiples = (1.0, *family.values)
    values = [own, *family.values]
    if family.of_scale:
        values = [unit * v for v in multiples]
    elif contender.loss.parameters[family.name] == "auto":
        values = [own * v for v in multiples]
    return [replace(loss, **{family.name: value}) for value in values]


def _scale(loss: Loss, y: Array, residuals: Array | None, w: Array | None) -> tuple[float, Loss]:
    """The scale of the default's residuals, and the loss with its open parameters set by it."""
    if residuals is None or not isinstance(loss, Pointwise):
        raise ParameterError("the default leaves no residuals to take a scale from")
    if (unit := robust_scale(residuals, w)) <= _NO_SPREAD * float(np.std(y)):
        raise ParameterError("the default leaves half of the rows or more without a residual, so there is no scale")
    return unit, loss.resolve(residuals, w)


def widening(levels: tuple[float, ...], y: Array, ends: Array, w: Array) -> Any:
    """What to add to both ends so that they hold the share asked of rows not seen: conformity over inner folds.

    Romano et al. (2019), arXiv:1905.03222, with cross-validation in place of a split.

    Parameters
    ----------
    y, ends, w : of rows held out: targets, both ends, weights
    """
    low, high = ends.T
    miss = np.maximum(low - y, y - high)
    share = min(1.0, (levels[1] - levels[0]) * (1 + 1 / len(miss)))
    wider = weighted_quantile(miss, share, w)
    return np.array([-wider, wider])


def unit_of_penalty(loss: Loss, y: Array, w: Array | None, constant: Any) -> float:
    """h, the mean curvature at the best constant, which makes alpha = c h mean the same for every loss and unit of y.

    The least upper bound of L'' where it is finite; else the mean of L'' at the constant; for losses with kinks, which
    have no curvature, the steepest slope over the size of the residuals there.
    """
    if is_ordered(loss):  # of the score that all thresholds share
        at = np.broadcast_to(constant, (len(y), len(constant)))
        return float(np.sum(loss.hessian(y, at, w)))
    bound = loss.traits().curvature
    if bound is not None and 0 < bound < math.inf:
        return float(bound)
    if len(loss.outputs) > 1:  # the mean's own curvature; that of a log scale is near 1
        at = np.broadcast_to(constant, (len(y), len(constant)))
        return abs(float(np.sum(loss.hessian(y, at, w), axis=0)[0, 0])) or 1.0
    if isinstance(loss, Rowwise):
        at = np.broadcast_to(constant, (len(y), len(constant)))
        return float(np.sum(loss.hessian_diagonal(y, at, w), axis=0).max())
    at = np.full_like(y, constant if math.isfinite(constant) else 0.0)
    if bound == 0.0:
        return float(loss.traits().lipschitz) / (1.0 if loss.domain is SIGNS else _size(y - at, w))
    mean = abs(float(np.sum(loss.hessian(y, at, w))))
    return mean if 0 < mean < math.inf else 1.0


def central(loss: Loss, y: Array, w: Array | None, classes: int) -> Any:
    """The best constant score; the median where a curvature bound makes a better one pointless.

    Of a row-wise loss the logarithms of the classes' shares, half a row added to each.
    """
    if isinstance(loss, Rowwise):
        shares = np.bincount(y.astype(np.intp), w, classes) + 0.5
        if is_ordered(loss):
            return loss.link.to_score(shares / shares.sum())
        return np.log(shares) - np.log(shares).mean()
    bound = loss.traits().curvature
    if loss.variables == ("r",) and bound is not None and 0 < bound < math.inf:
        return weighted_quantile(y, 0.5, w)
    return loss.constant(y, w)


def _size(residuals: Array, w: Array | None) -> float:
    try:
        return robust_scale(residuals, w)
    except ParameterError:
        return float(np.sqrt(np.average(residuals**2, weights=w))) or 1.0


def fit_path(
    loss: Loss, rows: Rows, alphas: Sequence[float], constant: Any, start: Line | None = None, keep: bool = False,
    courses: list[Course] | None = None,
) -> list[Line]:  # fmt: skip
    """The minima of mean loss + alpha/2 ||coef||^2, one an alpha, each started from the one before.

    Fits to `keep` are solved to the tolerance of the estimators; those that are only compared, to less. How each went
    is added to `courses`.
    """
    objective = _objective(loss, rows, alphas[0], constant)
    name = choose(objective)[0]
    solver = METHODS[name]
    smooth, kinked = _TO_KEEP if keep else _TO_COMPARE
    tol = kinked if loss.traits().differentiable is False else smooth
    fits = start is not None and start[0].shape[-1] == rows.X.shape[1]  # folds may differ in rare levels
    theta = objective.from_user(*start) if start is not None and fits else None
    found = []
    for alpha in alphas:
        each = copy.copy(objective)  # keeps what is cached of data and loss
        each.penalty = L2(alpha)
        control = Control(tol, solver.max_iter)
        outcome = solver.solve(each, theta, control)
        if courses is not None:
            end = outcome.certificate, outcome.kind, outcome.reason
            courses.append(Course(name, np.array(control.curve), 0, *end))
        theta = outcome.theta
        found.append(each.to_user(theta))
    return found


def fit_lines(
    contender: Contender, loss: Loss, levels: tuple[float, ...], rows: Rows, alphas: Sequence[float], constant: Any,
    start: Line | None = None, keep: bool = False, courses: list[Course] | None = None,
) -> list[Line]:  # fmt: skip
    """`fit_path`, once for each level where that is wanted."""
    if contender.turn != "levels":
        return fit_path(loss, rows, alphas, constant, start, keep, courses)
    each = [
        fit_path(Quantile(level), rows, alphas, weighted_quantile(rows.y, level, rows.w), None, keep, courses)
        for level in levels
    ]
    return [(np.array([c for c, _ in at]), np.array([b for _, b in at])) for at in zip(*each, strict=True)]


def _objective(loss: Loss, rows: Rows, alpha: float, constant: Any) -> Any:
    """The objective, from which solvers start at `constant`."""
    if is_ordered(loss):
        return OrderedObjective(loss, L2(alpha), rows.X, rows.y, rows.w, True, rows.classes)
    if isinstance(loss, Rowwise):
        return ClassObjective(loss, L2(alpha), rows.X, rows.y, rows.w, True, rows.classes)
    if len(loss.outputs) > 1:
        return OutputsObjective(loss, L2(alpha), rows.X, rows.y, rows.w, True)
    objective = Objective(loss, L2(alpha), rows.X, rows.code(loss), rows.w, fit_intercept=True)
    null = np.zeros(objective.design.size)
    null[-1] = constant if math.isfinite(constant) else 0.0
    objective.null = null
    return objective


def score(body: Line | Trees, X: Array) -> Array:
    """The raw scores, X coef + intercept or of trees, one a row or one a row and class."""
    if isinstance(body, Trees):
        return body.scores(X)
    return np.asarray(X @ body[0].T + body[1])


def metric_score(contender: Contender, loss: Loss, metric: Metric, f: Array, shift: Any) -> Array:
    """Raw scores on the metric's scale; nan or -inf where the prediction is outside its domain."""
    if metric.levels:
        return quantiles(contender.turn, loss, f, metric.levels, shift)
    if is_ordered(loss) and metric.costs is None:
        return log_odds(loss, f)
    if metric.loss is None:
        return f if metric.costs is None or contender.turn == "weighted" else decision(loss, f, np.array(metric.costs))
    if contender.turn == "posterior":
        return posterior(loss, f)
    return f + shift if isinstance(loss, Rowwise) else rescale(f + shift, loss.link, metric.link)


def rescale(f: Array, source: Link, target: Link) -> Array:
    """Scores of one link as scores of another, of the same prediction."""
    return f if source is target else np.asarray(target.to_score(source.to_prediction(f)))


def residual_quantile(rows: Rows, line: Line, level: float) -> float:
    """What to add to a fit so that a share `level` of the training targets lies below."""
    return weighted_quantile(rows.y - score(line, rows.X), level, rows.w)
