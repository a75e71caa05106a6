"""The objective of a linear model, sum(w L(y, X coef + b)) / sum(w) + penalty(coef), and the only owner of its data.

Solvers see `theta`: the coefficients in standard units (each column shifted by `center` and divided by `scale`, so
that data and penalty together curve alike in all), then the intercept. Newton does not need that; its linear algebra,
gradient methods and stopping rules do. Shift and scale are applied to sums over rows, never to X, unless a column's
mean dwarfs its spread and would cancel digits.

A pass reads X once, in blocks of rows that stay in the cache: scores, loss, X'g and X'DX while the block is there.
Blocks and the order of their sums are fixed, so the number of threads changes no bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.errors import DataError
from losskit.kernels.run import map_tasks, thread_count
from losskit.penalties import Penalty

Array = np.ndarray
_BLOCK_BYTES = 7 << 17  # of X at a time; the fastest by trial, with 512 KiB of cache a core
_CHUNKS = 32  # tasks of a pass, whatever the number of threads
_THREADED = 1 << 20  # elements of X under which threads cost more than they bring
_SAMPLE = 1 << 14  # rows that tell location and spread of a column well enough
_FAR = 100.0  # a mean this many spreads from 0 is taken out of a copy of X


class Design:
    """X in standard units, with its intercept: products with vectors and Gram matrices, by blocks of rows.

    Parameters
    ----------
    X : ndarray of shape (rows, columns), float32 or float64, contiguous in C or Fortran order
    fit_intercept : bool
    weights : ndarray of shape (rows,), optional
        For the location and spread of the columns.
    extra : ndarray of shape (columns,), optional
        Added to the square of the spread, for a penalty's share in the curvature.
    """

    def __init__(
        self, X: Array, fit_intercept: bool, weights: Array | None = None, extra: Array | float = 0.0
    ) -> None:
        self.rows, self.columns = X.shape
        self.intercept = fit_intercept
        self.size = self.columns + fit_intercept
        mean, self.scale = _location_and_spread(X, weights, fit_intercept)
        far = bool(np.any(np.abs(mean) > _FAR * self.scale))
        self.scale = np.hypot(self.scale, np.sqrt(extra))
        self.X = np.subtract(X, mean, dtype=np.float64) if far else X
        self.shift = mean  # between the user's columns and ours
        self.center = np.zeros_like(mean) if far else mean  # what is left to take out of sums
        step = max(256, _BLOCK_BYTES // (8 * self.size) // 256 * 256)
        self._step = step
        chunk = -(-self.rows // (_CHUNKS * step)) * step
        self._chunks = [(a, min(a + chunk, self.rows)) for a in range(0, self.rows, chunk)]

    def to_user(self, theta: Array) -> tuple[Array, float]:
        """Coefficients and intercept in the user's units."""
        coef = theta[: self.columns] / self.scale
        return coef, float(theta[-1] - self.shift @ coef) if self.intercept else 0.0

    def from_user(self, coef: Array, intercept: float) -> Array:
        """The inverse of `to_user`."""
        return self._from(coef, intercept, self.shift)

    def from_own(self, coef: Array, intercept: float) -> Array:
        """theta for a model of `self.X`, from which columns far from 0 may have been shifted already."""
        return self._from(coef, intercept, self.center)

    def scores(self, theta: Array) -> Array:
        """X theta, with the intercept."""
        coef, constant = self._on_columns(theta)
        out = np.empty(self.rows)

        def task(first: int, last: int) -> None:
            for rows, block in self._blocks(first, last):
                np.dot(block, coef, out=out[rows])
                out[rows] += constant

        self._each_chunk(task)
        return out

    def adjoint(self, v: Array) -> Array:
        """X'v, and the sum of v for the intercept."""

        def task(first: int, last: int) -> Array:
            total = np.zeros(self.columns + 1)
            for rows, block in self._blocks(first, last):
                total[:-1] += block.T @ v[rows]
                total[-1] += v[rows].sum()
            return total

        return self._standard(sum(self._each_chunk(task)))

    def gram(self, d: Array) -> Array:
        """X' diag(d) X with the intercept's row and column; `d` may be negative."""

        def task(first: int, last: int) -> Array:
            total = _Gram(self)
            for rows, block in self._blocks(first, last):
                total.add(block, d[rows])
            return total.sum

        return self._standard_gram(sum(self._each_chunk(task)))

    def take(self, rows: Array) -> Array:
        """A few rows in standard units, with the intercept's column of ones."""
        out = np.ones((len(rows), self.size))
        out[:, : self.columns] = (self.X[rows] - self.center) / self.scale
        return out

    # -- below: how the above is done

    def _from(self, coef: Array, intercept: float, location: Array) -> Array:
        theta = np.empty(self.size)
        theta[: self.columns] = coef * self.scale
        if self.intercept:
            theta[-1] = intercept + location @ coef
        return theta

    def _on_columns(self, theta: Array) -> tuple[Array, float]:
        coef = theta[: self.columns] / self.scale
        return coef, float(theta[-1] - self.center @ coef) if self.intercept else 0.0

    def _standard(self, sums: Array) -> Array:
        inner = (sums[:-1] - self.center * sums[-1]) / self.scale
        return np.append(inner, sums[-1]) if self.intercept else inner

    def _standard_gram(self, G: Array) -> Array:
        m, inner, edge, total = self.center, G[:-1, :-1], G[:-1, -1], G[-1, -1]
        out = np.empty((self.size, self.size))
        mixed = np.outer(m, edge)
        out[: self.columns, : self.columns] = (inner - mixed - mixed.T + total * np.outer(m, m)) / np.outer(
            self.scale, self.scale
        )
        if self.intercept:
            out[-1, :-1] = out[:-1, -1] = (edge - m * total) / self.scale
            out[-1, -1] = total
        return out

    def _blocks(self, first: int, last: int) -> Iterator[tuple[slice, Array]]:
        for start in range(first, last, self._step):
            rows = slice(start, min(start + self._step, last))
            yield rows, self.X[rows].astype(np.float64, copy=False)

    def _each_chunk(self, task: Callable[[int, int], Any]) -> list[Any]:
        threads = thread_count() if self.rows * self.size >= _THREADED else 1

        def quiet(first: int, last: int) -> Any:
            with np.errstate(over="ignore", invalid="ignore"):  # infinite losses are meant: a line search steps back
                return task(first, last)

        return map_tasks(quiet, self._chunks, threads)


class _Gram:
    """A sum of block' diag(d) block, the intercept's column of ones included as the last."""

    def __init__(self, design: Design) -> None:
        q = design.columns + 1
        self.sum = np.zeros((q, q))
        self._buffer = np.empty((design._step, q))

    def add(self, block: Array, d: Array) -> None:
        part = self._buffer[: len(d)]
        root = np.sqrt(np.abs(d))
        np.multiply(block, root[:, None], out=part[:, :-1])
        part[:, -1] = root
        self.sum += part.T @ part if d.min() >= 0 else part.T @ (part * np.sign(d)[:, None])


@dataclass(frozen=True)
class Point:
    """An objective at `theta`: value, gradient and, if asked for, Hessian, all in standard units."""

    theta: Array
    value: float
    gradient: Array
    hessian: Array | None = None


class Objective:
    """sum(w L(y, X coef + b)) / sum(w) + penalty(coef), as a function of `theta` (see the module).

    Parameters
    ----------
    loss : Pointwise
        Of one output, closed (no parameter "auto").
    penalty : Penalty
    X : ndarray of shape (rows, columns), float32 or float64
    y : ndarray of float64, shape (rows,)
    weights : ndarray of float64, shape (rows,), optional
        All positive.
    fit_intercept : bool

    Raises
    ------
    DomainError
        If a target lies outside the loss's domain.
    """

    def __init__(
        self, loss: Pointwise, penalty: Penalty, X: Array, y: Array, weights: Array | None, fit_intercept: bool
    ) -> None:
        self.loss, self.penalty, self.y, self.weights = loss, penalty, y, weights
        loss(y, np.zeros_like(y), weights)  # y is checked here; blocks would name a row of their own
        self.total = float(y.size) if weights is None else float(weights.sum())
        self.center = self._center() if fit_intercept else 0.0
        self._reference, bend = self._sizes()
        self.design = Design(X, fit_intercept, weights, penalty.hessian_diagonal(np.zeros(X.shape[1])) / bend)

    def evaluate(self, theta: Array, order: int = 1) -> Point:
        """Value and derivatives up to `order` (1 or 2), in one pass over X."""
        design, loss = self.design, self.loss
        coef, constant = design._on_columns(theta)

        def task(first: int, last: int) -> tuple[float, Array, Any]:
            value, sums, gram = 0.0, np.zeros(design.columns + 1), _Gram(design) if order > 1 else None
            for rows, block in design._blocks(first, last):
                f = block @ coef
                f += constant
                y, w = self.y[rows], None if self.weights is None else self.weights[rows]
                if gram is None:
                    part, g = loss.value_and_gradient(y, f, w, "sum")
                else:
                    part, g, h = loss.value_gradient_and_hessian(y, f, w, "sum")
                    gram.add(block, h)
                value += part
                sums[:-1] += block.T @ g
                sums[-1] += g.sum()
            return value, sums, 0.0 if gram is None else gram.sum

        values, sums, grams = (sum(parts) for parts in zip(*design._each_chunk(task), strict=True))
        hessian = design._standard_gram(grams) if order > 1 else None
        return self._with_penalty(theta, float(values), design._standard(sums), hessian)

    def _with_penalty(self, theta: Array, value: float, gradient: Array, hessian: Array | None) -> Point:
        p, scale = self.design.columns, self.design.scale
        coef = theta[:p] / scale
        gradient /= self.total
        gradient[:p] += self.penalty.gradient(coef) / scale
        if hessian is not None:
            hessian /= self.total
            hessian[np.arange(p), np.arange(p)] += self.penalty.hessian_diagonal(coef) / scale**2
        if not np.isfinite(gradient).all():
            refuse_unfinite(self.design.X)
        return Point(theta, value / self.total + self.penalty.value(coef), gradient, hessian)

    def along(self, theta: Array, direction: Array) -> Callable[[float], tuple[float, float]]:
        """t -> value and slope at theta + t direction, from stored scores: two passes over X now, none later."""
        f, df = self.design.scores(theta), self.design.scores(direction)
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
        return float(self.loss(self.y, np.full_like(self.y, self.center), self.weights))

    def _center(self) -> float:
        constant = 0.0
        if self.loss.traits().elicits == "mean":
            constant = self.loss._score_of_mean(float(np.average(self.y, weights=self.weights)))
        elif self.loss.variables == ("r",):
            constant = float(np.median(self.y[:: max(1, self.y.size // _SAMPLE)]))
        return constant if np.isfinite(constant) else 0.0

    def _sizes(self) -> tuple[float, float]:
        """What gradients are compared with, and how the loss curves, both at the null model.

        The former is the mean size of L' there, or a trace of that at f = 0; the latter of a loss without curvature its
        slope over the distance to y.
        """
        f = np.full_like(self.y, self.center)
        g, h = self.loss.gradient_and_hessian(self.y, f, self.weights, "sum")
        slope, bend = (float(np.abs(part).sum()) / self.total for part in (g, h))
        at_zero = float(np.abs(self.loss.gradient(self.y, np.zeros_like(f), self.weights, "sum")).sum()) / self.total
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
        weights = np.ones(self.design.rows) if self.weights is None else self.weights
        hessian = self.design.gram(weights) * (float(bound) / self.total) + np.diag(self.ridge())
        return float(np.linalg.eigvalsh(hessian)[-1])

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
        return self.design.scores(theta)

    def to_user(self, theta: Array) -> tuple[Array, float]:
        """Coefficients and intercept in the user's units."""
        return self.design.to_user(theta)

    def from_user(self, coef: Array, intercept: float) -> Array:
        """The inverse of `to_user`."""
        return self.design.from_user(coef, intercept)

    def with_loss(self, loss: Pointwise) -> Objective:
        """The same data and penalty under another loss."""
        return Objective(loss, self.penalty, self.design.X, self.y, self.weights, self.design.intercept)

    def thinned(self, stride: int) -> Objective:
        """The same objective over every `stride`-th row."""
        w = None if self.weights is None else self.weights[::stride].copy()
        X = np.ascontiguousarray(self.design.X[::stride])
        return Objective(self.loss, self.penalty, X, self.y[::stride].copy(), w, self.design.intercept)

    def adopt(self, other: Objective, theta: Array) -> Array:
        """`theta` of an objective made by `thinned` or `with_loss`, in the units of this one."""
        return self.design.from_own(*other.design.to_user(theta))


def _location_and_spread(X: Array, weights: Array | None, intercept: bool) -> tuple[Array, Array]:
    """Mean (0 without an intercept) and root mean square about it, by column; from a sample of many rows."""
    stride = max(1, len(X) // _SAMPLE)
    part = X[::stride].astype(np.float64)
    w = None if weights is None else weights[::stride]
    mean = np.average(part, axis=0, weights=w)
    about = mean if intercept else np.zeros_like(mean)
    with np.errstate(over="ignore", invalid="ignore"):
        scale = np.sqrt(np.average((part - about) ** 2, axis=0, weights=w))
    if not np.isfinite(scale).all():
        refuse_unfinite(X)
    constant = scale <= 1e-13 * np.abs(mean)
    scale[constant] = np.abs(mean[constant])
    scale[scale == 0] = 1.0
    return about, scale


def refuse_unfinite(X: Array) -> None:
    """Raise DataError naming the first value of X that is nan, infinite or too large to be squared."""
    for j in range(X.shape[1]):
        bad = ~(np.abs(X[:, j]) < 1e150)
        if bad.any():
            i = int(np.argmax(bad))
            raise DataError(
                f"X[{i}, {j}] = {float(X[i, j])!r} ({int(bad.sum())} of {len(bad)} values of that column are nan, "
                "infinite or beyond 1e150); fill or drop missing values first, and divide columns of such size"
            )


@cache
def _blas() -> Any:
    import scipy.linalg  # noqa: F401  it has a BLAS of its own, which must be loaded to be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_thread_each() -> AbstractContextManager:
    """A context in which BLAS uses one thread a caller, so that our own threads have the cores and bits stay put."""
    return _blas().limit(limits=1, user_api="blas")
