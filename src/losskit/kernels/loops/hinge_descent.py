"""Dual coordinate descent for sum o_i L(y_i x_i'c) + alpha/2 ||c||^2, L the hinge or its square.

With c = sum o_i b_i y_i x_i / alpha, the dual's slope by b_i is o_i (y_i x_i'c - 1 + square b_i), square being 1/2 for
the squared hinge, else 0; b_i lies between 0 and 1, or is only not negative. (Hsieh et al. 2008,
DOI 10.1145/1390156.1390208.)
"""

# mypy: disable-error-code="call-arg,call-overload,var-annotated"

from typing import Any

from numba import njit

from losskit.kernels.memory import doubles_at


@njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def kernel(
    Xa: Any, ya: Any, ba: Any, ca: Any, sharea: Any, benda: Any, ordera: Any, square: float, rows: int, passes: int,
    columns: int,
) -> None:  # fmt: skip
    """`passes` passes over the rows in the given order; `share` is o / alpha, `bend` its product with ||x_i||^2."""
    X, y, b, c = doubles_at(Xa), doubles_at(ya), doubles_at(ba), doubles_at(ca)
    share, bend, order = doubles_at(sharea), doubles_at(benda), doubles_at(ordera)
    for _ in range(passes):
        for k in range(rows):
            i = int(order[k])
            row = i * columns
            f = 0.0
            for j in range(columns):
                f += X[row + j] * c[j]
            curve = bend[i] + square
            new = b[i]
            if curve > 0.0:
                new = max(b[i] - (y[i] * f - 1.0 + square * b[i]) / curve, 0.0)
            elif y[i] * f < 1.0:
                new = 1.0
            if square == 0.0:
                new = min(new, 1.0)
            change = (new - b[i]) * share[i] * y[i]
            if change != 0.0:
                for j in range(columns):
                    c[j] += change * X[row + j]
            b[i] = new
