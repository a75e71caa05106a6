"""The objective of a linear model, sum(w L(y, X coef + b)) / sum(w) + penalty(coef), and the only owner of its data.

Solvers see `theta`: the coefficients in standard units (see `losskit.objectives.design`), then the intercept; data and
penalty together curve alike in all of them. A pass reads X once: scores, loss, X'g and X'DX while a block of rows is
there.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.constants import weighted_quantile
from losskit.data.moments import refuse_unfinite
from losskit.data.sparse_rows import columns_summed, product
from losskit.objectives.design import Array, Design, Gram
from losskit.objectives.straight import Slopes, two_slopes
from losskit.penalties import Penalty

_FEW = 8  # times fewer coefficients than columns: their columns are taken out of a block
_SAMPLE = 1 << 14  # rows that tell a median well enough
_DISTANT = 1e4  # spreads from 0


@dataclass(frozen=True)
class Point:
    """An objective at `theta`: value, gradient and, if asked for, Hessian, all in standard units.

    Where a step of a quadratic model led here, `model` holds the scores it began at and the curvatures of its rows.
    """

    theta: Array
    value: float
    gradient: Array
    hessian: Array | None = None
    scores: Array | None = None  # of the rows
    model: tuple[Array, Array] | None = None


def is_quadratic(loss: Any) -> bool:
    """Whether the loss has the same curvature everywhere."""
    traits = loss.traits()
    return traits.strong is not None and traits.strong == traits.curvature


@dataclass(frozen=True)
class Curvature:
    """X' diag(bend) X + diag(ridge), in standard units: a product or its diagonal is a pass over X."""

    design: Design
    bend: Array
    ridge: Array

    def times(self, v: Array) -> Array:
        """The product with a vector."""
        return self.design.curved(self.bend, v) + self.ridge * v

    def diagonal(self) -> Array:
        """The diagonal alone."""
        return self.design.squares(self.bend) + self.ridge


class Objective:
    """sum(w L(y, X coef + b)) / sum(w) + penalty(coef), as a function of `theta` (see the module).

    Parameters
    ----------
    loss : Pointwise
        Of one output, closed (no parameter "auto").
    penalty : Penalty
    X : ndarray of shape (rows, columns), float32 or float64, or sparse
    y : ndarray of float64, shape (rows,)
    weights : ndarray of float64, shape (rows,), optional
        All positive.
    fit_intercept : bool
    uniform : bool
        One scale for all columns.
    offset : ndarray of float64, shape (rows,), optional
        Added to the scores: X coef + b + offset.
    design : Design, optional
        Of the same X and weights, if it was made already.

    Raises
    ------
    DomainError
        If a target lies outside the loss's domain.
    """

    def __init__(
        self, loss: Pointwise, penalty: Penalty, X: Any, y: Array, weights: Array | None, fit_intercept: bool,
        uniform: bool = False, offset: Array | None = None, design: Design | None = None,
    ) -> None:  # fmt: skip
        self.loss, self.penalty, self.y, self.weights, self.offset = loss, penalty, y, weights, offset
        loss(y, np.zeros_like(y), weights)  # y is checked here; blocks would name a row of their own
        self.base = self._base() if fit_intercept else 0.0  # taken out of y, and put back into the intercept
        if self.base:
            self.y = y - self.base
        self.total = self.weight()
        self.center = self._center() if fit_intercept else 0.0
        self._reference, self.bend = self._sizes()
        self._gram: Array | None = None  # of a quadratic loss that is asked for more than once
        self._keeps_gram = False
        extra = penalty.hessian_diagonal(np.zeros(X.shape[1])) / self.bend
        self.design = design or Design(X, fit_intercept, weights, extra, uniform)

    def evaluate(self, theta: Array, order: int = 1, scores: Array | None = None) -> Point:
        """Value and derivatives up to `order` (1 or 2), in one pass over X; `scores` of the rows, if they are known."""
        known = self._gram if order > 1 else None
        (value, sums, grams), scores = self._sums(theta, 1 if known is not None else order, scores)
        with np.errstate(over="ignore", invalid="ignore"):  # of a step too long, which a line search takes back
            hessian = known.copy() if known is not None else self.design._standard_gram(grams) if order > 1 else None
            if self._keeps_gram and known is None and hessian is not None:
                self._gram = hessian.copy()
            return self._with_penalty(Point(theta, float(value), self.design._standard(sums), hessian, scores))

    def with_targets(self, y: Array) -> Objective:
        """The same rows with other targets: what is known of X, of a quadratic loss its Gram matrix too, is shared."""
        other = copy.copy(self)
        for known in ("null", "null_value", "slopes"):
            other.__dict__.pop(known, None)
        other.y = y
        other.loss(y, np.zeros_like(y), self.weights)
        other.base = other._base() if self.design.intercept else 0.0
        other.y = y - other.base if other.base else y
        other.center = other._center() if self.design.intercept else 0.0
        other._reference = other._sizes()[0]
        return other

    def keep_gram(self) -> None:
        """Keep the Gram matrix once it is known, if the loss is quadratic and it thus never changes."""
        self._keeps_gram = is_quadratic(self.loss)

    def _sums(self, theta: Array, order: int, known: Array | None = None) -> tuple[list[Any], Array | None]:
        """The sums over rows of losses, slopes times x and, if asked for, curvatures times x x'; and the scores."""
        design, loss = self.design, self.loss
        coef, constant = design._on_columns(theta)
        used = np.flatnonzero(coef)
        if known is None and not used.size:
            known = np.full(design.rows, constant) if self.offset is None else constant + self.offset
        if known is not None and order == 1 and design.upright:
            value, g = loss.value_and_gradient(self.y, known, self.weights, "sum")
            return [value, design.summed(g), 0.0], known
        few = not design.sparse and _FEW * used.size < design.columns
        scores = np.empty(design.rows) if known is None else known

        def task(first: int, last: int) -> tuple[float, Array, Any]:
            value, sums, gram = 0.0, np.zeros(design.columns + 1), Gram(design) if order > 1 else None
            for rows, block in design._blocks(first, last, few and gram is None):
                f = scores[rows]
                if known is None:
                    product(block[:, used] if few else block, coef[used] if few else coef, constant, f)
                    if self.offset is not None:
                        f += self.offset[rows]
                y, w = self.y[rows], None if self.weights is None else self.weights[rows]
                if gram is None:
                    part, g = loss.value_and_gradient(y, f, w, "sum")
                else:
                    part, g, h = loss.value_gradient_and_hessian(y, f, w, "sum")
                    gram.add(block, h)
                value += part
                sums[:-1] += columns_summed(block, g)
                sums[-1] += g.sum()
            return value, sums, 0.0 if gram is None else gram.sum

        return [sum(parts) for parts in zip(*design._each_chunk(task), strict=True)], scores

    def _with_penalty(self, sums: Point) -> Point:
        theta, value, gradient, hessian = sums.theta, sums.value, sums.gradient, sums.hessian
        p, scale = self.design.columns, self.design.scale
        coef = theta[:p] / scale
        gradient /= self.total
        gradient[:p] += self.penalty.gradient(coef) / scale
        if hessian is not None:
            hessian = self._with_bend(hessian, coef)
        if not np.isfinite(gradient).all():
            refuse_unfinite(self.design.X)
        return Point(theta, value / self.total + self.penalty.value(coef), gradient, hessian, sums.scores)

    def hessian_alone(self) -> Array:
        """The mean loss's Hessian at the loss's curvature: a quadratic loss's anywhere, a bound of another's."""
        curvature = float(self.loss.traits().curvature)
        weights = np.ones(self.design.rows) if self.weights is None else self.weights
        return self.design.gram(weights) * (curvature / self.total)

    def hessian_at(self, point: Point) -> Array:
        """The Hessian where the objective was evaluated, from the scores there."""
        if point.hessian is not None:
            return point.hessian
        if point.scores is None or self._keeps_gram:
            return np.asarray(self.evaluate(point.theta, order=2).hessian)
        bend = self.loss.gradient_and_hessian(self.y, point.scores, self.weights, "sum")[1]
        return self._with_bend(self.design.gram(bend), point.theta[: self.design.columns] / self.design.scale)

    def curvature_at(self, point: Point) -> Curvature:
        """The Hessian where the objective was evaluated, without making it."""
        scores = self.scores(point.theta) if point.scores is None else point.scores
        bend = self.loss.gradient_and_hessian(self.y, scores, self.weights, "sum")[1] / self.total
        ridge = np.zeros(self.size)
        p, scale = self.design.columns, self.design.scale
        ridge[:p] = self.penalty.hessian_diagonal(point.theta[:p] / scale) / scale**2
        return Curvature(self.design, bend, ridge)

    def _with_bend(self, hessian: Array, coef: Array) -> Array:
        """The mean of these sums, and what the penalty adds."""
        at = np.arange(self.design.columns)
        hessian /= self.total
        hessian[at, at] += self.penalty.hessian_diagonal(coef) / self.design.scale**2
        return hessian

    def along(
        self, theta: Array, direction: Array, scores: Array | None = None
    ) -> Callable[[float], tuple[float, float]]:
        """t -> value and slope at theta + t direction, from stored scores: a pass over X now, or two, none later."""
        f = self.scores(theta) if scores is None else scores
        df = self.design.scores(direction)
        p, scale = self.design.columns, self.design.scale
        coef, move = theta[:p] / scale, direction[:p] / scale

        def at(t: float) -> tuple[float, float]:
            value, g = self.loss.value_and_gradient(self.y, f + t * df, self.weights, "sum")
            now = coef + t * move
            slope = float(g @ df) / self.total + float(self.penalty.gradient(now) @ move)
            return value / self.total + self.penalty.value(now), slope

        return at

    @cached_property
    def null(self) -> Array:
        """No coefficients and a constant that is best or near: where solvers start."""
        theta = np.zeros(self.design.size)
        if self.design.intercept:
            theta[-1] = self.center
        return theta

    @cached_property
    def null_value(self) -> float:
        """The value at `null`, without a pass over X."""
        return float(self.loss(self.y, self._at_center(), self.weights))

    @cached_property
    def slopes(self) -> Slopes | None:
        """Of each row's two pieces, if the loss is just that."""
        return two_slopes(self.loss, self.y)

    def _at_center(self) -> Array:
        """The scores of no coefficients and the constant that is best or near."""
        return np.full_like(self.y, self.center) if self.offset is None else self.center + self.offset

    def _base(self) -> float:
        """A middle of targets that are far from 0 for their spread, whose residuals would be left few digits."""
        if self.loss.variables != ("r",):
            return 0.0
        some = self.y[:: max(1, self.y.size // _SAMPLE)]
        middle = float(np.median(some))
        return middle if abs(middle) > _DISTANT * float(np.mean(np.abs(some - middle))) else 0.0

    def _center(self) -> float:
        constant = 0.0
        if self.loss.traits().elicits == "mean":
            constant = self.loss._score_of_mean(float(np.average(self.y, weights=self.weights)))
            if self.offset is not None:
                constant -= float(np.average(self.offset, weights=self.weights))
        elif self.loss.variables == ("r",):
            step = max(1, self.y.size // _SAMPLE)
            constant = weighted_quantile(self.y[::step], 0.5, None if self.weights is None else self.weights[::step])
        return constant if np.isfinite(constant) else 0.0

    def _sizes(self) -> tuple[float, float]:
        """What gradients are compared with, and how the loss curves, both at the null model.

        The former is the mean size of L' there, or a trace of that at f = 0; the latter of a loss without curvature its
        slope over the distance to y.
        """
        f = self._at_center()
        g, h = self.loss.gradient_and_hessian(self.y, f, self.weights, "sum")
        slope, bend = (float(np.abs(part).sum()) / self.total for part in (g, h))
        at_zero = slope
        if self.center or self.offset is not None:
            g = self.loss.gradient(self.y, np.zeros_like(f), self.weights, "sum")
            at_zero = float(np.abs(g).sum()) / self.total
        if not 0 < bend < np.inf:
            distance = float(np.average(np.abs(self.y - f), weights=self.weights))
            bend = slope / distance if distance > 0 and slope > 0 else 1.0
        return max(slope, 1e-5 * at_zero) or 1.0, bend

    def kkt(self, gradient: Array) -> float:
        """The relative gradient: its largest entry in standard units over the mean size of L' with no coefficients."""
        return float(np.abs(gradient).max(initial=0.0)) / self._reference

    def curvature_bound(self) -> float:
        """A bound of the largest eigenvalue of the Hessian anywhere; inf if the loss has none."""
        bound = self.loss.traits().curvature
        if bound is None or not np.isfinite(bound) or bound <= 0:
            return np.inf
        return float(np.linalg.eigvalsh(self.hessian_alone() + np.diag(self.ridge()))[-1])

    def ridge(self) -> Array:
        """The penalty's second derivative at no coefficients, in standard units; 0 for the intercept."""
        p = self.design.columns
        out = np.zeros(self.design.size)
        out[:p] = self.penalty.hessian_diagonal(np.zeros(p)) / self.design.scale**2
        return out

    @property
    def size(self) -> int:
        """How many numbers `theta` has."""
        return self.design.size

    def scores(self, theta: Array) -> Array:
        """The score of each row."""
        scores = self.design.scores(theta)
        return scores if self.offset is None else scores + self.offset

    def weight(self) -> float:
        """What the sum of losses is divided by."""
        return float(self.y.size) if self.weights is None else float(self.weights.sum())

    def moves(self, direction: Array) -> Array:
        """By how much a step changes the score of each row."""
        return self.design.scores(direction)

    def reach(self, direction: Array) -> float:
        """By how much a step changes a row's score, at most."""
        return float(np.abs(self.moves(direction)).max(initial=0.0))

    def blocks_of(self, theta: Array) -> Array:
        """The coefficients of the one score, the intercept last."""
        return theta[None]

    def _coefficients(self, theta: Array) -> Array:
        return theta[: self.design.columns] / self.design.scale

    def to_user(self, theta: Array) -> tuple[Array, float]:
        """Coefficients and intercept in the user's units."""
        coef, intercept = self.design.to_user(theta)
        return coef, intercept + self.base

    def from_user(self, coef: Array, intercept: float) -> Array:
        """The inverse of `to_user`."""
        return self.design.from_user(coef, intercept - self.base)

    def with_loss(self, loss: Pointwise) -> Objective:
        """The same data and penalty under another loss."""
        X, intercept = self.design.X, self.design.intercept
        return Objective(loss, self.penalty, X, self.y, self.weights, intercept, offset=self.offset)._from(self.base)

    def thinned(self, stride: int) -> Objective:
        """The same objective over every `stride`-th row."""
        w, offset = (None if part is None else part[::stride].copy() for part in (self.weights, self.offset))
        X, y = self.design.every(stride), self.y[::stride].copy()
        return Objective(self.loss, self.penalty, X, y, w, self.design.intercept, offset=offset)._from(self.base)

    def _from(self, base: float) -> Objective:
        """This one, of targets that so much had been taken out of."""
        self.base += base
        return self

    def part(self, columns: Array) -> Objective:
        """The same objective over these columns alone, in the same units."""
        part = copy.copy(self)
        part.__dict__.pop("null", None)
        part._gram = None
        part.design = self.design.part(columns)
        return part

    def adopt(self, other: Objective, theta: Array) -> Array:
        """`theta` of an objective made by `thinned` or `with_loss`, in the units of this one."""
        coef, intercept = other.design.to_user(theta)
        return self.design.from_own(coef, intercept + (other.base - self.base))


@cache
def _blas() -> Any:
    import scipy.linalg  # noqa: F401  it has a BLAS of its own, which must be loaded to be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_thread_each() -> AbstractContextManager:
    """A context in which BLAS uses one thread a caller, so that our own threads have the cores and bits stay put."""
    return _blas().limit(limits=1, user_api="blas")
