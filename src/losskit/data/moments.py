"""Location and spread of X's columns, and what is wrong with a value: what is looked for before X is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from losskit.data.coded import Coded
from losskit.data.sparse_rows import columns_of, full, is_sparse, moment
from losskit.errors import DataError

Array = np.ndarray
_SAMPLE = 1 << 11  # rows that tell location and spread of a column well enough
_PIECE = 1 << 16  # numbers squared at a time
_COPIED = 1 << 22  # numbers of few columns copied at a time, about
_GROUP = 16  # neighbours among them
_CANCELS = 1e-4  # of a mean's square: a spread's square below is not taken as a difference of squares
_ROUNDING = 1e-13  # of a column's mean: a spread below is none


def location_and_spread(X: Any, weights: Array | None, intercept: bool) -> tuple[Array, Array]:
    """Mean (0 without an intercept) and root mean square about it, by column; from a sample of many rows."""
    if is_sparse(X):
        return _of_sparse(X, weights, intercept)
    if isinstance(X, Coded):
        return _of_coded(X, weights, intercept)
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


def constant_columns(X: Any, mean: Array) -> Array:
    """The columns with one value but for rounding, to which an intercept leaves nothing."""
    if isinstance(X, Coded):
        d = X.numbers.shape[1]
        return X.at[:d][constant_columns(X.numbers, mean[X.at[:d]])]
    first = X[[0]].toarray()[0] if is_sparse(X) else X[0]
    maybe = np.flatnonzero(np.abs(first - mean) <= _ROUNDING * np.abs(mean))
    if is_sparse(X):  # one without entries needs no help: its sums are 0
        columns = ((j, X[:, [j]]) for j in maybe[mean[maybe] != 0])
        spreads = ((j, np.ptp(column.data)) for j, column in columns if column.nnz == X.shape[0])
    else:
        spreads = ((j, np.ptp(X[:, j])) for j in maybe)
    return np.array([j for j, spread in spreads if spread <= _ROUNDING * np.abs(first[j])], dtype=np.intp)


def centred_columns(X: Any, far: Array) -> Array:
    """The columns whose mean is taken out of a copy of X where some are far: all numbers, or of a sparse X those alone.

    And of these no column whose zeros weights alone have put aside.
    """
    if is_sparse(X):
        return full(X, far)
    numbers = X.at[: X.numbers.shape[1]] if isinstance(X, Coded) else np.arange(X.shape[1])
    return numbers if np.isin(far, numbers).any() else far[:0]


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
    far = full(X, np.flatnonzero(scale**2 <= _CANCELS * mean**2)) if intercept else np.zeros(0, np.intp)
    for few in np.array_split(far, -(-far.size * X.shape[0] // _COPIED)) if far.size else ():
        mean[few], _, spread = _of_rows(columns_of(X, few).toarray(), weights, intercept)
        scale[few] = np.where(spread <= _ROUNDING * np.abs(mean[few]), np.abs(mean[few]), spread)
    scale[scale == 0] = 1.0
    return mean, scale


def _of_coded(X: Coded, weights: Array | None, intercept: bool) -> tuple[Array, Array]:
    """The same of numbers and codes; of the latter from all rows."""
    d, share = X.numbers.shape[1], np.full(len(X), 1 / len(X)) if weights is None else weights / weights.sum()
    mean, scale = np.empty(X.shape[1]), np.empty(X.shape[1])
    mean[X.at[:d]], scale[X.at[:d]] = location_and_spread(X.numbers, weights, intercept) if d else (0.0, 1.0)
    often = X.level_sums(share)
    mean[X.at[d:]] = often if intercept else 0.0
    scale[X.at[d:]] = np.sqrt(np.maximum(often * (1.0 - often) if intercept else often, 1e-14 * often))
    scale[scale == 0] = 1.0
    return mean, scale


def refuse_unfinite(X: Any, names: Sequence[Any] = ()) -> None:
    """Raise DataError naming the first value of X that is nan, infinite or too large to be squared.

    Of columns with `names` the message says the name.
    """
    if is_sparse(X):
        bad = X.data[~(np.abs(X.data) < 1e150)]
        if bad.size:
            raise DataError(
                f"X holds {float(bad[0])!r} ({bad.size} of {X.nnz} stored values are nan, infinite or beyond 1e150); "
                "fill or drop missing values first, and divide columns of such size"
            )
        return
    if isinstance(X, Coded):
        refuse_unfinite(X.numbers)
        return
    for j in range(X.shape[1]):
        bad = ~(np.abs(X[:, j]) < 1e150)
        if bad.any():
            i, name = int(np.argmax(bad)), list(names)[j] if names else j
            raise DataError(
                f"X[{i}, {name!r}] = {float(X[i, j])!r} ({int(bad.sum())} of {len(bad)} values of that column are nan, "
                "infinite or beyond 1e150); fill or drop missing values first, and divide columns of such size"
            )
