"""Fits along a row of penalties, the strongest first, each begun where the last one ended.

A quadratic loss is known by its Gram matrix: with that in hand a fit reads X no more, and the Gram matrix of all rows
but a fold is a difference. Other losses keep their data in standard units, and where a penalty has kinks the columns
taken out and the last pass too; the strong rule tells which columns come in next, and all are looked at in the end.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.errors import CapabilityError, ParameterError
from losskit.objectives.design import Array, Design
from losskit.objectives.linear import is_quadratic
from losskit.penalties import Penalty
from losskit.solvers import proximal_newton
from losskit.solvers.choose import METHODS, choose, is_proximal
from losskit.solvers.composite import Composite
from losskit.solvers.control import Control
from losskit.solvers.quadratic import solve_quadratic

_GRAM_COLUMNS = 2000  # beyond, a Gram matrix of all columns costs more than it saves
_RIDGE_STRONGEST = 100.0  # alphas of penalties that hold nothing at 0: times the data's own curvature
_RIDGE_SPAN = 1e-6


@dataclass(frozen=True, eq=False)
class Path:
    """Fits at several strengths of a penalty.

    Attributes
    ----------
    alphas : decreasing, shape (k,)
    coefs, intercepts : of each, shape (k, columns) and (k,); of several classes (k, classes, columns), (k, classes)
    certificates : how far from the optimum each is known to be: a relative gap or violation
    iterations : how many in all
    """

    alphas: Array
    coefs: Array
    intercepts: Array
    certificates: Array
    iterations: int


def has_gram(loss: Any, penalty: Penalty, rows: int, columns: int) -> bool:
    """Whether the loss is quadratic and the penalty one that a Gram matrix suffices for, and columns are few."""
    quadratic = isinstance(loss, Pointwise) and loss.variables == ("r",) and is_quadratic(loss)
    exact = penalty.separable and penalty.convex and type(penalty).pieces is not Penalty.pieces
    return quadratic and exact and columns < min(rows, _GRAM_COLUMNS)


class SharedGram:
    """Sums of w x x', w x y and w of some rows, in the standard units of all: what a quadratic loss asks of them."""

    def __init__(self, loss: Pointwise, design: Design, y: Array, w: Array | None, base: float) -> None:
        self.bend, self.design = float(loss.traits().curvature), design
        self.base = base  # taken out of y already, and put back into the intercept
        self.y, self.w = y, np.ones(len(y)) if w is None else w
        self.gram, self.cross, self.weight = self._sums(np.arange(len(y)))

    def _sums(self, rows: Array) -> tuple[Array, Array, float]:
        part = self.design if len(rows) == len(self.y) else self.design.rows_of(rows)
        w = self.w[rows]
        return part.gram(w), part.adjoint(w * self.y[rows]), float(w.sum())

    @classmethod
    def of(
        cls, loss: Pointwise, design: Design, gram: Array, cross: Array, weight: float, base: float
    ) -> SharedGram:
        """From the sums themselves."""
        new = object.__new__(cls)
        new.bend, new.design, new.base = float(loss.traits().curvature), design, base
        new.gram, new.cross, new.weight = gram, cross, float(weight)
        return new

    def less(self, gram: Array, cross: Array, weight: float) -> SharedGram:
        """Without some of the sums."""
        other = copy.copy(self)
        other.gram, other.cross, other.weight = self.gram - gram, self.cross - cross, self.weight - float(weight)
        return other

    def without(self, rows: Array) -> SharedGram:
        """The sums of all rows but these."""
        return self.less(*self._sums(rows))

    def follow(self, penalty: Penalty, alphas: Array, tol: float) -> Path:
        """The fits of these rows."""
        H, c = self.bend / self.weight * self.gram, -self.bend / self.weight * self.cross
        theta, slope = np.zeros(self.design.size), c.copy()
        size = float(np.abs(c).max(initial=0.0)) or 1.0
        found, left = [], []
        p, scale = self.design.columns, self.design.scale
        for alpha in alphas:
            coef = theta[:p] / scale
            l1, l2, low, high = penalty.with_alpha(float(alpha)).pieces(coef)
            free = np.zeros(self.design.size - p)
            parts = (l1 / scale, l2 / scale**2, low * scale, high * scale)
            ends = (free, free, free - np.inf, free + np.inf)
            pieces = type(penalty.pieces(coef))(*map(np.append, parts, ends))
            theta, slope, worst = solve_quadratic(H, slope, theta, pieces, 0.01 * tol * size)
            coef, intercept = self.design.to_user(theta)
            found.append((coef, intercept + self.base))
            left.append(worst / size)
        coefs, intercepts = zip(*found, strict=True)
        return Path(alphas, np.array(coefs), np.array(intercepts), np.array(left), len(alphas))


def follow(problem: Composite, alphas: Array, solver: str, tol: float, max_iter: int | None) -> Path:
    """The fits of a problem at these strengths of its penalty."""
    penalty = problem.penalty
    if "alpha" not in penalty.parameters:
        raise CapabilityError(f"{penalty!r} has no alpha to follow a path by; use one that has, such as L1 or L2")
    solver, _ = choose(posed_at(problem, penalty, solver), solver)
    found: list[tuple[Any, Any]] = []
    left, iterations = [], 0
    kept = {"warm": proximal_newton.Warm()} if solver == "proximal_newton" else {}
    theta: Array | None = None
    for alpha in alphas:
        now = posed_at(problem, penalty.with_alpha(float(alpha)), solver)
        if found and not kept:
            theta = now.from_user(*found[-1])
        control = Control(tol, max_iter or METHODS[solver].max_iter)
        outcome = METHODS[solver].solve(now, theta, control, **kept)
        found.append(now.to_user(outcome.theta))
        theta = outcome.theta
        left.append(outcome.certificate)
        iterations += control.iterations
    coefs, intercepts = zip(*found, strict=True)
    return Path(alphas, np.array(coefs), np.array(intercepts), np.array(left), iterations)


def posed_at(problem: Composite, penalty: Penalty, solver: str) -> Any:
    """The problem under another penalty; of a smooth one as one smooth objective, unless the solver wants two parts."""
    apart = problem.with_penalty(penalty)
    return apart if is_proximal(penalty, solver) else apart.as_one()


def alpha_grid(problem: Composite, count: int, span: float | None) -> Array:
    """`count` strengths in equal ratios: from the least that holds all coefficients at 0 down to `span` of it.

    Of penalties that hold nothing, such as L2: from 100 times the curvature of the loss by a typical column.
    """
    smooth, p = problem.smooth, problem.penalty
    order = 2 if hasattr(smooth, "stream") else 1  # of which another pass would cost more
    point = smooth.evaluate(_constant(problem) if problem.classes == 1 else problem.null, order)
    most = p.alpha_max(point.gradient[problem.at] * problem.scale)
    if not math.isfinite(most):
        bend = smooth.hessian_at(point).diagonal()[problem.at] * problem.scale**2
        most, span = _RIDGE_STRONGEST * float(np.mean(bend)), span or _RIDGE_SPAN
    rows, columns = problem.design.rows, problem.design.columns
    span = span or (1e-3 if rows > columns else 1e-2)
    if not most > 0:
        raise ParameterError(f"with {p!r} no coefficient leaves 0 at any alpha: columns explain nothing; give alphas")
    return np.geomspace(most, most * span, count)


def _constant(problem: Composite) -> Array:
    """The best constant and no coefficients."""
    theta = np.zeros(problem.size)
    if problem.design.intercept:
        best = float(problem.loss.constant(problem.y, problem.weights))
        theta[-1] = best if np.isfinite(best) else problem.smooth.center
    return theta
