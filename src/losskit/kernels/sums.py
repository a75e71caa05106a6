"""Sums over a strip of rows that cost less than their summands."""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from typing import Any

from losskit.kernels.elementary import add_fast, fma, log1p, scalar
from losskit.kernels.memory import space

LONGEST = 256  # a strip


@scalar
def both(a: float, b: float) -> float:
    """(1 + a)(1 + b) - 1: no digit of a small a is lost, as it would be in 1 + a."""
    return fma(a, b, a + b)


@scalar
def sum_of_logs(x: Any, n: int) -> float:
    """The sum of log(1 + x_i) for 0 <= x_i < 2^100, one logarithm for eight; at most `LONGEST`, and overwritten."""
    halves = space(128)
    width = (n + 7) // 8
    for i in range(n, 8 * width):
        x[i] = 0.0
    for i in range(4 * width):
        halves[i] = both(x[i], x[i + 4 * width])
    for i in range(2 * width):
        x[i] = both(halves[i], halves[i + 2 * width])
    for i in range(width):
        halves[i] = both(x[i], x[i + width])
    total = 0.0
    for i in range(width):
        total = add_fast(total, log1p(halves[i]))
    return total
