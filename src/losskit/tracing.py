"""From a loss's formula to graphs and kernels: traced once a formula, with symbols for its parameters."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from typing import Any

from losskit.calculus.derive import derivative
from losskit.calculus.graph import Node, as_node, substitute, symbol
from losskit.domains import NONNEGATIVE, Domain
from losskit.errors import CapabilityError


@dataclass(frozen=True)
class Trace:
    """A loss as graphs in y, the predictions and the parameters."""

    value: Node
    gradient: tuple[Node, ...]
    hessian: tuple[Node, ...]


def graphs_of(loss: Any, variables: tuple[Node, ...], predictions: tuple[Node, ...]) -> Trace:
    """Value, gradient and Hessian of `loss.formula(*variables)` by `predictions`; stated ones as stated."""
    value = as_node(loss.formula(*variables))
    stated, second = getattr(loss, "derivative", None), getattr(loss, "second_derivative", None)
    gradient = (as_node(stated(*variables)),) if stated else tuple(derivative(value, f) for f in predictions)
    if second:
        return Trace(value, gradient, (as_node(second(*variables)),))
    return Trace(value, gradient, tuple(derivative(g, f) for g in gradient for f in predictions))


def in_place_of(trace: Trace, variable: Node, replacement: Node) -> Trace:
    """`trace` with `variable` replaced in every graph."""
    swap = {variable: replacement}
    return Trace(
        substitute(trace.value, swap),
        tuple(substitute(g, swap) for g in trace.gradient),
        tuple(substitute(h, swap) for h in trace.hessian),
    )


@cache
def twin_of(cls: Any, absent: tuple[str, ...]) -> Any:
    """A loss of `cls` with its parameters as symbols, but for those that are None."""
    twin = object.__new__(cls)
    for field in dataclasses.fields(cls):
        object.__setattr__(twin, field.name, None if field.name in absent else symbol(field.name))
    return twin


@cache
def trace_of(cls: Any, absent: tuple[str, ...]) -> Trace:
    return twin_of(cls, absent).graphs(symbol("y"), tuple(map(symbol, cls.outputs)))


def _curvature(twin: Any, kind: str) -> Node:
    """The graph of a curvature other than the Hessian."""
    if kind == "majorizer":
        return as_node(twin.traits().curvature)
    if not hasattr(twin, "information"):
        raise CapabilityError(
            f"{type(twin).__name__} is no log-likelihood, so it has no Fisher information; use hessian or majorizer"
        )
    return as_node(twin.information(*map(symbol, twin.outputs)))


def program_of(
    cls: Any, absent: tuple[str, ...], domain: Domain, of_f: Domain, curvature: str | None = None
) -> Any:
    """What the kernel of a loss computes; a named curvature takes the gradient's place."""
    from losskit.kernels.source import Program

    if curvature is None:
        trace = trace_of(cls, absent)
    else:
        node = _curvature(twin_of(cls, absent), curvature)
        trace = Trace(node, (node,), ())
    inside = domain.condition(symbol("y"))
    if of_f.bounded:
        for name in cls.outputs:
            # nan is a prediction's own affair: it passes through
            inside = inside & (of_f.condition(symbol(name)) | (symbol(name) != symbol(name)))
    parameters = tuple(field.name for field in dataclasses.fields(cls) if field.name not in absent)
    return Program(
        trace.value, trace.gradient, trace.hessian, cls.outputs, parameters, inside, counts=domain == NONNEGATIVE
    )


@cache
def compiled_of(cls: Any, absent: tuple[str, ...], domain: Domain, of_f: Domain, curvature: str | None = None) -> Any:
    """The compiled kernel of `program_of`."""
    from losskit.kernels.compile import compiled

    return compiled(program_of(cls, absent, domain, of_f, curvature))
