"""A matrix of numbers and categories, the latter held as codes: what an indicator's column would be is never written.

A category with k levels stands for k columns of 0 and 1, or for one less, where the level left out is 0 in all. A row
switches on one of them at most, so products with vectors and Gram matrices take sums by group.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from losskit.kernels.loops import loop

Array = np.ndarray


class Coded:
    """Numbers, and for each category the column that a row switches on.

    Parameters
    ----------
    numbers : ndarray of shape (rows, d), float32 or float64
    codes : ndarray of int32, shape (categories, rows)
        Which of the `levels` columns of 0 and 1 holds a 1, counted through all categories; `levels` itself for none.
    at : ndarray of shape (d + levels,)
        Where these columns, the numbers first, stand among all.
    """

    __array_ufunc__ = None  # so that an array leaves `array @ coded` to us
    ndim = 2

    def __init__(self, numbers: Array, codes: Array, at: Array) -> None:
        self.numbers, self.codes, self.at = numbers, codes, at
        self.shape = (len(numbers), len(at))
        self.levels = len(at) - numbers.shape[1]

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def dtype(self) -> Any:
        """Of the numbers."""
        return self.numbers.dtype

    @property
    def entries(self) -> int:
        """How many numbers and codes there are."""
        return int(self.numbers.size + self.codes.size)

    def __getitem__(self, rows: Any) -> Coded:
        return Coded(self.numbers[rows], self.codes[:, rows], self.at)

    def astype(self, dtype: Any, copy: bool = False) -> Coded:
        """The same with numbers of this type."""
        return Coded(self.numbers.astype(dtype, copy=copy), self.codes, self.at)

    def shifted(self, by: Array) -> Coded:
        """The same with `by` taken out of the numbers."""
        d = self.numbers.shape[1]
        return Coded(np.subtract(self.numbers, by[self.at[:d]], dtype=np.float64), self.codes, self.at)

    def squared(self) -> Coded:
        """The squares of all columns."""
        return Coded(self.numbers**2, self.codes, self.at)

    def columns_of(self, columns: Array) -> Coded:
        """These columns alone, in the order given."""
        place = np.full(self.shape[1], -1)
        place[columns] = np.arange(len(columns))
        d, at = self.numbers.shape[1], place[self.at]
        kept = np.flatnonzero(at[:d] >= 0)
        there = at[d:] >= 0
        to = np.full(self.levels + 1, there.sum(), dtype=np.int32)
        to[:-1][there] = np.arange(there.sum(), dtype=np.int32)
        numbers = self.numbers if len(kept) == d else self.numbers[:, kept]
        return Coded(numbers, to[self.codes], np.append(at[:d][kept], at[d:][there]))

    def toarray(self) -> Array:
        """All columns written out: for a few rows."""
        d, out = self.numbers.shape[1], np.zeros((self.shape[0], self.shape[1] + 1))
        out[:, self.at[:d]] = self.numbers
        where = np.append(self.at[d:], self.shape[1])
        for code in self.codes:
            out[np.arange(len(code)), where[code]] = 1.0
        return out[:, :-1]

    def tocsr(self) -> Any:
        """All columns as a sparse matrix: for rows that are to stand beside others."""
        from scipy.sparse import csr_array

        n, d = self.numbers.shape
        where = np.append(self.at[d:], self.shape[1])  # a column more, for none
        columns = np.column_stack([np.tile(self.at[:d], (n, 1)), where[self.codes].T])
        values = np.column_stack([self.numbers, np.ones(self.codes.T.shape)]).astype(np.float64)
        starts = np.arange(0, columns.size + 1, columns.shape[1])
        return csr_array((values.ravel(), columns.ravel(), starts), (n, self.shape[1] + 1))[:, :-1]

    def __matmul__(self, coef: Array) -> Array:
        d, inner = self.numbers.shape[1], coef[self.at]
        scores = self.numbers @ inner[:d]
        by_level = np.concatenate([inner[d:], np.zeros((1, *coef.shape[1:]))])
        for code in self.codes:
            scores += np.take(by_level, code, axis=0)
        return np.asarray(scores)

    @property
    def T(self) -> _Transposed:
        """The transpose, for products."""
        return _Transposed(self)

    def __rmatmul__(self, left: Array) -> Array:
        return (self.T @ left.T).T

    def level_sums(self, v: Array) -> Array:
        """The sum of v over the rows of each level, in the order of codes."""
        out = np.zeros(self.levels + 1)
        for code in self.codes:
            out += np.bincount(code, v, self.levels + 1)
        return out[:-1]


class CodedGram:
    """A sum over blocks of rows of d_i x_i x_i', a column of ones as the last; `gram_of` reads the flat `sum`."""

    def __init__(self, like: Coded) -> None:
        n, k = self._numbers, self._levels = like.numbers.shape[1], like.levels + 1  # a level more, for none
        self.sum = np.zeros((n + 1) ** 2 + k * (n + k))
        self._inner, self._by_level = _parts(self.sum, n)

    def add(self, block: Coded, d: Array) -> None:
        """Add a block's rows."""
        n, d, inner = self._numbers, np.ascontiguousarray(d, dtype=np.float64), self._inner
        X = np.ascontiguousarray(block.numbers, dtype=np.float64)
        weighted, codes = X * d[:, None], np.ascontiguousarray(block.codes)
        inner[:n, :n] += weighted.T @ X
        inner[n, :n] += d @ X
        inner[n, n] += d.sum()
        arrays = weighted, codes, d, self._by_level, None, None, None
        loop("coded_gram")(*arrays, float(len(codes)), len(d), n, self._levels)


def gram_of(flat: Array, like: Coded) -> Array:
    """The Gram matrix, of columns in their order, that a sum of such sums tells."""
    n, p = like.numbers.shape[1], like.shape[1]
    inner, by_level = _parts(flat, n)
    among = by_level[:-1, n:-1]
    out, order = np.empty((p + 1, p + 1)), np.append(like.at, p)
    whole = np.empty_like(out)
    whole[:n, :n], whole[n:p, :n], whole[:n, n:p] = inner[:n, :n], by_level[:-1, :n], by_level[:-1, :n].T
    whole[n:p, n:p] = among + among.T
    diagonal = among.diagonal()
    whole[np.arange(n, p), np.arange(n, p)] = whole[p, n:p] = whole[n:p, p] = diagonal
    whole[p, :n] = whole[:n, p] = inner[n, :n]
    whole[p, p] = inner[n, n]
    out[np.ix_(order, order)] = whole
    return out


def _parts(flat: Array, numbers: int) -> tuple[Array, Array]:
    """Of the numbers and the ones below the diagonal, and of the levels with the numbers and each other."""
    edge = (numbers + 1) ** 2
    k = int(np.sqrt(len(flat) - edge + (numbers / 2) ** 2) - numbers / 2 + 0.5)
    return flat[:edge].reshape(numbers + 1, -1), flat[edge:].reshape(k, -1)


class _Transposed:
    """What multiplies from the left."""

    def __init__(self, whole: Coded) -> None:
        self.whole = whole

    def __matmul__(self, v: Array) -> Array:
        whole = self.whole
        if v.ndim == 2:
            return np.column_stack([self @ column for column in v.T])
        d, out = whole.numbers.shape[1], np.empty(whole.shape[1])
        out[whole.at[:d]] = whole.numbers.T @ v
        out[whole.at[d:]] = whole.level_sums(v)
        return out


def stacked(parts: list[Coded]) -> Coded:
    """The rows of several, one after the other."""
    numbers, codes = np.concatenate([p.numbers for p in parts]), np.concatenate([p.codes for p in parts], axis=1)
    return Coded(numbers, codes, parts[0].at)
