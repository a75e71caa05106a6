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
)

# -- tests of an argument, as the table names them


@scalar
def is_exponent(x: float) -> bool:
    """Whether |x| <= 350: e^x, times an amount, is a normal number."""
    return abs(x) <= 350.0


@scalar
def is_amount(y: float) -> bool:
    """Whether 2^-500 <= y <= 2^500."""
    return (y >= 2.0**-500) & (y <= 2.0**500)


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
