"""The objective of a linear model of k classes, sum(w L(y, X B + b)) / sum(w) + penalty(B), for row-wise losses.

`theta` is a block of standard units a class (see `losskit.objectives.linear`), one after the other; solvers see what
they see of a model of one score. Scores that all rise alike change no loss of a softmax: the sum of the classes' blocks
stays where it starts, at 0, and the Hessian is filled in along it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.data.memory import refuse_beyond
from losskit.data.moments import refuse_unfinite
from losskit.errors import DomainError
from losskit.objectives.design import Array, Design, Gram
from losskit.objectives.linear import Point
from losskit.penalties import Penalty
from losskit.rowwise import Rowwise

_MANY = 1000  # columns
_FLAT = 1e-6  # of the largest curvature is given to directions without


class ClassObjective:
    """sum(w L(y, X B + b)) / sum(w) + penalty(B), as a function of `theta`.

    Parameters
    ----------
    loss : Rowwise
        Smooth, on raw scores.
    penalty : Penalty
    X : ndarray of shape (rows, columns), float32 or float64
    y : ndarray of labels 0 ... classes - 1, shape (rows,)
    weights : ndarray of float64, shape (rows,), optional
        All positive.
    fit_intercept : bool
    classes : int

    Raises
    ------
    DomainError
        If a label is none.
    """

    free = True  # whether the loss does not change where all scores of a row rise alike
    bend = 0.25  # of a score, about
    slopes = None  # a row's loss is not made of straight pieces
    centred = True  # whether the sum of the classes' coefficients is then held at 0; not under a penalty with kinks

    def __init__(
        self, loss: Rowwise, penalty: Penalty, X: Any, y: Array, weights: Array | None, fit_intercept: bool,
        classes: int, uniform: bool = False, design: Design | None = None,
    ) -> None:
        self.loss, self.penalty, self.y, self.weights, self.classes = loss, penalty, y, weights, classes
        refuse_scores(len(y), classes)
        self.total = self.weight()
        slopes = loss.gradient(y, np.zeros((len(y), classes)), weights, "sum")
        self._reference = float(np.abs(slopes).sum()) / classes / self.total or 1.0
        extra = penalty.hessian_diagonal(np.zeros(X.shape[1])) / self.bend
        self.design = design or Design(X, fit_intercept, weights, extra, uniform)
        self.size = classes * self.design.size

    def evaluate(self, theta: Array, order: int = 1) -> Point:
        """Value and derivatives up to `order` (1 or 2), in one pass over X."""
        sums, _ = self._sums(theta, order)
        with np.errstate(over="ignore", invalid="ignore"):  # of a step too long, which a line search takes back
            return self._point(theta, sums, order)

    def weight(self) -> float:
        """What the sum of losses is divided by."""
        return float(self.loss.partial(self.y, np.zeros((len(self.y), self.classes)), self.weights).weight)

    def _sums(self, theta: Array, order: int) -> tuple[list[Any], None]:
        """The sums over rows of losses, slopes times x and, if asked for, curvatures by pair of classes times x x'."""
        design, k = self.design, self.classes
        coef, constant = self._on_columns(theta)
        if order > 1:
            self._refuse_hessian()

        def task(first: int, last: int) -> tuple[float, Array, Any]:
            value, sums, grams = 0.0, np.zeros((k, design.columns + 1)), _Grams(design, k) if order > 1 else None
            for rows, block in design._blocks(first, last):
                f = block @ coef.T + constant
                y, w = self.y[rows], None if self.weights is None else self.weights[rows]
                part, g = self.loss.value_and_gradient(y, f, w, "sum")
                if grams is not None:
                    grams.add(block, self.loss.hessian(y, f, w, "sum"))
                value += part
                sums[:, :-1] += g.T @ block
                sums[:, -1] += g.sum(axis=0)
            return value, sums, 0.0 if grams is None else grams.sum

        return [sum(parts) for parts in zip(*design._each_chunk(task), strict=True)], None

    def hessian_at(self, point: Point) -> Array:
        """The Hessian where the objective was evaluated."""
        return np.asarray(self.evaluate(point.theta, order=2).hessian if point.hessian is None else point.hessian)

    def _refuse_hessian(self) -> None:
        pairs, q = self.classes * (self.classes + 1) // 2, self.design.size
        refuse_beyond(
            8.0 * (pairs * (q + 1) ** 2 * (len(self.design._chunks) + 1) + 3 * self.size**2),
            f"Gram matrices of {q} columns for each pair of {self.classes} classes",
            'use solver="lbfgs" with a penalty such as L2(1e-6)',
        )  # fmt: skip

    def _point(self, theta: Array, sums: list[Any], order: int) -> Point:
        value, slopes, grams = sums
        design, k, q, p = self.design, self.classes, self.design.size, self.design.columns
        coef = theta.reshape(k, q)[:, :p] / design.scale
        gradient = np.array([design._standard(row) for row in slopes]) / self.total
        gradient[:, :p] += self.penalty.gradient(coef.ravel()).reshape(k, p) / design.scale
        if not np.isfinite(gradient).all():
            refuse_unfinite(design.X)
        hessian = None
        if order > 1:
            blocks, at = np.empty((k, k, q, q)), np.arange(p)
            for (j, i), gram in zip(_pairs(k), grams, strict=True):
                blocks[j, i] = blocks[i, j] = design._standard_gram(gram) / self.total
            bend = self.penalty.hessian_diagonal(coef.ravel()).reshape(k, p) / design.scale**2
            blocks[np.arange(k)[:, None], np.arange(k)[:, None], at, at] += bend
            if self.free:  # along scores that all rise alike; the gradient has no part there
                held = np.ones(q) if self.centred else (np.arange(q) >= p).astype(float)
                blocks += np.abs(np.diagonal(blocks[0, 0])).max() / k * np.diag(held)
            hessian = blocks.swapaxes(1, 2).reshape(self.size, self.size)
        return Point(theta, float(value) / self.total + self.penalty.value(coef.ravel()), gradient.ravel(), hessian)

    def along(
        self, theta: Array, direction: Array, scores: Array | None = None
    ) -> Callable[[float], tuple[float, float]]:
        """t -> value and slope at theta + t direction, from stored scores."""
        f = self.scores(theta) if scores is None else scores
        df = self.scores(direction)
        coef, move = self._coefficients(theta), self._coefficients(direction)

        def at(t: float) -> tuple[float, float]:
            value, g = self.loss.value_and_gradient(self.y, f + t * df, self.weights, "sum")
            now = coef + t * move
            slope = float(np.vdot(g, df)) / self.total + float(self.penalty.gradient(now) @ move)
            return value / self.total + self.penalty.value(now), slope

        return at

    def _coefficients(self, theta: Array) -> Array:
        """All coefficients in the user's units, as the penalty takes them."""
        return (theta.reshape(self.classes, -1)[:, : self.design.columns] / self.design.scale).ravel()

    def scores(self, theta: Array) -> Array:
        """The scores of all rows, (rows, classes)."""
        return np.column_stack([self.design.scores(part) for part in theta.reshape(self.classes, -1)])

    def moves(self, direction: Array) -> Array:
        """By how much a step changes the scores of each row."""
        return self.scores(direction)

    def reach(self, direction: Array) -> float:
        """By how much a step changes a score of a row, at most."""
        return float(np.abs(self.moves(direction)).max(initial=0.0))

    def blocks_of(self, theta: Array) -> Array:
        """The coefficients of each score, the intercept last."""
        return theta.reshape(self.classes, -1)

    @cached_property
    def null(self) -> Array:
        """No coefficients, and the logarithms of the classes' shares, centred: where solvers start."""
        theta = np.zeros((self.classes, self.design.size))
        if self.design.intercept:
            known = self.y >= 0  # a label to be ignored may be negative
            weights = None if self.weights is None else self.weights[known]
            shares = np.bincount(self.y[known].astype(np.intp), weights, self.classes) + 0.5
            theta[:, -1] = np.log(shares) - np.log(shares).mean()
        return theta.ravel()

    @cached_property
    def null_value(self) -> float:
        """The value at `null`."""
        return self.evaluate(self.null).value

    def kkt(self, gradient: Array) -> float:
        """The relative gradient: its largest entry in standard units over the mean slope of a score at no scores."""
        return float(np.abs(gradient).max(initial=0.0)) / self._reference

    def null_inverse(self) -> Callable[[Array], Array] | None:
        """Multiplication by the inverse Hessian where all classes are as likely, but for its size.

        None for so many columns that it costs too much, and where there are outputs instead of classes.
        """
        from scipy.linalg import cho_factor, cho_solve

        design, k = self.design, self.classes
        if design.columns > _MANY or not self.free:
            return None
        weights = np.ones(design.rows) if self.weights is None else self.weights
        H = design.gram(weights / self.total) / k
        diagonal = H.diagonal().copy()
        diagonal[: design.columns] += self.penalty.hessian_diagonal(np.zeros(design.columns)) / design.scale**2
        H[np.diag_indices_from(H)] = diagonal + _FLAT * diagonal.max()
        factor = cho_factor(H, lower=True)
        return lambda v: np.asarray(cho_solve(factor, v.reshape(k, -1).T).T.ravel())

    def thinned(self, stride: int) -> ClassObjective:
        """The same objective over every `stride`-th row."""
        w = None if self.weights is None else self.weights[::stride].copy()
        X, y = self.design.every(stride), self.y[::stride].copy()
        return ClassObjective(self.loss, self.penalty, X, y, w, self.design.intercept, self.classes)

    def adopt(self, other: ClassObjective, theta: Array) -> Array:
        """`theta` of an objective made by `thinned`, in the units of this one."""
        parts = [self.design.from_own(*other.design.to_user(part)) for part in theta.reshape(self.classes, -1)]
        return np.concatenate(parts)

    def to_user(self, theta: Array) -> tuple[Array, Array]:
        """Coefficients (classes, columns) and intercepts (classes,) in the user's units."""
        coefs, intercepts = zip(*map(self.design.to_user, theta.reshape(self.classes, -1)), strict=True)
        return np.array(coefs), np.array(intercepts)

    def from_user(self, coef: Array, intercept: Array) -> Array:
        """The inverse of `to_user`, centred: the sum of the classes' scores is 0."""
        coef = coef - coef.mean(axis=0) if self.centred else coef
        intercept = intercept - np.mean(intercept)
        return np.concatenate([self.design.from_user(c, float(b)) for c, b in zip(coef, intercept, strict=True)])

    def _on_columns(self, theta: Array) -> tuple[Array, Array]:
        coefs, constants = zip(*map(self.design._on_columns, theta.reshape(self.classes, -1)), strict=True)
        return np.array(coefs), np.array(constants)


class _Grams:
    """Sums of block' diag(h_ji) block for each pair of classes, the intercept's column of ones included as the last."""

    def __init__(self, design: Design, classes: int) -> None:
        self._pairs, p = _pairs(classes), design.columns + 1
        self._each = [Gram(design) for _ in self._pairs] if design.sparse else []
        self._sum = np.zeros((0 if self._each else len(self._pairs), p, p))

    def add(self, block: Any, hessian: Array) -> None:
        """Add the rows of a block."""
        if self._each:
            for (j, i), gram in zip(self._pairs, self._each, strict=True):
                gram.add(block, hessian[:, j, i])
            return
        wide = np.column_stack([block, np.ones(len(block))])
        for (j, i), total in zip(self._pairs, self._sum, strict=True):
            total += wide.T @ (hessian[:, j, i, None] * wide)

    @property
    def sum(self) -> Array:
        """What was added so far, a pair of classes after the other."""
        return np.array([gram.sum for gram in self._each]) if self._each else self._sum


def _pairs(classes: int) -> list[tuple[int, int]]:
    return [(j, i) for j in range(classes) for i in range(j + 1)]


def refuse_scores(rows: int, scores: int) -> None:
    """Raise DataError if there is no room for the scores of all rows, their slopes and a line search."""
    refuse_beyond(
        32.0 * rows * scores, f"the scores of {rows} rows, {scores} each, with their slopes",
        "merge rare classes, or write the rows to a Parquet file and fit that, which is read in batches",
    )  # fmt: skip


class OutputsObjective(ClassObjective):
    """sum(w L(y, X B + b)) / sum(w) + penalty(B) for a loss of several outputs by formula, such as GaussianNLL.

    As `ClassObjective`, with a block of coefficients an output; solvers start at the best constants.

    Raises
    ------
    DomainError
        If a target lies outside the loss's domain.
    """

    free = False

    def __init__(
        self, loss: Pointwise, penalty: Penalty, X: Array, y: Array, weights: Array | None, fit_intercept: bool
    ) -> None:
        self.loss, self.penalty, self.y, self.weights = loss, penalty, y, weights  # type: ignore[assignment]
        self.classes = len(loss.outputs)
        refuse_scores(len(y), self.classes)
        self.total = self.weight()
        constants = np.asarray(loss.constant(y, weights), dtype=np.float64)
        if not np.isfinite(constants).all():
            raise DomainError(
                f"{type(loss).__name__}: the best constants are {constants.tolist()}, so one output runs to infinity; "
                "y holds one value only, or leaves nothing to that output"
            )
        at = np.broadcast_to(constants if fit_intercept else 0.0 * constants, (len(y), self.classes))
        self._reference = float(np.abs(loss.gradient(y, at, weights, "sum")).sum()) / self.classes / self.total or 1.0
        self.design = Design(X, fit_intercept, weights, 4.0 * penalty.hessian_diagonal(np.zeros(X.shape[1])))
        self.size = self.classes * self.design.size
        null = np.zeros((self.classes, self.design.size))
        if fit_intercept:
            null[:, -1] = constants
        self.null = null.ravel()

    def weight(self) -> float:
        """What the sum of losses is divided by."""
        return float(len(self.y) if self.weights is None else self.weights.sum())

    def from_user(self, coef: Array, intercept: Array) -> Array:
        """The inverse of `to_user`."""
        return np.concatenate([self.design.from_user(c, float(b)) for c, b in zip(coef, intercept, strict=True)])

    def thinned(self, stride: int) -> OutputsObjective:
        """The same objective over every `stride`-th row."""
        w = None if self.weights is None else self.weights[::stride].copy()
        X, y = self.design.every(stride), self.y[::stride].copy()
        loss: Any = self.loss
        return OutputsObjective(loss, self.penalty, X, y, w, self.design.intercept)
