"""Coordinate descent on 1/2 x'Hx + c'x + sum l1 |x| + l2/2 x^2 with low <= x <= high, H symmetric and dense.

The gradient q = Hx + c is kept up to date: a coordinate that stays costs a few operations, one that moves a row of H.
A pass over all coordinates is followed by passes over those that are not at 0, while these move much.
"""

# mypy: disable-error-code="call-arg,call-overload,var-annotated"

from typing import Any

from numba import njit

from losskit.kernels.memory import doubles_at


@njit(error_model="numpy")
def moved(x: float, q: float, bend: float, l1: float, l2: float, low: float, high: float) -> float:
    """Where the coordinate's own minimum is, the others held."""
    if bend + l2 <= 0.0:  # a column of zeros: its slope says which end, if any
        if q > l1:
            return low if low > -1e300 else x
        if q < -l1:
            return high if high < 1e300 else x
        return min(max(0.0, low), high) if l1 > 0.0 else x
    pull = bend * x - q
    if pull > l1:
        x = (pull - l1) / (bend + l2)
    elif pull < -l1:
        x = (pull + l1) / (bend + l2)
    else:
        x = 0.0
    return min(max(x, low), high)


@njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def kernel(
    Ha: Any, qa: Any, xa: Any, l1a: Any, l2a: Any, boundsa: Any, statea: Any, tol: float, size: int, passes: int,
    unused: int,
) -> None:  # fmt: skip
    """Up to `passes` passes; `state` gets how many, and the largest change of a slope in the last full one."""
    H, q, x, l1, l2 = doubles_at(Ha), doubles_at(qa), doubles_at(xa), doubles_at(l1a), doubles_at(l2a)
    bounds, state = doubles_at(boundsa), doubles_at(statea)
    done = 0
    full = True
    worst = 0.0
    while done < passes:
        done += 1
        largest = 0.0
        for j in range(size):
            if full or x[j] != 0.0:
                bend = H[j * size + j]
                new = moved(x[j], q[j], bend, l1[j], l2[j], bounds[j], bounds[size + j])
                change = new - x[j]
                if change != 0.0:
                    x[j] = new
                    largest = max(largest, abs(change) * (bend + l2[j]))
                    row = j * size
                    for i in range(size):
                        q[i] += change * H[row + i]
        if full:
            worst = largest
            if worst <= tol:
                break
            full = False
        elif largest <= 0.3 * worst or largest <= tol:
            full = True
    state[0] = float(done)
    state[1] = worst
