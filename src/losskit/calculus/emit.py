"""Code from graphs: straight-line Python in two dialects, scalar (for compiled kernels) and array (any namespace)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from losskit.calculus import arrays
from losskit.calculus.graph import Node, is_constant, nodes_of
from losskit.calculus.table import TABLE

Dialect = Literal["scalar", "array"]
_LARGEST_PRODUCT = 8  # integer powers up to here are products


def function_source(
    name: str, arguments: Sequence[str], outputs: Sequence[Node], dialect: Dialect, labels: Mapping[Node, str] = {}
) -> str:
    """Source of `def name(arguments): ... return outputs`, one assignment a shared operation.

    In the array dialect the first argument is the namespace `xp`. `labels` names the argument that holds the label
    function of a primitive that has one; elsewhere it is called.
    """
    names: dict[int, str] = {}
    lines: list[str] = []
    stem = "t"
    while any(re.fullmatch(rf"{stem}\d+", name) for name in arguments):  # a parameter may be called t1
        stem += "_"
    for node in nodes_of(outputs):
        if node.op == "symbol":
            names[id(node)] = str(node.value)
        elif node.op == "constant":
            names[id(node)] = _literal(float(node.value))  # type: ignore[arg-type]
        else:
            names[id(node)] = f"{stem}{len(lines)}"
            operation = _operation(node, [names[id(a)] for a in node.args], dialect, labels)
            lines.append(f"    {names[id(node)]} = {operation}")
    head = ["xp", *arguments] if dialect == "array" else list(arguments)
    returned = ", ".join(names[id(o)] for o in outputs)
    return "\n".join([f"def {name}({', '.join(head)}):", *lines, f"    return {returned}", ""])


def functions_used(outputs: Iterable[Node], dialect: Dialect) -> list[str]:
    """The names of stable bodies that the emitted source calls, sorted."""
    used = set()
    for node in nodes_of(outputs):
        if node.op in TABLE:
            row = TABLE[node.op]
            template = row.scalar if dialect == "scalar" else row.array
            if template is None and not (node.op == "power" and _product(node, "x")):
                used |= {_body(node, dialect)} | ({row.label} if row.label and dialect == "scalar" else set())
            elif template is not None and template.startswith("select("):
                used.add("select")
    return sorted(used)


def array_function(name: str, arguments: Sequence[str], outputs: Sequence[Node]) -> Callable[..., Any]:
    """The emitted array-dialect function `name(xp, *arguments)`, ready to call."""
    space: dict[str, Any] = {used: getattr(arrays, used) for used in functions_used(outputs, "array")} | {"math": math}
    exec(compile(function_source(name, arguments, outputs, "array"), f"<losskit {name}>", "exec"), space)
    return space[name]


def _body(node: Node, dialect: Dialect) -> str:
    """The function to call: the primitive's own, or that of its case; e^-|x| has one too."""
    if dialect == "scalar" and node.op == "exp" and node.args[0].op == "neg" and node.args[0].args[0].op == "abs":
        return "exp_neg_abs"
    case = TABLE[node.op].case
    if case is None or not is_constant(node.args[case.argument], case.value):
        return node.op
    return case.body if dialect == "scalar" or hasattr(arrays, case.body) else node.op


def _operation(node: Node, args: list[str], dialect: Dialect, labels: Mapping[Node, str]) -> str:
    if node.op == "power" and (product := _product(node, args[0])):
        return product
    row = TABLE[node.op]
    template = row.scalar if dialect == "scalar" else row.array
    if template is not None:
        return template.format(*args)
    if row.label and dialect == "scalar":
        args = [*args, labels.get(node, f"{row.label}({args[0]})")]
    if (body := _body(node, dialect)) != node.op and row.case:
        args = [a for i, a in enumerate(args) if i != row.case.argument]
    return f"{body}({', '.join(['xp', *args] if dialect == 'array' else args)})"


def _product(node: Node, base: str) -> str | None:
    exponent = node.args[1]
    if not is_constant(exponent):
        return None
    n = float(exponent.value)  # type: ignore[arg-type]
    if n.is_integer() and 2 <= n <= _LARGEST_PRODUCT:
        return " * ".join([base] * int(n))
    return None


def _literal(value: float) -> str:
    return {"inf": "math.inf", "-inf": "-math.inf"}.get(repr(value), repr(value))
