"""The oracle of the laws: exact values of a loss and of its derived derivatives, and errors in ulp."""

from __future__ import annotations

import math
from functools import cache, lru_cache
from itertools import combinations_with_replacement
from typing import Any

import mpmath
import numpy as np

from losskit.base import Margin, Pointwise, Residual
from losskit.calculus.derive import derivative
from losskit.calculus.exact import Known, evaluate
from losskit.calculus.graph import Node, symbol
from losskit.tracing import Structure, twin_of

OUTPUTS = ("value", "gradient", "hessian")


def named(names: tuple[str, ...], numbers: Any) -> dict[str, Any]:
    """The numbers of a row by their names; one number stands alone."""
    return dict(zip(names, numbers if len(names) > 1 else [numbers], strict=True))


By = tuple[int, ...]  # the outputs, by number, that a derivative is taken by; none for the value


def elements(loss: Pointwise, output: str) -> list[By]:
    """Which numbers a row's `output` holds: the value, k of a gradient, the upper triangle of a Hessian."""
    return list(combinations_with_replacement(range(len(loss.outputs)), OUTPUTS.index(output)))


def exact(loss: Pointwise, y: Any, f: Any, output: str, by: By | None = None) -> Any:
    """The true value, gradient or Hessian of one row: derived from the formula, never from a stated spelling.

    Residual losses are taken at r = fl(f - y), margin losses at m. Of several outputs `f` has one number each, and
    `by` says which element is meant.
    """
    values = {k: v for k, v in loss.parameters.items() if v is not None}
    sign = 1.0
    if isinstance(loss, Residual):
        values["r"] = f - y
    elif isinstance(loss, Margin):
        values["m"] = y * f
        sign = y if output == "gradient" else 1.0
    else:
        values |= named(loss.targets, y) | named(loss.outputs, f)
    by = (0,) * OUTPUTS.index(output) if by is None else by
    return evaluate(_graph(loss._structure(), by), values, known=_known(tuple(values.items()))) * sign


@lru_cache(maxsize=1)
def _known(values: tuple[tuple[str, Any], ...]) -> Known:
    """What is known at the row looked at last: its value and derivatives share most of their nodes."""
    return {}


@cache
def _graph(structure: Structure, by: By) -> Node:
    twin = twin_of(structure)
    node, names = twin.written(), twin.variables or twin.outputs
    for j in by:
        node = derivative(node, symbol(names[j]))
    return node


def ulp(x: Any) -> Any:
    """The spacing of doubles at the real number x."""
    x = abs(x)
    above = mpmath.mag(x) if mpmath.isfinite(x) else math.inf  # x is at least half of 2**above, and less than it
    return mpmath.ldexp(1, max(-1074, min(971, above - 53)))


_LIMIT = mpmath.mpf(2) ** 1024 - mpmath.mpf(2) ** 970  # beyond it the nearest double is infinite


def error(got: float, true: Any, scale: Any = None) -> float:
    """The distance of `got` from `true` in ulp of `true` (or of `scale`, where that is larger)."""
    if math.isnan(got):
        return 0.0 if mpmath.isnan(true) else math.inf
    if mpmath.isinf(true) or abs(true) >= _LIMIT:
        return (
            0.0
            if math.isinf(got) and (got > 0) == (true > 0)
            else (1.0 if abs(got) == np.finfo(float).max else math.inf)
        )
    if math.isinf(got):
        return 1.0 if abs(true) > mpmath.mpf(np.finfo(float).max) * (1 - mpmath.mpf(2) ** -52) else math.inf
    unit = ulp(true) if scale is None else max(ulp(true), ulp(scale))
    return float(abs(mpmath.mpf(got) - true) / unit)
