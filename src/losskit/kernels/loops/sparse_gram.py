"""The sum of d_i x_i x_i' over rows of a sparse X by rows, of some of its columns, with a column of ones as the last.

Each pair of a row's entries is added once, below the diagonal; the caller adds the transpose.
"""

# mypy: disable-error-code="call-arg,call-overload,var-annotated"

from typing import Any

from numba import njit, types
from numba.extending import intrinsic

from losskit.kernels.memory import _data_at, doubles_at


@intrinsic
def counts_at(typingctx: Any, address: Any) -> Any:
    """The data of the array object at `address`, of int32."""
    return _data_at(types.int32)


@njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def kernel(
    valuesa: Any, columnsa: Any, startsa: Any, da: Any, suma: Any, placesa: Any, keepa: Any, unused: float, rows: int,
    size: int, columns: int,
) -> None:  # fmt: skip
    """Add to `sum`, size by size; values and columns are those of all rows, starts has where each begins and ends.

    `places` has where in `sum` each of X's columns goes, -1 for nowhere. It has room behind them, and `keep` has as
    much, for the entries of a row that go somewhere.
    """
    values, column, starts = doubles_at(valuesa), counts_at(columnsa), counts_at(startsa)
    d, total, place, kept = doubles_at(da), doubles_at(suma), counts_at(placesa), doubles_at(keepa)
    edge = (size - 1) * size
    for i in range(rows):
        weight, count = d[i], 0
        for a in range(starts[i], starts[i + 1]):
            j = place[column[a]]
            place[columns + count] = j  # to be written over if it goes nowhere: a branch would be guessed wrong
            kept[count] = values[a]
            count += j >= 0
        for a in range(count):
            j = place[columns + a]
            pull = weight * kept[a]
            for b in range(a):
                k = place[columns + b]
                if k < j:
                    total[j * size + k] += pull * kept[b]
                elif k > j:
                    total[k * size + j] += pull * kept[b]
                else:  # an entry stored in two parts
                    total[j * size + j] += 2.0 * pull * kept[b]
            total[j * size + j] += pull * kept[a]
            total[edge + j] += pull
        total[edge + size - 1] += weight
