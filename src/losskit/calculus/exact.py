"""The oracle: a graph evaluated in mpmath at a precision doubled until two results agree.

Uses the textbook face of every primitive, never its stable body.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import mpmath

from losskit.calculus.graph import Node, as_node, symbol
from losskit.calculus.table import TABLE
from losskit.errors import FormulaError

# bits: the tail of a double, 2**-1075, must show beside 1 from the start, or two wrong results agree
_START, _LIMIT = 1_280, 70_000
_ZERO = 5_000  # at this many bits a sum of doubles that cancels to almost nothing is zero: doubles span 2100 bits
_NOTHING = mpmath.mpf(2) ** -3_000

Known = dict[int, dict[Node, Any]]  # what has been found of nodes, by bits of precision


def evaluate(root: Node, values: Mapping[str, float], digits: int = 50, known: Known | None = None) -> Any:
    """The exact value of `root` at the doubles `values`, to `digits` digits, as an mpmath number.

    Graphs that share nodes are evaluated faster with one `known` for all calls of the same `values`; other values
    need another.

    Raises
    ------
    FormulaError
        If no two precisions up to 70 000 bits agree.
    """
    previous, bits = None, max(_START, 4 * digits)
    while bits <= _LIMIT:
        context = _context(bits)
        memo = {} if known is None else known.setdefault(bits, {})
        result = _evaluate(root, {k: context.mpf(v) for k, v in values.items()}, context, memo)
        if not context.isfinite(result):
            settled = bits >= 2 * _START
        elif abs(result) < _NOTHING and bits >= _ZERO:
            return context.mpf(0)
        elif result == 0:
            settled = False
        else:
            settled = previous is not None and abs(result - previous) <= abs(result) * context.mpf(10) ** -digits
        if settled:
            return result
        previous, bits = result, 2 * bits
    raise FormulaError(f"the exact value of {root!r} at {dict(values)} did not settle within {_LIMIT} bits")


@cache
def _context(bits: int) -> Any:
    context = mpmath.mp.clone()
    context.prec = bits
    return context


def _evaluate(node: Node, values: Mapping[str, Any], context: Any, memo: dict[Node, Any]) -> Any:
    if node in memo:
        return memo[node]
    if node.op == "constant":
        result = context.mpf(node.value)
    elif node.op == "symbol":
        result = values[str(node.value)]
    elif node.op == "where":
        # only the branch taken: the other may be undefined there
        taken = node.args[1] if _evaluate(node.args[0], values, context, memo) else node.args[2]
        result = _evaluate(taken, values, context, memo)
    else:
        args = [_evaluate(a, values, context, memo) for a in node.args]
        row = TABLE[node.op]
        if row.exact is not None:
            result = row.exact(context, *args)
        else:
            result = _evaluate(face(node.op, len(args)), {f"_{i}": a for i, a in enumerate(args)}, context, {})
    memo[node] = result
    return result


_faces: dict[str, Node] = {}


def face(op: str, arity: int) -> Node:
    """The textbook face of a primitive, in the symbols `_0`, `_1` ..."""
    if op not in _faces:
        textbook = TABLE[op].face
        if textbook is None:
            raise FormulaError(f"the primitive {op} has neither a face nor an exact body")
        _faces[op] = as_node(textbook(*(symbol(f"_{i}") for i in range(arity))))
    return _faces[op]
