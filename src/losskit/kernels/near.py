"""Bodies for arguments within reach, far from overflow and underflow: the same bits there for a fifth less work.

The `reach` of a row of the table of primitives says where its near body may stand for its own. `near` makes it, by
exchanging what the body calls for what is enough there. A kernel takes it for a strip of rows that lie within reach.
"""

# mypy: disable-error-code="call-arg"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from functools import cache
from types import FunctionType
from typing import Any

from losskit.kernels.deviances import mean_ratio
from losskit.kernels.elementary import (
    NO_TAIL,
    exp_rest,
    fma,
    power_of_two,
    scalar,
    split_exponent,
    split_positive,
    to_bits,
)

SMALLEST_AMOUNT_BITS = 0x200 << 52  # of 2^-511

# -- tests of an argument, as the table names them: the two highest bits of the answer are 0 within reach


@scalar
def exponent_bits(x: float) -> int:
    """For |x| < 256: e^x, times an amount, is a normal number."""
    return to_bits(abs(x * 2.0**-7))


@scalar
def amount_bits(y: float) -> int:
    """For 2^-511 <= y < 2^513: those exponents, less that of the first, are below 2^10."""
    return to_bits(y) - SMALLEST_AMOUNT_BITS


# -- bodies


@scalar
def mean_ratio_within(y: float, f: float) -> float:
    """`mean_ratio`: the power of two joins y before the one rounding."""
    n, u = exp_rest(-f, NO_TAIL)
    c = y * power_of_two(n)
    return fma(c, u, c)


_ENOUGH = {mean_ratio: mean_ratio_within, split_positive: split_exponent}


@cache
def near(body: Any) -> Any:
    """`body` for arguments within reach: itself, if nothing that it calls is different there."""
    if body in _ENOUGH:
        return _ENOUGH[body]
    function = body.py_func
    called = {name: function.__globals__.get(name) for name in function.__code__.co_names}
    bodies = {name: near(own) for name, own in called.items() if hasattr(own, "py_func")}
    if all(made is called[name] for name, made in bodies.items()):
        return body
    return scalar(FunctionType(function.__code__, function.__globals__ | bodies, function.__name__))
