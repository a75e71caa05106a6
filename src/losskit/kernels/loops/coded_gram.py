"""The sums of d_i x_i by level, and of d_i by pair of levels, over rows of numbers and codes.

Of each pair of a row's levels the entry below the diagonal is added to; the caller adds the transpose.
"""

# mypy: disable-error-code="call-arg,call-overload,var-annotated"

from typing import Any

from numba import njit

from losskit.kernels.memory import doubles_at, integers_at


@njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def kernel(
    weighteda: Any, codesa: Any, da: Any, suma: Any, unused1: Any, unused2: Any, unused3: Any, categories: float,
    rows: int, numbers: int, levels: int,
) -> None:  # fmt: skip
    """Add to `sum`, (levels, numbers + levels); weighted is d_i x_i, (rows, numbers); codes (categories, rows)."""
    weighted, code = doubles_at(weighteda), integers_at(codesa)
    d, total = doubles_at(da), doubles_at(suma)
    width, last = numbers + levels, int(categories)
    for i in range(rows):
        weight, first = d[i], i * numbers
        for a in range(last):
            row = code[a * rows + i] * width
            for j in range(numbers):
                total[row + j] += weighted[first + j]
            for b in range(a + 1):
                total[row + numbers + code[b * rows + i]] += weight
