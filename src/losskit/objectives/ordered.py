"""The objective of a linear model of ordered classes: one score a row and k thresholds, for `Ordinal` and `Coral`.

`theta` holds the coefficients in standard units (see `losskit.objectives.design`), then k intercepts, minus the
thresholds: of a row x the scores x coef + b_j fall along j. Thresholds out of order cost `Ordinal` infinity; a line
search takes such a step back. The loss is convex in coefficients and thresholds together, and the Hessian takes one
Gram matrix, however many classes there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from losskit.data.moments import refuse_unfinite
from losskit.errors import CapabilityError, DomainError
from losskit.losses.ordinal import Ordinal
from losskit.objectives.classes import ClassObjective
from losskit.objectives.design import Array, Design, Gram
from losskit.objectives.linear import Point
from losskit.penalties import Penalty
from losskit.rowwise import Rowwise


class OrderedObjective(ClassObjective):
    """sum(w L(y, X coef + b)) / sum(w) + penalty(coef), as a function of `theta` (see the module).

    Parameters
    ----------
    loss : Rowwise
        Of ordered classes, a score between each and the next.
    penalty, X, weights
        As for ClassObjective.
    y : ndarray of labels 0 ... classes - 1, shape (rows,)
    classes : int, three or more

    Raises
    ------
    DomainError
        If a class has no rows: the thresholds on both its sides would meet.
    """

    free = False

    def __init__(
        self, loss: Rowwise, penalty: Penalty, X: Any, y: Array, weights: Array | None, fit_intercept: bool,
        classes: int,
    ) -> None:  # fmt: skip
        if not fit_intercept:
            raise CapabilityError(f"{loss!r} has thresholds in place of an intercept; leave fit_intercept=True")
        self.loss, self.penalty, self.y, self.weights, self.classes = loss, penalty, y, weights, classes
        loss.check_targets(y, classes - loss.beyond, np.ones(len(y), dtype=bool), 0)
        counts = np.bincount(y.astype(np.intp), weights, classes)
        if classes < 3 or not counts.all():
            raise DomainError(
                f"{loss!r} needs rows of each of three classes or more, coded 0, 1, 2 ...; they have the weights "
                f"{counts.tolist()[:12]}. Leave out or merge a class without rows, and use Logistic for two"
            )
        self.total = float(counts.sum())
        self.design = Design(X, True, weights, 4.0 * penalty.hessian_diagonal(np.zeros(X.shape[1])))
        best, even = (loss.link.to_score(shares) for shares in (counts / self.total, np.full(classes, 1 / classes)))
        least = 1e-5 * self._slope(even) if penalty.strong > 0 else 0.0  # slopes that are nothing beside a penalty
        self._reference = max(self._slope(best), least) or 1.0
        self.null = np.append(np.zeros(self.design.columns), best)
        self.size = len(self.null)

    def _slope(self, thresholds: Array) -> float:
        """The mean size of a row's slope by its score, without coefficients."""
        f = np.broadcast_to(thresholds, (len(self.y), len(thresholds)))
        return float(np.abs(self.loss.gradient(self.y, f, self.weights, "sum").sum(axis=1)).sum()) / self.total

    def evaluate(self, theta: Array, order: int = 1) -> Point:
        """Value and derivatives up to `order` (1 or 2), in one pass over X."""
        sums, _ = self._sums(theta, order)
        with np.errstate(over="ignore", invalid="ignore"):  # of a step too long, which a line search takes back
            return self._point(theta, sums, order)

    def weight(self) -> float:
        """What the sum of losses is divided by."""
        return float(len(self.y) if self.weights is None else self.weights.sum())

    def _sums(self, theta: Array, order: int) -> tuple[list[Any], None]:
        """The sums over rows that value and derivatives are made of."""
        design, p = self.design, self.design.columns
        coef, k = self._coefficients(theta), self.size - p
        edges = theta[p:] - design.center @ coef

        def task(first: int, last: int) -> tuple[float, Array, Array, Any, Any, Any]:
            value, along, slopes = 0.0, np.zeros(p + 1), np.zeros(k)
            gram, mixed, bends = Gram(design) if order > 1 else None, np.zeros((p + 1, k)), np.zeros((k, k))
            for rows, block in design._blocks(first, last):
                f = (block @ coef)[:, None] + edges
                y, w = self.y[rows], None if self.weights is None else self.weights[rows]
                part, g = self.loss.value_and_gradient(y, f, w, "sum")
                value += part
                slopes += g.sum(axis=0)
                along[:-1] += block.T @ g.sum(axis=1)
                along[-1] += g.sum()
                if gram is not None:
                    hessian = self.loss.hessian(y, f, w, "sum")
                    bends += hessian.sum(axis=0)
                    each = hessian.sum(axis=2)
                    mixed[:-1] += block.T @ each
                    mixed[-1] += each.sum(axis=0)
                    gram.add(block, each.sum(axis=1))
            return value, along, slopes, 0.0 if gram is None else gram.sum, mixed, bends

        return [sum(parts) for parts in zip(*design._each_chunk(task), strict=True)], None

    def _point(self, theta: Array, sums: list[Any], order: int) -> Point:
        value, along, slopes, *second = sums
        design, p = self.design, self.design.columns
        coef = self._coefficients(theta)
        inner = design._standard(along)[:p] / self.total + self.penalty.gradient(coef) / design.scale
        gradient = np.append(inner, slopes / self.total)
        if not np.isfinite(gradient).all():
            refuse_unfinite(design.X)
        hessian = None
        if order > 1:
            gram, mixed, bends = second
            hessian = np.empty((self.size, self.size))
            hessian[:p, :p] = design._standard_gram(gram)[:p, :p]
            hessian[p:, :p] = np.array([design._standard(column)[:p] for column in mixed.T])
            hessian[:p, p:], hessian[p:, p:] = hessian[p:, :p].T, bends
            hessian /= self.total
            hessian[np.arange(p), np.arange(p)] += self.penalty.hessian_diagonal(coef) / design.scale**2
        return Point(theta, float(value) / self.total + self.penalty.value(coef), gradient, hessian)

    def blocks_of(self, theta: Array) -> Array:
        """The coefficients of the one score, the thresholds after them."""
        return theta[None]

    def _coefficients(self, theta: Array) -> Array:
        return theta[: self.design.columns] / self.design.scale

    def scores(self, theta: Array) -> Array:
        """The scores of all rows, (rows, classes - 1)."""
        p = self.design.columns
        return self.design.scores(np.append(theta[:p], 0.0))[:, None] + theta[p:]

    def thinned(self, stride: int) -> OrderedObjective:
        """The same objective over every `stride`-th row, and one of each class."""
        rows = np.union1d(np.arange(0, len(self.y), stride), np.unique(self.y, return_index=True)[1])
        w = None if self.weights is None else self.weights[rows]
        return OrderedObjective(self.loss, self.penalty, self.design.X[rows], self.y[rows], w, True, self.classes)

    def adopt(self, other: ClassObjective, theta: Array) -> Array:
        """`theta` of an objective made by `thinned`, in the units of this one."""
        return self._from(*other.to_user(theta), self.design.center)

    def to_user(self, theta: Array) -> tuple[Array, Array]:
        """Coefficients (1, columns) and intercepts (classes - 1,) in the user's units: X coef' + b are the scores."""
        coef = self._coefficients(theta)
        return coef[None, :], theta[self.design.columns :] - self.design.shift @ coef

    def from_user(self, coef: Array, intercept: Array) -> Array:
        """The inverse of `to_user`."""
        return self._from(coef, intercept, self.design.shift)

    def _from(self, coef: Array, intercept: Array, location: Array) -> Array:
        return np.append(coef[0] * self.design.scale, intercept + location @ coef[0])


def log_probabilities(f: Array) -> Array:
    """The log-probability of each of k + 1 ordered classes, from log-odds (n, k) of lying above each of the first k."""
    return -np.column_stack([Ordinal()(np.full(len(f), j), f, reduction="none") for j in range(f.shape[1] + 1)])
