"""Formulas as texts: read by Python's parser into a syntax tree, of which a short list of nodes becomes a graph.

Nothing is ever executed.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import itertools
import math
import operator
import re
from collections.abc import Callable
from typing import Any

from losskit import calculus
from losskit.calculus.graph import Node, as_node, symbol
from losskit.errors import FormulaError, nearest

_LONGEST, _DEEPEST, _MOST = 2000, 40, 400  # characters, parentheses inside each other, nodes
FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {
    "abs": (abs, 1), "where": (calculus.where, 3), "max": (calculus.maximum, 2), "min": (calculus.minimum, 2),
    "maximum": (calculus.maximum, 2), "minimum": (calculus.minimum, 2), "square": (lambda x: x * x, 1),
    **{name: (getattr(calculus, name), 1) for name in (
        "exp", "expm1", "expm1mx", "log", "log1p", "log1pmx", "sigmoid", "softplus", "sqrt", "tanh",
    )},
    **{name: (getattr(calculus, name), 2) for name in ("xlogy", "xlog1py", "xdivy")},
    "mul_exp": (calculus.mul_exp, 3),
}  # fmt: skip
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}  # fmt: skip



def parsed(text: str) -> ast.Expression:
    if not isinstance(text, str):
        raise FormulaError(f"a formula is a text; got {type(text).__name__}. For a function use @losskit.loss")
    if len(text) > _LONGEST:
        raise FormulaError(f"the formula has {len(text)} characters; at most {_LONGEST} are read")
    if odd := re.search(r"[^\w\s.,()+\-*/<>=!]", text, re.ASCII):
        raise FormulaError(f"{text!r} has {odd[0]!r} at {odd.start()}, which no formula has")
    depth = deepest = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    if deepest > _DEEPEST:
        raise FormulaError(f"the formula has {deepest} parentheses inside each other; at most {_DEEPEST} are read")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        place = f" at {error.offset}" if isinstance(error, SyntaxError) and error.offset else ""
        raise FormulaError(f"{text!r} cannot be read{place}: {getattr(error, 'msg', error)}") from None
    if (count := sum(1 for _ in ast.walk(tree))) > _MOST:
        raise FormulaError(f"the formula has {count} parts; at most {_MOST} are read")
    return tree


@dataclasses.dataclass(frozen=True)
class Reader:
    """Translates an allowed syntax tree to a graph."""

    text: str
    names: dict[str, Any]

    def read(self, node: ast.AST) -> Any:
        """The graph of `node`; what is not on the list is refused with its place."""
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise self.refused(node, f"{type(node).__name__} is not part of formulas")
        return method(node)

    def refused(self, node: ast.AST, why: str) -> FormulaError:
        return FormulaError(f"{self.text!r} at {getattr(node, 'col_offset', 0)}: {why}")

    def _constant(self, node: ast.Constant) -> Node:
        if type(node.value) not in (int, float):
            raise self.refused(node, f"{node.value!r} is no number")
        try:
            number = float(node.value)  # type: ignore[arg-type]
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.refused(node, "the number is beyond float64")
        return as_node(number)

    def _name(self, node: ast.Name) -> Any:
        if node.id not in self.names:
            raise self.refused(node, f"{node.id} is a function: write {node.id}(...)")
        return self.names[node.id]

    def _binop(self, node: ast.BinOp) -> Any:
        act = _BINARY.get(type(node.op))
        if act is None:
            raise self.refused(node, f"{type(node.op).__name__} is not an operation of formulas; + - * / ** are")
        return act(self.read(node.left), self.read(node.right))

    def _unaryop(self, node: ast.UnaryOp) -> Any:
        inner = self.read(node.operand)
        if isinstance(node.op, ast.Not):
            return ~inner
        if isinstance(node.op, (ast.USub, ast.UAdd)):
            return -inner if isinstance(node.op, ast.USub) else inner
        raise self.refused(node, "~ is not an operation of formulas; write not")

    def _compare(self, node: ast.Compare) -> Any:
        sides = itertools.pairwise([node.left, *node.comparators])
        tests = []
        for (left, right), test in zip(sides, node.ops, strict=True):
            if type(test) not in _COMPARE:
                raise self.refused(node, "numbers are compared by < <= > >= == !=")
            tests.append(_COMPARE[type(test)](self.read(left), self.read(right)))
        return functools.reduce(operator.and_, tests)

    def _boolop(self, node: ast.BoolOp) -> Any:
        tests = [self.read(value) for value in node.values]
        return functools.reduce(operator.and_ if isinstance(node.op, ast.And) else operator.or_, tests)

    def _ifexp(self, node: ast.IfExp) -> Any:
        return calculus.where(self.read(node.test), self.read(node.body), self.read(node.orelse))

    def _call(self, node: ast.Call) -> Any:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS:
            called = ast.unparse(node.func)
            raise self.refused(node, f"there is no function {called!r} in formulas; {nearest(called, FUNCTIONS)}")
        act, arity = FUNCTIONS[name]
        if node.keywords or len(node.args) != arity:
            raise self.refused(node, f"{name} takes {arity} argument{'s' if arity > 1 else ''}, by position")
        return act(*map(self.read, node.args))


@dataclasses.dataclass(frozen=True)
class FormulaOf:
    """A parameter that is a formula of one variable, as a text."""

    variable: str

    def checked(self, value: Any) -> str | None:
        """`value` if it is such a text; None if it is no text. A text that cannot be read raises FormulaError."""
        if not isinstance(value, str):
            return None
        names = {node.id for node in ast.walk(parsed(value)) if isinstance(node, ast.Name)} - FUNCTIONS.keys()
        if names != {self.variable}:
            found = ", ".join(sorted(names)) or "no variable"
            raise FormulaError(f"{value!r} has {found}; it must be a formula of {self.variable} alone")
        read_formula(value, **{self.variable: symbol(self.variable)})
        return value

    def describe(self, name: str) -> str:
        """The domain in words."""
        return f"{name} a formula of {self.variable} as a text"


def read_formula(text: str, **names: Node) -> Node:
    """The graph of a text, with `names` for its variables."""
    return as_node(Reader(text, names).read(parsed(text).body))
