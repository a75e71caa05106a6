"""Sums over a sparse X by rows, with float64 values and int32 indices.

`of` says which: products with the rows (SCORES), sums of the columns (SUMS) or of their squares (SQUARES), the sum
of d_i x_i x_i' with a column of ones as the last (GRAM), or some columns as a smaller matrix (COLUMNS).
"""

# mypy: disable-error-code="call-arg,call-overload,var-annotated"

from typing import Any

from numba import njit

from losskit.kernels.memory import doubles_at, integers_at

SCORES, SUMS, SQUARES, GRAM, COLUMNS = range(5)


@njit(error_model="numpy")
def scores(values: Any, column: Any, starts: Any, vector: Any, out: Any, constant: float, rows: int) -> None:
    """out = X vector + constant."""
    for i in range(rows):
        total = 0.0
        for a in range(starts[i], starts[i + 1]):
            total += values[a] * vector[column[a]]
        out[i] = total + constant


@njit(error_model="numpy")
def sums(values: Any, column: Any, starts: Any, vector: Any, out: Any, rows: int, power: int) -> None:
    """Add X'vector to `out`, or the same of the squares of X."""
    for i in range(rows):
        v = vector[i]
        for a in range(starts[i], starts[i + 1]):
            out[column[a]] += v * values[a] if power == 1 else v * values[a] * values[a]


@njit(error_model="numpy")
def gram(values: Any, column: Any, starts: Any, d: Any, total: Any, rows: int, size: int) -> None:
    """Add to `total`, size by size. Each pair of a row's entries once, below the diagonal; the caller adds the rest."""
    edge = (size - 1) * size
    for i in range(rows):
        weight, begin, end = d[i], starts[i], starts[i + 1]
        rising = True
        for a in range(begin + 1, end):
            rising &= column[a - 1] < column[a]
        for a in range(begin, end):
            j = column[a]
            pull = weight * values[a]
            if rising:
                for b in range(begin, a + 1):
                    total[j * size + column[b]] += pull * values[b]
            else:
                for b in range(begin, a):
                    k = column[b]
                    if k == j:  # an entry stored in two parts
                        total[j * size + j] += 2.0 * pull * values[b]
                    else:
                        total[max(j, k) * size + min(j, k)] += pull * values[b]
                total[j * size + j] += pull * values[a]
            total[edge + j] += pull
        total[edge + size - 1] += weight


@njit(error_model="numpy")
def columns(values: Any, column: Any, starts: Any, place: Any, out: Any, into: Any, ends: Any, rows: int) -> None:
    """`place` has where each column goes, -1 for nowhere; `out` and `into` have room for one entry more than go."""
    count = 0
    ends[0] = 0
    for i in range(rows):
        for a in range(starts[i], starts[i + 1]):
            j = place[column[a]]
            out[count], into[count] = values[a], j  # to be written over if it goes nowhere: a branch is guessed wrong
            count += j >= 0
        ends[i + 1] = count


@njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def kernel(
    values: Any, column: Any, starts: Any, given: Any, out: Any, second: Any, third: Any, constant: float, rows: int,
    of: int, size: int,
) -> None:  # fmt: skip
    """One of the above; what it has no use for is None, or 0."""
    x, at, begin = doubles_at(values), integers_at(column), integers_at(starts)
    if of == SCORES:
        scores(x, at, begin, doubles_at(given), doubles_at(out), constant, rows)
    elif of == SUMS:
        sums(x, at, begin, doubles_at(given), doubles_at(out), rows, 1)
    elif of == SQUARES:
        sums(x, at, begin, doubles_at(given), doubles_at(out), rows, 2)
    elif of == GRAM:
        gram(x, at, begin, doubles_at(given), doubles_at(out), rows, size)
    else:
        columns(x, at, begin, integers_at(given), doubles_at(out), integers_at(second), integers_at(third), rows)
