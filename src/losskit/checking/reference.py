"""The truth: a loss of ours times a factor, at arbitrary precision, and how much of it a double can be held to."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import mpmath

from losskit.base import Pointwise
from losskit.calculus.derive import derivative
from losskit.calculus.exact import evaluate
from losskit.calculus.graph import Node, symbol
from losskit.checking.rows import Kind
from losskit.errors import LosskitError

LARGEST = 1.7976931348623157e308
_SMALLEST = mpmath.mpf(2) ** -1000


@dataclass
class Reference:
    """`factor` times a loss of ours; `offset` says that a term of y alone may come on top."""

    loss: Pointwise
    factor: float = 1.0
    offset: bool = False
    _graphs: dict[tuple[int, ...], Node] = field(default_factory=dict, repr=False)

    @property
    def kind(self) -> Kind:
        """What the loss takes."""
        return Kind.of(self.loss)

    def __str__(self) -> str:
        times = "" if self.factor == 1 else f" times {self.factor:.10g}"
        return f"{self.loss!r}{times}" + (" plus a term of y alone" if self.offset else "")

    def truth(self, y: Any, f: Any, by: tuple[int, ...] = ()) -> Any:
        """The exact value, or its derivative by the outputs numbered in `by`; None where it cannot be had."""
        loss = self.loss
        values: dict[str, float] = {k: v for k, v in loss.parameters.items() if v is not None}
        sign = 1.0
        if self.kind.variable == "r":
            values["r"] = f - y
        elif self.kind.variable == "m":
            values["m"] = y * f
            sign = y if len(by) == 1 else 1.0
        else:
            values |= dict(zip(loss.targets, y if self.kind.targets > 1 else [y], strict=True))
            values |= dict(zip(loss.outputs, f if self.kind.outputs > 1 else [f], strict=True))
        try:
            return evaluate(self._graph(by), values) * sign * self.factor
        except (LosskitError, ArithmeticError, ValueError):
            return None

    def _graph(self, by: tuple[int, ...]) -> Node:
        if by not in self._graphs:
            names = self.loss.variables or self.loss.outputs
            made = derivative(self._graph(by[:-1]), symbol(names[by[-1]])) if by else self.loss.written()
            self._graphs[by] = made
        return self._graphs[by]

    def departs(self, got: float, y: Any, f: Any, by: tuple[int, ...], eps: float) -> Any:
        """None if `got` is as near the truth as can be asked; else the truth.

        Asked is the truth of the row, or of one whose numbers differ from it by a few roundings.
        """
        true = self.truth(y, f, by)
        if true is None or mpmath.isnan(true):
            return None
        if _near(got, true, eps):
            return None
        slack = self._slack(true, y, f, by, eps)
        if math.isfinite(got) and mpmath.isfinite(true) and abs(mpmath.mpf(got) - true) <= slack:
            return None
        return true

    def _slack(self, true: Any, y: Any, f: Any, by: tuple[int, ...], eps: float) -> Any:
        step, most = 8 * eps, mpmath.mpf(0)
        moved = [(y, _nudged(f, i, s * step)) for i in range(self.kind.outputs) for s in (-1, 1)]
        if not self.kind.binary and self.kind.targets == 1:
            moved += [(y * (1 + s * step), f) for s in (-1, 1)]
        for one, other in moved:
            inside = self.kind.y.contains(one) and (not self.kind.f.bounded or bool(self.kind.f.contains(other).all()))
            near = self.truth(one, other, by) if inside else None
            if near is not None and mpmath.isfinite(near):
                most = max(most, abs(near - true))
        return most


def _nudged(f: Any, place: int, step: float) -> Any:
    if isinstance(f, float):
        return f * (1 + step)
    moved = f.copy()
    moved[place] *= 1 + step
    return moved


def _near(got: float, true: Any, eps: float) -> bool:
    if math.isnan(got):
        return False
    if mpmath.isinf(true) or abs(true) >= LARGEST * (1 - 1e-6):
        return abs(got) >= LARGEST * (1 - 1e-6) and (got > 0) == (true > 0)
    if math.isinf(got):
        return False
    tiny = _SMALLEST if eps < 1e-10 else mpmath.mpf(2) ** -120
    return bool(abs(mpmath.mpf(got) - true) <= max(abs(true) * eps**0.4, tiny))
