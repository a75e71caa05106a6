"""X in standard units: each column shifted by its mean and divided by its spread, the intercept last.

Solvers' linear algebra, gradient steps and stopping rules then see columns alike. Shift and scale are applied to sums
over rows, never to X, unless a column's mean dwarfs its spread and would cancel digits; so sparse X stays sparse.

A pass reads X once, in blocks of rows that stay in the cache. Blocks and the order of their sums are fixed, so the
number of threads changes no bit.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from losskit.data.coded import Coded, CodedGram, gram_of
from losskit.data.memory import refuse_beyond
from losskit.data.moments import centred_columns, constant_columns, location_and_spread
from losskit.data.sparse_rows import (
    Rows,
    add_gram,
    columns_of,
    columns_summed,
    is_sparse,
    product,
    rows_between,
    shifted,
    squares_summed,
)
from losskit.kernels.run import map_tasks, thread_count

Array = np.ndarray
_BLOCK_BYTES = 7 << 17  # of X at a time; the fastest by trial, with 512 KiB of cache a core
_CHUNKS = 32  # tasks of a pass, whatever the number of threads
_STRIPES = 8  # the same of a pass over columns
_PARTS = 4  # the same of one batch of a stream, which is small
_THREADED = 1 << 20  # elements of X under which threads cost more than they bring
_GRAMS_BYTES = 1 << 28  # of all tasks' Gram matrices
_ENTRIES = 1 << 18  # stored in a block of sparse rows, at least
_FAR = 100.0  # a mean this many spreads from 0 is taken out of a copy of X
_LARGE = 1000  # columns from which the memory of a Gram matrix is looked at first


class Design:
    """X in standard units, with its intercept: products with vectors and Gram matrices, by blocks of rows.

    Parameters
    ----------
    X : ndarray of shape (rows, columns), float32 or float64, contiguous in C or Fortran order; or sparse, CSR, float64
        Or `Coded`.
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
        self.sparse = not isinstance(X, np.ndarray)  # or holds codes: its columns are not at hand one by one
        mean, self.scale = location_and_spread(X, weights, fit_intercept)
        self._idle = constant_columns(X, mean) if fit_intercept else np.zeros(0, np.intp)
        self.scale[self._idle] = np.maximum(self.scale[self._idle], np.abs(mean[self._idle]))
        far = np.flatnonzero(np.abs(mean) > _FAR * self.scale)
        self.scale = np.hypot(self.scale, np.sqrt(extra))
        if uniform:
            self.scale = np.full(self.columns, np.sqrt(np.mean(self.scale**2)))
        self.shift = mean  # between the user's columns and ours
        self._moved = centred_columns(X, far)
        self.X = self._shifted(X) if self._moved.size else X
        self.center = mean.copy()  # what is left to take out of sums
        self.center[self._moved] = 0.0
        self._divide()

    def eased(self, extra: Array) -> Design:
        """The same in larger units, for a penalty's share in the curvature."""
        other = copy.copy(self)
        other.scale = np.hypot(self.scale, np.sqrt(extra))
        return other

    def part(self, columns: Array) -> Design:
        """The same of these columns alone."""
        part = copy.copy(self)
        part.columns, part.size = len(columns), len(columns) + self.intercept
        part.scale, part.shift, part.center = (each[columns] for each in (self.scale, self.shift, self.center))
        part._idle = np.flatnonzero(np.isin(columns, self._idle))
        part.X = columns_of(self.X, columns) if is_sparse(self.X) else self.columns_of(columns)
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
        return self._of(self.X[rows])

    def thinned(self, stride: int) -> Design:
        """The same of rows 0, stride, 2 stride ... in the same units."""
        return self._of(self.every(stride))

    def over(self, X: Array) -> Design:
        """The same columns of other rows, in the same units."""
        other = copy.copy(self)
        other._idle = np.zeros(0, np.intp)  # what is constant here need not be there
        other.X, other.rows = self._shifted(X) if self._moved.size else X, len(X)
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
        if self.upright:
            return self._standard(self.summed(v))

        def task(first: int, last: int) -> Array:
            total = np.zeros(self.columns + 1)
            for rows, block in self._blocks(first, last):
                total[:-1] += columns_summed(block, v[rows])
                total[-1] += v[rows].sum()
            return total

        return self._standard(sum(self._each_chunk(task)))

    @property
    def upright(self) -> bool:
        """Whether X lies column by column, so that `summed` takes less than sums over blocks of rows."""
        return isinstance(self.X, np.ndarray) and self.X.flags.f_contiguous and self.X.dtype == np.float64

    def summed(self, v: Array) -> Array:
        """X'v of an upright X as it is, and the sum of v: whole columns at a time."""
        out = np.empty(self.columns + 1)
        out[-1] = v.sum()

        def task(first: int, last: int) -> None:
            np.matmul(self.X.T[first:last], v, out=out[first:last])

        step = -(-self.columns // _STRIPES)
        stripes = [(a, min(a + step, self.columns)) for a in range(0, self.columns, step)]
        self._each(task, stripes if self._entries >= _THREADED else [(0, self.columns)])
        return out

    def gram(self, d: Array) -> Array:
        """X' diag(d) X with the intercept's row and column; `d` may be negative."""

        def task(first: int, last: int) -> Array:
            total = Gram(self)
            for rows, block in self._blocks(first, last):
                total.add(block, d[rows])
            return total.sum

        return self._standard_gram(sum(self._each_chunk(task)))

    def curved(self, d: Array, theta: Array) -> Array:
        """X' diag(d) X theta, in one pass."""
        coef, constant = self._on_columns(theta)

        def task(first: int, last: int) -> Array:
            total = np.zeros(self.columns + 1)
            for rows, block in self._blocks(first, last):
                v = np.empty(rows.stop - rows.start)
                product(block, coef, constant, v)
                v *= d[rows]
                total[:-1] += columns_summed(block, v)
                total[-1] += v.sum()
            return total

        return self._standard(sum(self._each_chunk(task)))

    def squares(self, d: Array) -> Array:
        """The diagonal of X' diag(d) X."""

        def task(first: int, last: int) -> Array:
            total = np.zeros((2, self.columns))
            for rows, block in self._blocks(first, last):
                total += columns_summed(block, d[rows]), squares_summed(block, d[rows])
            return total

        (sums, squares), whole = sum(self._each_chunk(task)), float(d.sum())
        inner = (squares - self.center * (2 * sums - self.center * whole)) / self.scale**2
        inner[self._idle] = 0.0
        return np.append(inner, whole) if self.intercept else inner

    def columns_of(self, columns: Array) -> Any:
        """A copy of these columns of a dense or coded X, in the order that X has."""
        if isinstance(self.X, Coded):
            return self.X.columns_of(columns)
        few = self.X.T[columns].T if self.X.flags.f_contiguous else self.X[:, columns]
        return few.astype(np.float64, copy=False)

    def take(self, rows: Array | slice, width: int = 0) -> Array:
        """A few rows in standard units, with the intercept's column of ones; up to `width` columns of 0 follow."""
        held = self.X[rows]
        out = np.zeros((held.shape[0], max(width, self.size)))
        out[:, self.columns : self.size] = 1.0
        few = out[:, : self.columns]
        few[...] = held.toarray() if self.sparse else held
        if self.center.any():
            few -= self.center
        few /= self.scale
        few[:, self._idle] = 0.0
        return out

    def every(self, stride: int) -> Any:
        """A copy of X's rows 0, stride, 2 stride ..."""
        return self.X[::stride] if self.sparse else np.ascontiguousarray(self.X[::stride])

    def widest(self) -> Array:
        """The largest size of each column, about its mean where that is not in X any more."""
        if isinstance(self.X, Coded):
            out, at = np.ones(self.columns), self.X.at[: self.X.numbers.shape[1]]
            out[at] = np.abs(self.X.numbers - self.center[at]).max(axis=0, initial=0.0)
            return out
        return np.asarray(np.abs(self.X - self.center).max(axis=0))

    # -- below: how the above is done

    def _of(self, X: Any) -> Design:
        part = copy.copy(self)
        part.X, part.rows = X, X.shape[0]
        part._divide()
        return part

    def _shifted(self, X: Any) -> Any:
        """A copy of X without the mean of its columns of numbers."""
        if is_sparse(X):
            return shifted(X, self._moved, self.shift[self._moved])
        refuse_beyond(
            8.0 * X.shape[0] * X.shape[1], f"a copy of X {X.shape} without columns' means, which dwarf their spread",
            "take the means out of the columns beforehand, or fit a Parquet file, which is read in batches",
        )  # fmt: skip
        return X.shifted(self.shift) if isinstance(X, Coded) else np.subtract(X, self.shift, dtype=np.float64)

    def _divide(self, most: int = _CHUNKS) -> None:
        """Blocks of rows for the cache, and chunks of blocks for threads; of sparse rows a block is a chunk."""
        width = 1 + (self.X.entries // max(self.rows, 1) if isinstance(self.X, Coded) else self.columns)
        step = max(256, _BLOCK_BYTES // (8 * width) // 256 * 256)
        if is_sparse(self.X):
            step = max(256, -(-self.rows // min(_CHUNKS, 1 + self.X.nnz // _ENTRIES)))
        elif self.rows * width <= _BLOCK_BYTES // 4:  # twice a block, which takes less than two
            step = max(self.rows, 1)
        self._step = step
        chunks = max(2, min(most, _GRAMS_BYTES // (8 * self.size**2)))  # each has a Gram matrix of its own
        if self._entries < _THREADED:
            chunks = 1
        chunk = -(-self.rows // (chunks * step)) * step
        self._chunks = [(a, min(a + chunk, self.rows)) for a in range(0, self.rows, chunk)]
        self._slices = {a: rows_between(self.X, a, b) for a, b in self._chunks} if is_sparse(self.X) else {}

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
        if isinstance(self.X, Coded):
            G = gram_of(G, self.X)
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
        if self._slices:
            yield slice(first, last), self._slices[first]
            return
        step = last - first if whole and self.X.dtype == np.float64 else self._step  # others are copied
        for start in range(first, last, step):
            rows = slice(start, min(start + step, last))
            yield rows, self.X[rows].astype(np.float64, copy=False)

    @property
    def _entries(self) -> int:
        return self.X.nnz if is_sparse(self.X) else self.rows * self.size

    def _each_chunk(self, task: Callable[[int, int], Any]) -> list[Any]:
        return self._each(task, self._chunks)

    def _each(self, task: Callable[[int, int], Any], bounds: list[tuple[int, int]]) -> list[Any]:
        threads = thread_count() if self._entries >= _THREADED else 1

        def quiet(first: int, last: int) -> Any:
            with np.errstate(over="ignore", invalid="ignore"):  # infinite losses are meant: a line search steps back
                return task(first, last)

        return map_tasks(quiet, bounds, threads)


class Gram:
    """A sum of block' diag(d) block, the intercept's column of ones included as the last."""

    def __init__(self, design: Design) -> None:
        q = design.columns + 1
        if q > _LARGE:
            refuse_beyond(
                8.0 * q**2 * (len(design._chunks) + 3), f"Gram matrices of {q} columns",
                'use solver="lbfgs" with a smooth penalty, or a stronger penalty that leaves fewer columns',
            )  # fmt: skip
        self._coded, self._half = None, False
        if isinstance(design.X, Coded):
            self._coded = CodedGram(design.X)
            return
        self._sum = np.zeros((q, q) if design.sparse else (0, 0))
        if not design.sparse:
            rows = min(design._step, design.rows)  # as X lies: a copy that turns it takes as long as the product
            self._buffer = np.empty((rows, q)) if design.X.flags.c_contiguous else np.empty((q, rows)).T

    @property
    def sum(self) -> Array:
        """What was added so far."""
        if self._coded is not None:
            return self._coded.sum
        if self._half:
            diagonal = self._sum.diagonal().copy()
            self._sum = self._sum + self._sum.T
            self._sum[np.diag_indices_from(self._sum)] -= diagonal
            self._half = False
        return self._sum

    def add(self, block: Any, d: Array) -> None:
        """Add the rows of a block."""
        if self._coded is not None:
            self._coded.add(block, d)
            return
        if isinstance(block, Rows):
            add_gram(block, d, self._sum)
            self._half = True
            return
        part = self._buffer[: len(d)]
        root = np.sqrt(np.abs(d))
        np.multiply(block, root[:, None], out=part[:, :-1])
        part[:, -1] = root
        square = part.T @ part
        self._sum = np.add(self._sum, square, out=self._sum) if self._sum.size else square
        if d.min(initial=0.0) < 0:  # what was added for these rows is taken away twice: a product with itself is cheap
            few = part[d < 0]
            self._sum -= 2.0 * (few.T @ few)
