"""Multiples and sums of losses: `2 * L`, `L1 + L2`."""

from __future__ import annotations

from typing import Any

from losskit.base import Pointwise
from losskit.calculus.graph import Node, as_node
from losskit.combine.base import Combined, bounds_times, mixed, times
from losskit.domains import Domain, Intervals, Positive
from losskit.errors import CapabilityError
from losskit.tracing import Trace
from losskit.traits import Traits


class Multiple(Combined):
    """`factor` times a loss: what `2 * Huber()` makes."""

    factor: Positive
    loss: Pointwise

    def __repr__(self) -> str:
        inner = f"({self.loss!r})" if isinstance(self.loss, Sum) else repr(self.loss)
        return f"{self.factor!r} * {inner}"

    def derived(self, variables: tuple[Node, ...], predictions: tuple[Node, ...]) -> Trace:
        return times(as_node(self.factor), self.loss.derived(variables, predictions))

    def traits(self) -> Traits:
        return bounds_times(self.loss.traits(), self.factor, self.factor)

    @property
    def information(self) -> Any:
        inner = self.loss.information  # type: ignore[attr-defined]

        def scaled(*f: Any) -> Any:
            found = inner(*f)
            return tuple(self.factor * as_node(x) for x in found) if isinstance(found, tuple) else self.factor * found

        return scaled


class Sum(Combined):
    """The sum of two losses of one kind of score: what `Huber() + 0.1 * SquaredError()` makes."""

    first: Pointwise
    second: Pointwise

    def __post_init__(self) -> None:
        super().__post_init__()
        a, b = self.first, self.second
        alike = all(getattr(a, x) == getattr(b, x) for x in ("links", "targets", "outputs", "prediction_domains"))
        if not alike:
            raise CapabilityError(
                f"{a!r} reads its score through the {a.link.name} link and {b!r} through the {b.link.name} link; "
                "a sum needs one kind of score"
            )
        if a.domain != b.domain and _narrower(a.domain, b.domain) is None:
            raise CapabilityError(
                f"{a!r} takes {a.domain.describe('y')} and {b!r} takes {b.domain.describe('y')}; a sum needs targets "
                "that suit both"
            )

    def __repr__(self) -> str:
        second = f"({self.second!r})" if isinstance(self.second, Sum) else repr(self.second)
        return f"{self.first!r} + {second}"

    @property
    def domain(self) -> Domain | Intervals:  # type: ignore[override]
        return _narrower(self.first.domain, self.second.domain) or self.first.domain

    @property
    def variables(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.first.variables if self.first.variables == self.second.variables else ()

    def derived(self, variables: tuple[Node, ...], predictions: tuple[Node, ...]) -> Trace:
        if self.variables:
            traces = [part.derived(variables, predictions) for part in self.parts]
        else:
            t = len(self.targets)
            traces = [part.graphs(variables[:t], variables[t:]) for part in self.parts]
        return mixed(traces[0], traces[1], lambda a, b: a + b)

    def traits(self) -> Traits:
        a, b = (part.traits() for part in self.parts)

        def both(name: str) -> bool | None:
            return True if getattr(a, name) and getattr(b, name) else None

        def plus(name: str) -> Any:
            x, y = getattr(a, name), getattr(b, name)
            return None if x is None or y is None else x + y

        strict = both("convex") and (a.strictly_convex or b.strictly_convex or None)
        return Traits(
            convex=both("convex"), strictly_convex=strict, symmetric=both("symmetric"),
            differentiable=both("differentiable"), bounded=both("bounded"), redescending=both("redescending"),
            calibrated=both("convex") and both("calibrated"), proper=both("proper"),
            elicits=a.elicits if a.elicits == b.elicits and both("convex") else None,
            lipschitz=plus("lipschitz"), curvature=plus("curvature"), strong=plus("strong"),
        )  # fmt: skip


def _narrower(a: Domain | Intervals, b: Domain | Intervals) -> Domain | Intervals | None:
    """The one of two domains that lies in the other."""
    if a == b:
        return a
    if isinstance(a, Intervals) or isinstance(b, Intervals):
        return None
    for inner, outer in ((a, b), (b, a)):
        inside = outer.low <= inner.low and inner.high <= outer.high
        if (inner.only and outer.contains(inner.only).all() and inner.low > inner.high):
            return inner
        ends = (inner.low > outer.low or outer.closed_low or not inner.closed_low) and (
            inner.high < outer.high or outer.closed_high or not inner.closed_high
        )
        if inside and ends and not inner.only and inner.low <= inner.high:
            return inner
    return None
