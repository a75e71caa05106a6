"""Sums of logarithms that cost less than their summands: a logarithm of a product is the sum of theirs."""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from typing import Any

from losskit.kernels.elementary import add_fast, fma, log1p, scalar
from losskit.kernels.memory import space
from losskit.kernels.program import LANES, STRIP
from losskit.kernels.select import select


@scalar
def both(a: float, b: float) -> float:
    """(1 + a)(1 + b) - 1: no digit of a small a is lost, as it would be in 1 + a."""
    return fma(a, b, a + b)


@scalar
def all_lanes(n: int) -> int:
    """`LANES` where n > 0: a count unknown to the compiler, which would unroll a loop over them to single lanes."""
    return select(n > 0, LANES, 0)


@scalar
def multiply(products: Any, x: Any, n: int) -> None:
    """Multiply the 1 + x_i of a strip into the 1 + p of lane i mod `LANES`; x is overwritten.

    For 0 <= x_i <= 1, of which a block's rows leave at most 2^256 in a lane.
    """
    for i in range(n, STRIP):
        x[i] = 0.0
    for i in range(STRIP // 4):
        x[i] = both(both(x[i], x[i + STRIP // 4]), both(x[i + STRIP // 2], x[i + 3 * STRIP // 4]))
    for i in range(all_lanes(n)):
        four = both(both(x[i], x[i + LANES]), both(x[i + 2 * LANES], x[i + 3 * LANES]))
        products[i] = both(products[i], four)


@scalar
def log_of(products: Any, n: int) -> float:
    """The logarithm of the product of all lanes, into which n > 0 rows went."""
    total = 0.0
    for i in range(all_lanes(n)):
        total = add_fast(total, log1p(products[i]))
    return total


@scalar
def sum_of_logs(x: Any, n: int) -> float:
    """The sum of log(1 + x_i) for 0 <= x_i < 2^100, one logarithm for eight; at most a strip, and overwritten."""
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
