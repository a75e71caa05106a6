"""Sums over the rows of a sparse X, by a loop of our own: what SciPy's products cost before they begin is saved."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from losskit.kernels.loops import loop

Array = np.ndarray
_MOST = 1 << 30  # entries
_FULL = 0.99  # of the rows
_SCORES, _SUMS, _SQUARES, _GRAM, _COLUMNS = range(5)  # as in kernels/loops/sparse_rows.py


def is_sparse(X: Any) -> bool:
    """Whether X is a sparse matrix of SciPy's or `Rows`, which have a count of stored entries."""
    return hasattr(X, "nnz") and hasattr(X, "tocsr")


class Rows:
    """Some rows of a sparse matrix by rows, with float64 values and int32 indices.

    Attributes
    ----------
    data, indices, indptr, shape : as SciPy's, whose matrix `tocsr` makes
    """

    __array_ufunc__ = None  # so that array @ rows is ours to do

    def __init__(self, data: Array, indices: Array, indptr: Array, columns: int) -> None:
        self.data, self.indices, self.indptr = data, indices, indptr
        self.shape = (len(indptr) - 1, columns)

    @property
    def nnz(self) -> int:
        """How many entries are stored."""
        return int(self.indptr[-1])

    def tocsr(self) -> Any:
        """The same as SciPy's."""
        from scipy.sparse import csr_matrix

        return csr_matrix((self.data, self.indices, self.indptr), self.shape)

    def toarray(self) -> Array:
        """The same, dense."""
        return np.asarray(self.tocsr().toarray())

    def __matmul__(self, other: Array) -> Array:
        return np.asarray(self.tocsr() @ other)

    def __rmatmul__(self, other: Array) -> Array:
        return np.asarray(other @ self.tocsr())

    @property
    def T(self) -> Any:
        """SciPy's transpose."""
        return self.tocsr().T


def rows_between(X: Any, first: int, last: int) -> Rows:
    """Rows of a sparse X by rows, without a copy of what they hold."""
    starts = X.indptr[first : last + 1]
    held = slice(int(starts[0]), int(starts[-1]))
    columns, starts = X.indices[held].astype(np.int32, copy=False), (starts - starts[0]).astype(np.int32, copy=False)
    return Rows(np.ascontiguousarray(X.data[held]), np.ascontiguousarray(columns), starts, X.shape[1])


def product(block: Any, coef: Array, constant: float, out: Array) -> None:
    """out = X coef + constant for some rows of X."""
    if isinstance(block, Rows):
        _run(block, np.ascontiguousarray(coef), out, None, None, constant, _SCORES)
    else:
        np.add(block @ coef, constant, out=out)


def columns_summed(block: Any, v: Array) -> Array:
    """X'v for the same."""
    if not isinstance(block, Rows):
        return np.asarray(block.T @ v)
    out = np.zeros(block.shape[1])
    _run(block, np.ascontiguousarray(v), out, None, None, 0.0, _SUMS)
    return out


def squares_summed(block: Any, v: Array) -> Array:
    """The same of the squares of X."""
    if isinstance(block, np.ndarray):
        return np.asarray(v @ np.square(block))
    if not isinstance(block, Rows):
        return np.asarray(block.squared().T @ v)
    out = np.zeros(block.shape[1])
    _run(block, np.ascontiguousarray(v), out, None, None, 0.0, _SQUARES)
    return out


def moment(X: Any, share: Array, power: int) -> Array:
    """X'share, or the same of the squares of X, of all rows of a sparse X."""
    out = np.zeros(X.shape[1])
    for start, block in _blocks(X):
        _run(block, share[start : start + block.shape[0]], out, None, None, 0.0, _SUMS if power == 1 else _SQUARES)
    return out


def add_gram(block: Rows, d: Array, total: Array) -> None:
    """Add block' diag(d) block, with a column of ones as the last, below and on the diagonal of `total`."""
    _run(block, np.ascontiguousarray(d, dtype=np.float64), total, None, None, 0.0, _GRAM, len(total))


def columns_of(X: Any, columns: Array) -> Any:
    """These columns, in this order, in one pass over the rows: SciPy's own way costs five."""
    places = np.full(X.shape[1], -1, dtype=np.int32)
    places[columns] = np.arange(len(columns))
    parts = [_columns_of(block, places, len(columns)) for _, block in _blocks(X)]
    if len(parts) == 1:
        return parts[0]
    from scipy.sparse import vstack

    return vstack([part.tocsr() for part in parts], format="csr")


def full(X: Any, columns: Array) -> Array:
    """Which of these columns have hardly an entry of 0."""
    if not columns.size:
        return columns
    return columns[np.bincount(X.indices, minlength=X.shape[1])[columns] >= _FULL * X.shape[0]]


def shifted(X: Any, columns: Array, by: Array) -> Any:
    """X less a number in each of these columns, which are stored in full then."""
    from scipy.sparse import csr_matrix

    moved = X[:, columns].toarray() - by
    rest = csr_matrix((np.where(np.isin(X.indices, columns), 0.0, X.data), X.indices, X.indptr), X.shape)
    starts = np.arange(0, moved.size + 1, len(columns))
    return (rest + csr_matrix((moved.ravel(), np.tile(columns, len(moved)), starts), X.shape)).tocsr()


def _columns_of(block: Rows, places: Array, size: int) -> Rows:
    values, into = np.empty(block.nnz + 1), np.empty(block.nnz + 1, np.int32)  # memory that stays untouched is none
    ends = np.empty(block.shape[0] + 1, np.int32)
    _run(block, places, values, into, ends, 0.0, _COLUMNS)
    return Rows(values[: ends[-1]], into[: ends[-1]], ends, size)


def _blocks(X: Any) -> Iterator[tuple[int, Rows]]:
    """Where blocks of rows begin and the blocks, of so few entries that 32 bits count them."""
    starts = [0, *np.searchsorted(X.indptr, np.arange(_MOST, X.nnz, _MOST)), X.shape[0]]
    for first, last in itertools.pairwise(map(int, starts)):
        yield first, rows_between(X, first, last)


def _run(
    X: Rows, given: Array, out: Array, second: Array | None, third: Array | None, constant: float, of: int,
    size: int = 0,
) -> None:  # fmt: skip
    loop("sparse_rows")(X.data, X.indices, X.indptr, given, out, second, third, constant, X.shape[0], of, size)
