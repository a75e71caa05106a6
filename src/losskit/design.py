"""X in standard units: each column shifted by its mean and divided by its spread, the intercept last.

Solvers' linear algebra, gradient steps and stopping rules then see columns alike. Shift and scale are applied to sums
over rows, never to X, unless a column's mean dwarfs its spread and would cancel digits; so sparse X stays sparse.

A pass reads X once, in blocks of rows that stay in the cache. Blocks and the order of their sums are fixed, so the
number of threads changes no bit.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from losskit.errors import DataError
from losskit.kernels.run import map_tasks, thread_count
from losskit.sparse_rows import Rows, add_gram, columns_of, columns_summed, is_sparse, moment, product, rows_between

Array = np.ndarray
_BLOCK_BYTES = 7 << 17  # of X at a time; the fastest by trial, with 512 KiB of cache a core
_CHUNKS = 32  # tasks of a pass, whatever the number of threads
_PARTS = 4  # the same of one batch of a stream, which is small
_THREADED = 1 << 20  # elements of X under which threads cost more than they bring
_GRAMS_BYTES = 1 << 28  # of all tasks' Gram matrices
_ENTRIES = 1 << 18  # stored in a block of sparse rows, at least
_SAMPLE = 1 << 11  # rows that tell location and spread of a column well enough
_PIECE = 1 << 16  # numbers squared at a time
_COPIED = 1 << 22  # numbers of few columns copied at a time, about
_GROUP = 16  # neighbours among them
_FAR = 100.0  # a mean this many spreads from 0 is taken out of a copy of X
_CANCELS = 1e-4  # of a mean's square: a spread's square below is not taken as a difference of squares
_ROUNDING = 1e-13  # of a column's mean: a spread below is none
_LARGE = 1000  # columns from which the memory of a Gram matrix is looked at first


class Design:
    """X in standard units, with its intercept: products with vectors and Gram matrices, by blocks of rows.

    Parameters
    ----------
    X : ndarray of shape (rows, columns), float32 or float64, contiguous in C or Fortran order; or sparse, CSR, float64
    fit_intercept : bool
    weights : ndarray of shape (rows,), optional
        For the location and spread of the columns.
    extra : ndarray of shape (columns,), optional
        Added to the square of the spread, for a penalty's share in the curvature.
    uniform : bool
        One scale for all columns, for penalties that are no sum over coefficients.
    """

    def __init__(
        self, X: Any, fit_intercept: bool, weights: Array | None = None, extra: Array | float = 0.0,
        uniform: bool = False,
    ) -> None:  # fmt: skip
        self.rows, self.columns = X.shape
        self.intercept = fit_intercept
        self.size = self.columns + fit_intercept
        self.sparse = is_sparse(X)
        mean, self.scale = _location_and_spread(X, weights, fit_intercept)
        far = not self.sparse and bool(np.any(np.abs(mean) > _FAR * self.scale))
        self.scale = np.hypot(self.scale, np.sqrt(extra))
        if uniform:
            self.scale = np.full(self.columns, np.sqrt(np.mean(self.scale**2)))
        self.X = np.subtract(X, mean, dtype=np.float64) if far else X
        self._moved = far
        self._idle = _constant_columns(X, mean) if fit_intercept and not self.sparse else np.zeros(0, np.intp)
        self.shift = mean  # between the user's columns and ours
        self.center = np.zeros_like(mean) if far else mean  # what is left to take out of sums
        self._divide()

    def part(self, columns: Array) -> Design:
        """The same of these columns alone."""
        part = copy.copy(self)
        part.columns, part.size = len(columns), len(columns) + self.intercept
        part.scale, part.shift, part.center = (each[columns] for each in (self.scale, self.shift, self.center))
        part._idle = np.flatnonzero(np.isin(columns, self._idle))
        part.X = columns_of(self.X, columns) if self.sparse else self.columns_of(columns)
        part._divide()
        return part

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

    def rows_of(self, rows: Array) -> Design:
        """The same of these rows alone, in the same units."""
        part = copy.copy(self)
        part.X, part.rows = self.X[rows], len(rows)
        part._divide()
        return part

    def over(self, X: Array) -> Design:
        """The same columns of other rows, in the same units."""
        other = copy.copy(self)
        other._idle = np.zeros(0, np.intp)  # what is constant here need not be there
        other.X, other.rows = np.subtract(X, self.shift, dtype=np.float64) if self._moved else X, len(X)
        other._divide(_PARTS)
        return other

    def scores(self, theta: Array) -> Array:
        """X theta, with the intercept."""
        coef, constant = self._on_columns(theta)
        out = np.empty(self.rows)

        def task(first: int, last: int) -> None:
            for rows, block in self._blocks(first, last):
                product(block, coef, constant, out[rows])

        self._each_chunk(task)
        return out

    def adjoint(self, v: Array) -> Array:
        """X'v, and the sum of v for the intercept."""

        def task(first: int, last: int) -> Array:
            total = np.zeros(self.columns + 1)
            for rows, block in self._blocks(first, last):
                total[:-1] += columns_summed(block, v[rows])
                total[-1] += v[rows].sum()
            return total

        return self._standard(sum(self._each_chunk(task)))

    def gram(self, d: Array) -> Array:
        """X' diag(d) X with the intercept's row and column; `d` may be negative."""

        def task(first: int, last: int) -> Array:
            total = Gram(self)
            for rows, block in self._blocks(first, last):
                total.add(block, d[rows])
            return total.sum

        return self._standard_gram(sum(self._each_chunk(task)))

    def columns_of(self, columns: Array) -> Array:
        """A copy of these columns of a dense X, in the order that X has."""
        few = self.X.T[columns].T if self.X.flags.f_contiguous else self.X[:, columns]
        return few.astype(np.float64, copy=False)

    def take(self, rows: Array) -> Array:
        """A few rows in standard units, with the intercept's column of ones."""
        out = np.ones((len(rows), self.size))
        few = out[:, : self.columns]
        few[...] = self.X[rows].toarray() if self.sparse else self.X[rows]
        if self.center.any():
            few -= self.center
        few /= self.scale
        return out

    def every(self, stride: int) -> Any:
        """A copy of X's rows 0, stride, 2 stride ..."""
        return self.X[::stride] if self.sparse else np.ascontiguousarray(self.X[::stride])

    # -- below: how the above is done

    def _divide(self, most: int = _CHUNKS) -> None:
        """Blocks of rows for the cache, and chunks of blocks for threads; of sparse rows a block is a chunk."""
        step = max(256, _BLOCK_BYTES // (8 * self.size) // 256 * 256)
        if self.sparse:
            step = max(256, -(-self.rows // min(_CHUNKS, 1 + self.X.nnz // _ENTRIES)))
        self._step = step
        chunks = max(2, min(most, _GRAMS_BYTES // (8 * self.size**2)))  # each has a Gram matrix of its own
        chunk = -(-self.rows // (chunks * step)) * step
        self._chunks = [(a, min(a + chunk, self.rows)) for a in range(0, self.rows, chunk)]
        self._slices = {a: rows_between(self.X, a, b) for a, b in self._chunks} if self.sparse else {}

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
        inner[self._idle] = 0.0
        return np.append(inner, sums[-1]) if self.intercept else inner

    def _standard_gram(self, G: Array) -> Array:
        m, inner, edge, total = self.center, G[:-1, :-1], G[:-1, -1], G[-1, -1]
        out = np.empty((self.size, self.size))
        of_columns = out[: self.columns, : self.columns]
        of_columns[...] = inner
        if m.any():
            mixed = np.outer(m, edge - total / 2 * m)
            of_columns -= mixed
            of_columns -= mixed.T
        of_columns /= self.scale
        of_columns /= self.scale[:, None]
        if self.intercept:
            out[-1, :-1] = out[:-1, -1] = (edge - m * total) / self.scale
            out[-1, -1] = total
        out[self._idle] = out[:, self._idle] = 0.0  # but for rounding, which would send coefficients astray
        return out

    def _blocks(self, first: int, last: int, whole: bool = False) -> Iterator[tuple[slice, Any]]:
        if self.sparse:
            yield slice(first, last), self._slices[first]
            return
        step = last - first if whole and self.X.dtype == np.float64 else self._step  # others are copied
        for start in range(first, last, step):
            rows = slice(start, min(start + step, last))
            yield rows, self.X[rows].astype(np.float64, copy=False)

    def _each_chunk(self, task: Callable[[int, int], Any]) -> list[Any]:
        entries = self.X.nnz if self.sparse else self.rows * self.size
        threads = thread_count() if entries >= _THREADED else 1

        def quiet(first: int, last: int) -> Any:
            with np.errstate(over="ignore", invalid="ignore"):  # infinite losses are meant: a line search steps back
                return task(first, last)

        return map_tasks(quiet, self._chunks, threads)


class Gram:
    """A sum of block' diag(d) block, the intercept's column of ones included as the last."""

    def __init__(self, design: Design) -> None:
        q = design.columns + 1
        if q > _LARGE:
            _refuse_beyond_memory(q, len(design._chunks))
        self._sum, self._half = np.zeros((q, q)), False
        if not design.sparse:
            self._buffer = np.empty((min(design._step, design.rows), q))

    @property
    def sum(self) -> Array:
        """What was added so far."""
        if self._half:
            diagonal = self._sum.diagonal().copy()
            self._sum = self._sum + self._sum.T
            self._sum[np.diag_indices_from(self._sum)] -= diagonal
            self._half = False
        return self._sum

    def add(self, block: Any, d: Array) -> None:
        if isinstance(block, Rows):
            add_gram(block, d, self._sum)
            self._half = True
            return
        part = self._buffer[: len(d)]
        root = np.sqrt(np.abs(d))
        np.multiply(block, root[:, None], out=part[:, :-1])
        part[:, -1] = root
        self._sum += part.T @ part
        if d.min(initial=0.0) < 0:  # what was added for these rows is taken away twice: a product with itself is cheap
            few = part[d < 0]
            self._sum -= 2.0 * (few.T @ few)


def _refuse_beyond_memory(columns: int, chunks: int) -> None:
    needed, free = 8 * columns**2 * (chunks + 3), _free_bytes()
    if needed > free:
        raise DataError(
            f"Gram matrices of {columns} columns need {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; use "
            'solver="lbfgs" with a smooth penalty, or a stronger penalty that leaves fewer columns'
        )


def _free_bytes() -> float:
    """Memory that may be taken, as far as the system says."""
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return float("inf")


def _location_and_spread(X: Array, weights: Array | None, intercept: bool) -> tuple[Array, Array]:
    """Mean (0 without an intercept) and root mean square about it, by column; from a sample of many rows."""
    if is_sparse(X):
        return _of_sparse(X, weights, intercept)
    if len(X) < 4 * _SAMPLE:
        mean, about, scale = _of_rows(X, weights, intercept)
    else:
        starts = np.linspace(0, len(X) - _GROUP, _SAMPLE // _GROUP).astype(np.intp)
        at = (starts[:, None] + np.arange(_GROUP)).ravel()
        w = None if weights is None else weights[at]
        mean, about, scale = _of_rows(X[at], w, intercept)
        rare = np.flatnonzero(scale <= 1e-13 * np.abs(mean))  # constant in the sample, not perhaps in all
        for few in np.array_split(rare, -(-rare.size * len(X) // _COPIED)) if rare.size else ():
            mean[few], about[few], scale[few] = _of_rows(X[:, few], weights, intercept)
    if not np.isfinite(scale).all():
        refuse_unfinite(X)
    constant = scale <= _ROUNDING * np.abs(mean)
    scale[constant] = np.abs(mean[constant])
    scale[scale == 0] = 1.0
    return about, scale


def _constant_columns(X: Array, mean: Array) -> Array:
    """The columns with one value but for rounding, to which an intercept leaves nothing."""
    maybe = np.flatnonzero(np.abs(X[0] - mean) <= _ROUNDING * np.abs(mean))
    return np.array([j for j in maybe if np.ptp(X[:, j]) <= _ROUNDING * np.abs(X[0, j])], dtype=np.intp)


def _moments(X: Array, about: Array, share: Array) -> tuple[Array, Array]:
    """The mean of X less `about` and of its square, without a copy of all rows."""
    step, first, second = max(1, _PIECE // max(1, X.shape[1])), np.zeros_like(about), np.zeros_like(about)
    for start in range(0, len(X), step):
        part = np.subtract(X[start : start + step], about, dtype=np.float64)
        first += share[start : start + step] @ part
        part *= part
        second += share[start : start + step] @ part
    return first, second


def _of_rows(X: Array, weights: Array | None, intercept: bool) -> tuple[Array, Array, Array]:
    """Mean, what spread is about, and spread, by column; about 0 without an intercept."""
    share = np.full(len(X), 1 / len(X)) if weights is None else weights / weights.sum()
    with np.errstate(over="ignore", invalid="ignore"):
        mean = share @ X.astype(np.float64, copy=False) if intercept else np.zeros(X.shape[1])
        about, square, left = mean.copy(), np.empty_like(mean), np.arange(X.shape[1])
        if weights is None and X.dtype == np.float64:
            square = np.einsum("ij,ij->j", X, X) / len(X) - about**2
            left = np.flatnonzero(~(square > _CANCELS * about**2)) if intercept else left[:0]
        at_once = max(1, _PIECE // max(1, len(X))) if X.flags.f_contiguous else max(1, left.size)
        for few in (left[first : first + at_once] for first in range(0, left.size, at_once)):
            part = X[:, few[0] : few[-1] + 1] if left.size == X.shape[1] else X[:, few]
            off, square[few] = _moments(part, about[few], share)
            if intercept:  # what rounding took from the mean of columns far from 0
                mean[few] += off
    return mean, mean.copy(), np.sqrt(square)


def _of_sparse(X: Any, weights: Array | None, intercept: bool) -> tuple[Array, Array]:
    """The same of a sparse matrix, from all its rows."""
    share = np.full(X.shape[0], 1 / X.shape[0]) if weights is None else weights / weights.sum()
    mean = moment(X, share, 1) if intercept else np.zeros(X.shape[1])
    square = moment(X, share, 2)
    if not np.isfinite(square).all():
        refuse_unfinite(X)
    scale = np.sqrt(np.maximum(square - mean**2, 1e-14 * square))
    scale[scale == 0] = 1.0
    return mean, scale


def refuse_unfinite(X: Any) -> None:
    """Raise DataError naming the first value of X that is nan, infinite or too large to be squared."""
    if is_sparse(X):
        bad = X.data[~(np.abs(X.data) < 1e150)]
        if bad.size:
            raise DataError(
                f"X holds {float(bad[0])!r} ({bad.size} of {X.nnz} stored values are nan, infinite or beyond 1e150); "
                "fill or drop missing values first, and divide columns of such size"
            )
        return
    for j in range(X.shape[1]):
        bad = ~(np.abs(X[:, j]) < 1e150)
        if bad.any():
            i = int(np.argmax(bad))
            raise DataError(
                f"X[{i}, {j}] = {float(X[i, j])!r} ({int(bad.sum())} of {len(bad)} values of that column are nan, "
                "infinite or beyond 1e150); fill or drop missing values first, and divide columns of such size"
            )
