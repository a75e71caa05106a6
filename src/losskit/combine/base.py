"""What losses made of losses share: they answer as their first part does, and combine graphs and bounds."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

from losskit.base import Pointwise
from losskit.calculus.graph import Node, as_node
from losskit.domains import Domain, Intervals
from losskit.errors import CapabilityError, ParameterError
from losskit.links import Link
from losskit.tracing import Trace
from losskit.traits import Traits


class Combined(Pointwise):
    """A loss made of others: what it does not say itself is as its first part says."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in dataclasses.fields(self):
            if str(field.type) == "Pointwise" and not isinstance(part := getattr(self, field.name), Pointwise):
                raise ParameterError(
                    f"{type(self).__name__} needs a loss as its {field.name}, such as Huber(); got {part!r}"
                )

    @cached_property  # asked for several times a call
    def parts(self) -> list[Pointwise]:
        """The losses it is made of."""
        return [value for value in self.parameters.values() if isinstance(value, Pointwise)]

    @property
    def domain(self) -> Domain | Intervals:  # type: ignore[override]
        return self.parts[0].domain

    @property
    def prediction_domain(self) -> Domain:  # type: ignore[override]
        return self.parts[0].prediction_domain

    @property
    def prediction_domains(self) -> tuple[Domain, ...]:
        return self.parts[0].prediction_domains

    @property
    def link(self) -> Link:  # type: ignore[override]
        return self.parts[0].link

    @property
    def links(self) -> tuple[Link, ...]:
        return self.parts[0].links

    def _point(self, *f: Any) -> Any:
        return self.parts[0]._point(*f)

    def _start(self, y: Any, w: Any) -> list[float]:
        return self.parts[0]._best(y, w) or self.parts[0]._start(y, w)

    @property
    def targets(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.parts[0].targets

    @property
    def outputs(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.parts[0].outputs

    @property
    def variables(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.parts[0].variables

    @property
    def source(self) -> str:  # type: ignore[override]
        return "; ".join(dict.fromkeys(part.source for part in self.parts if part.source))

    def formula(self, *variables: Node) -> Node:
        """The value, as the parts' formulas give it."""
        predictions = variables if self.variables else variables[len(self.targets) :]
        return self.derived(tuple(map(as_node, variables)), tuple(map(as_node, predictions))).value

    def _need(self, fits: bool, wanted: str, instead: str) -> None:
        if not fits:
            raise CapabilityError(f"{type(self).__name__} takes {wanted}; got {self.parts[0]!r}. {instead}")


def times(weight: Node, trace: Trace) -> Trace:
    return Trace(
        weight * trace.value, tuple(weight * g for g in trace.gradient), tuple(weight * h for h in trace.hessian)
    )


def bounds_times(known: Traits, slope: Any, bend: Any, least: Any = None) -> Traits:
    """Traits with slopes up to `slope` times, curvatures up to `bend` times and from `least` times as large."""
    return dataclasses.replace(
        known,
        lipschitz=product(slope, known.lipschitz),
        curvature=product(bend, known.curvature),
        strong=product(bend if least is None else least, known.strong),
    )


def product(factor: Any, bound: Any) -> Any:
    """Their product; unknown, 0 and infinity stay what they are."""
    fixed = bound is None or (isinstance(bound, float) and (bound == 0 or math.isinf(bound)))
    return bound if fixed else factor * bound


def mixed(a: Trace, b: Trace, mix: Callable[[Node, Node], Node]) -> Trace:
    """`mix` of each output of two traces."""
    gradient, hessian = (
        tuple(mix(x, z) for x, z in zip(xs, zs, strict=True))
        for xs, zs in ((a.gradient, b.gradient), (a.hessian, b.hessian))
    )
    return Trace(mix(a.value, b.value), gradient, hessian)
