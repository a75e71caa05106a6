"""The sum of d_i x_i x_i' over the rows of a sparse X by rows, with a column of ones as the last.

Each pair of a row's entries is added once, at the place of the one that comes later; the caller adds the transpose.
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
    valuesa: Any, columnsa: Any, startsa: Any, da: Any, suma: Any, unuseda: Any, sparea: Any, unused: float, rows: int,
    size: int, spare: int,
) -> None:  # fmt: skip
    """Add to `sum`, size by size; values and columns are those of all rows, starts has where each begins and ends."""
    values, columns, starts = doubles_at(valuesa), counts_at(columnsa), counts_at(startsa)
    d, total = doubles_at(da), doubles_at(suma)
    edge = (size - 1) * size
    for i in range(rows):
        first, last, weight = starts[i], starts[i + 1], d[i]
        for a in range(first, last):
            j = columns[a]
            pull = weight * values[a]
            row = j * size
            for b in range(first, a + 1):
                twice = b != a and columns[b] == j  # an entry stored in two parts
                total[row + columns[b]] += 2.0 * pull * values[b] if twice else pull * values[b]
            total[edge + j] += pull
        total[edge + size - 1] += weight
