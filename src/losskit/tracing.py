"""From a loss's formula to graphs and kernels: traced once a formula, with symbols for its parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement
from typing import Any

from losskit.calculus.derive import derivative
from losskit.calculus.graph import Node, as_node, substitute, symbol
from losskit.domains import COUNTS, NONNEGATIVE, Domain, Intervals
from losskit.errors import CapabilityError


@dataclass(frozen=True)
class Trace:
    """A loss as graphs in y, the predictions and the parameters."""

    value: Node
    gradient: tuple[Node, ...]
    hessian: tuple[Node, ...]


def graphs_of(loss: Any, variables: tuple[Node, ...], predictions: tuple[Node, ...]) -> Trace:
    """Value, gradient and Hessian of `loss.formula(*variables)` by `predictions`; stated ones as stated."""
    value = as_node((getattr(loss, "spelling", None) or loss.formula)(*variables))
    stated, second = getattr(loss, "derivative", None), getattr(loss, "second_derivative", None)
    gradient = _nodes(stated(*variables)) if stated else tuple(derivative(value, f) for f in predictions)
    if second:
        upper = _nodes(second(*variables))
    else:
        upper = tuple(derivative(g, f) for i, g in enumerate(gradient) for f in predictions[i:])
    return Trace(value, gradient, _symmetric(upper, len(predictions)))


def _nodes(stated: Any) -> tuple[Node, ...]:
    """One expression, or a tuple of them, as nodes."""
    return tuple(map(as_node, stated if isinstance(stated, tuple) else (stated,)))


def _symmetric(upper: tuple[Node, ...], k: int) -> tuple[Node, ...]:
    """The k * k elements of a symmetric matrix, given its upper triangle row by row."""
    place = dict(zip(combinations_with_replacement(range(k), 2), upper, strict=True))
    return tuple(place[min(i, j), max(i, j)] for i in range(k) for j in range(k))


def in_place_of(trace: Trace, variable: Node, replacement: Node) -> Trace:
    """`trace` with `variable` replaced in every graph."""
    swap = {variable: replacement}
    return Trace(
        substitute(trace.value, swap),
        tuple(substitute(g, swap) for g in trace.gradient),
        tuple(substitute(h, swap) for h in trace.hessian),
    )


@dataclass(frozen=True)
class Structure:
    """What decides a loss's graphs: the class, parameters that are part of the formula or None, and losses inside.

    `parts` has the name and structure of each parameter that is a loss itself; the symbols of its parameters are
    numbered, so that `Huber(delta) + Huber(delta)` has `delta_1` and `delta_2`.
    """

    cls: Any
    absent: tuple[str, ...] = ()
    parts: tuple[tuple[str, Structure], ...] = ()
    fixed: tuple[tuple[str, str | float], ...] = ()  # words, whole and special numbers: part of the formula

    def symbols(self, suffix: str = "") -> dict[str, str | dict[str, Any]]:
        """The symbol of each parameter that is a number, nested as the losses are, in the order of the kernel's."""
        parts = dict(self.parts)
        found: dict[str, Any] = {}
        for field in dataclasses.fields(self.cls):
            if field.name in parts:
                position = 1 + [name for name, _ in self.parts].index(field.name)
                found[field.name] = parts[field.name].symbols(f"{suffix}_{position}")
            elif field.name not in (*self.absent, *dict(self.fixed)):
                found[field.name] = field.name + suffix
        return found

    @property
    def parameters(self) -> tuple[str, ...]:
        """The symbols' names, flat."""
        return tuple(_flat(self.symbols()))


def _flat(symbols: dict[str, Any]) -> Iterator[str]:
    for value in symbols.values():
        if isinstance(value, str):
            yield value
        else:
            yield from _flat(value)


def _twin(structure: Structure, symbols: dict[str, Any]) -> Any:
    twin = object.__new__(structure.cls)
    parts, fixed = dict(structure.parts), dict(structure.fixed)
    for field in dataclasses.fields(structure.cls):
        given = symbols.get(field.name)
        value = _twin(parts[field.name], symbols[field.name]) if field.name in parts else given and symbol(given)
        value = fixed.get(field.name, value)
        object.__setattr__(twin, field.name, value)
    return twin


@cache
def twin_of(structure: Structure) -> Any:
    """A loss of this structure with its parameters as symbols, but for those that are part of the formula."""
    return _twin(structure, structure.symbols())


@cache
def trace_of(structure: Structure) -> Trace:
    twin = twin_of(structure)
    return twin.graphs(tuple(map(symbol, twin.targets)), tuple(map(symbol, twin.outputs)))


def _curvature(twin: Any, kind: str) -> tuple[Node, ...]:
    """The graphs of a curvature other than the Hessian, in the Hessian's places."""
    k = len(twin.outputs)
    if kind == "majorizer":
        bound = as_node(twin.traits().curvature)
        return tuple(bound if i == j else as_node(0.0) for i in range(k) for j in range(k))
    if not hasattr(twin, "information"):
        raise CapabilityError(
            f"{type(twin).__name__} is no log-likelihood, or one whose Fisher information has no closed form; use "
            "hessian or majorizer"
        )
    return _symmetric(_nodes(twin.information(*map(symbol, twin.outputs))), k)


def program_of(
    structure: Structure, domain: Domain | Intervals, of_f: tuple[Domain, ...], curvature: str | None = None
) -> Any:
    """What the kernel of a loss computes; a named curvature takes the Hessian's place."""
    from losskit.kernels.program import Program

    targets, outputs = twin_of(structure).targets, twin_of(structure).outputs
    if curvature is None:
        trace = trace_of(structure)
    else:
        nodes = _curvature(twin_of(structure), curvature)
        trace = Trace(nodes[0], (), nodes)
    inside = domain.condition(*map(symbol, targets))
    for f, own in zip(map(symbol, outputs), of_f, strict=True):
        if own.bounded:
            inside = inside & (own.condition(f) | (f != f))  # nan is a prediction's own affair: it passes through
    counts = domain in (NONNEGATIVE, COUNTS)
    return Program(trace.value, trace.gradient, trace.hessian, targets, outputs, structure.parameters, inside, counts)


def with_parameters(program: Any, names: tuple[str, ...]) -> Any:
    """`program` with the parameters `names` as predictions too, behind its own: it is derived by them as well."""
    variables = tuple(map(symbol, (*program.predictions, *names)))
    k = len(program.predictions)
    gradient = (*program.gradient, *(derivative(program.value, v) for v in variables[k:]))
    upper = []
    for i, j in combinations_with_replacement(range(len(variables)), 2):
        upper.append(program.hessian[i * k + j] if j < k else derivative(gradient[i], variables[j]))
    return dataclasses.replace(
        program, gradient=gradient, hessian=_symmetric(tuple(upper), len(variables)),
        predictions=(*program.predictions, *names),
        parameters=tuple(name for name in program.parameters if name not in names),
    )  # fmt: skip


@cache
def compiled_of(
    structure: Structure, domain: Domain | Intervals, of_f: tuple[Domain, ...], curvature: str | None = None
) -> Any:
    """The compiled kernel of `program_of`."""
    from losskit.kernels.compile import compiled

    return compiled(program_of(structure, domain, of_f, curvature))
