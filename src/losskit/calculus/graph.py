"""The expression graph: immutable nodes, shared when equal, built by tracing ordinary Python arithmetic.

A node is an operation on nodes; leaves are constants and symbols. Equal expressions are the same object, so a
graph needs no common-subexpression pass. Comparisons are boolean nodes, for `where` only.
"""

from __future__ import annotations

import math
import operator
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from numbers import Real
from typing import Any

from losskit.errors import FormulaError

_NO_FORMULA = "has no formula here; losskit.calculus has the functions that formulas may call"
_BRANCH = "a formula cannot branch on data: write where(condition, a, b)"


class Node:
    """One operation in a formula: `op` names a row of the primitive table, or is "constant" or "symbol"."""

    __slots__ = ("__weakref__", "args", "op", "value")

    op: str
    args: tuple[Node, ...]
    value: float | str | None

    def __init__(self, op: str, args: tuple[Node, ...], value: float | str | None):
        object.__setattr__(self, "op", op)
        object.__setattr__(self, "args", args)
        object.__setattr__(self, "value", value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a node is immutable")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """NumPy's functions on symbols: `np.exp(r)` is exp of r, and `np.float64(2) * r` is 2 r."""
        act = _NUMPY.get(ufunc.__name__)
        if act is None or method != "__call__" or options:
            raise FormulaError(f"np.{ufunc.__name__} {_NO_FORMULA}")
        return act(*inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function.__name__ != "where" or len(args) != 3 or kwargs:
            raise FormulaError(f"np.{function.__name__} {_NO_FORMULA}")
        return where(*args)

    def __bool__(self) -> bool:
        raise FormulaError(_BRANCH)

    def __iter__(self) -> Iterator[Node]:
        raise FormulaError("a formula sees one row at a time: its symbols are numbers, not arrays to iterate over")

    def __float__(self) -> float:
        if self.op == "constant":
            return float(self.value)  # type: ignore[arg-type]
        raise FormulaError(f"{self!r} has no value yet: a formula is traced once, with symbols for y, f and parameters")

    def __repr__(self) -> str:
        if self.op in ("constant", "symbol"):
            return str(self.value)
        return f"{self.op}({', '.join(map(repr, self.args))})"

    __hash__ = object.__hash__

    def __add__(self, other: Any) -> Node:
        return _build("add", self, other)

    def __radd__(self, other: Any) -> Node:
        return _build("add", other, self)

    def __sub__(self, other: Any) -> Node:
        return _build("sub", self, other)

    def __rsub__(self, other: Any) -> Node:
        return _build("sub", other, self)

    def __mul__(self, other: Any) -> Node:
        return _build("mul", self, other)

    def __rmul__(self, other: Any) -> Node:
        return _build("mul", other, self)

    def __truediv__(self, other: Any) -> Node:
        return _build("div", self, other)

    def __rtruediv__(self, other: Any) -> Node:
        return _build("div", other, self)

    def __pow__(self, other: Any) -> Node:
        return _build("power", self, other)

    def __rpow__(self, other: Any) -> Node:
        return _build("power", other, self)

    def __neg__(self) -> Node:
        return _build("neg", self)

    def __pos__(self) -> Node:
        return self

    def __abs__(self) -> Node:
        return _build("abs", self)

    def __lt__(self, other: Any) -> Node:
        return _build("lt", self, other)

    def __le__(self, other: Any) -> Node:
        return _build("le", self, other)

    def __gt__(self, other: Any) -> Node:
        return _build("lt", other, self)

    def __ge__(self, other: Any) -> Node:
        return _build("le", other, self)

    def __eq__(self, other: Any) -> Any:
        return _build("eq", self, other)

    def __ne__(self, other: Any) -> Any:
        return _build("not", _build("eq", self, other))

    def __and__(self, other: Any) -> Node:
        return _build("and", self, other)

    def __or__(self, other: Any) -> Node:
        return _build("or", self, other)

    def __invert__(self) -> Node:
        return _build("not", self)


_shared: weakref.WeakValueDictionary[tuple[Any, ...], Node] = weakref.WeakValueDictionary()
_lock = threading.Lock()
BOOLEAN = frozenset({"lt", "le", "eq", "and", "or", "not"})


def _intern(op: str, args: tuple[Node, ...], value: float | str | None) -> Node:
    # repr tells 0.0 from -0.0, which compare equal
    key = (op, repr(value), *(id(a) for a in args))
    with _lock:
        node = _shared.get(key)
        if node is None:
            node = _shared[key] = Node(op, args, value)
        return node


def constant(value: float) -> Node:
    """A number in a formula."""
    return _intern("constant", (), float(value))


def symbol(name: str) -> Node:
    """A variable or parameter in a formula."""
    return _intern("symbol", (), name)


def as_node(value: Any) -> Node:
    """A node from a node or a real number; anything else cannot stand in a formula."""
    if isinstance(value, Node):
        return value
    if isinstance(value, Real):
        return constant(float(value))
    raise FormulaError(
        f"{value!r} of type {type(value).__name__} cannot stand in a formula; use numbers, symbols and primitives"
    )


def is_constant(node: Node, value: float | None = None) -> bool:
    return node.op == "constant" and (value is None or node.value == value)


def _build(op: str, *args: Any) -> Node:
    """A node for `op`, with structural zeros and ones removed: derivatives are full of them."""
    nodes = tuple(map(as_node, args))
    if op not in BOOLEAN and op != "where" and any(a.op in BOOLEAN for a in nodes):
        raise FormulaError(f"{op} got a condition; conditions belong in where(condition, a, b)")
    simpler = _SIMPLER.get(op)
    if simpler is not None and (found := simpler(*nodes)) is not None:
        return found
    return _intern(op, nodes, None)


def _fold(act: Callable[[Fraction, Fraction], Fraction], a: Node, b: Node) -> Node | None:
    """The constant `act(a, b)`, if it is a double exactly: a rounded constant would blind the oracle."""
    if a.op != "constant" or b.op != "constant":
        return None
    x, y = float(a.value), float(b.value)  # type: ignore[arg-type]
    if not (math.isfinite(x) and math.isfinite(y)) or (act is operator.truediv and y == 0.0):
        return None
    exact = act(Fraction(x), Fraction(y))
    try:
        rounded = float(exact)
    except OverflowError:
        return None
    return constant(rounded) if Fraction(rounded) == exact and exact != 0 else None


def _add(a: Node, b: Node) -> Node | None:
    if is_constant(a, 0.0):
        return b
    if is_constant(b, 0.0):
        return a
    if b.op == "neg":
        return a - b.args[0]
    if a.op == "neg":
        return b - a.args[0]
    return constant(0.0) if is_constant(b) and a is -b else _fold(operator.add, a, b)


def _sub(a: Node, b: Node) -> Node | None:
    if is_constant(b, 0.0):
        return a
    if is_constant(a, 0.0):
        return -b
    if b.op == "neg":
        return a + b.args[0]
    return constant(0.0) if is_constant(a) and a is b else _fold(operator.sub, a, b)


def _mul(a: Node, b: Node) -> Node | None:
    for x, other in ((a, b), (b, a)):
        if is_constant(x, 0.0):
            return x
        if is_constant(x, 1.0):
            return other
        if is_constant(x, -1.0):
            return -other
        if x.op == "neg":
            return -(x.args[0] * other)
    if is_constant(b):
        a, b = b, a
    if is_constant(a) and b.op == "mul" and (together := _fold(operator.mul, a, b.args[0])) is not None:
        return together * b.args[1]
    return _fold(operator.mul, a, b)


def _div(a: Node, b: Node) -> Node | None:
    if is_constant(b, 1.0) or is_constant(a, 0.0):
        return a
    if a.op == "neg":
        return -(a.args[0] / b)
    return _fold(operator.truediv, a, b)


def _power(a: Node, b: Node) -> Node | None:
    if is_constant(b, 0.0):
        return constant(1.0)
    return a if is_constant(b, 1.0) else None


def _neg(a: Node) -> Node | None:
    if a.op == "neg":
        return a.args[0]
    if a.op == "sub":
        return a.args[1] - a.args[0]
    return constant(-float(a.value)) if a.op == "constant" else None  # type: ignore[arg-type]


def _where(condition: Node, a: Node, b: Node) -> Node | None:
    if condition.op not in BOOLEAN:
        raise FormulaError(f"where needs a condition such as a <= b; got {condition!r}")
    return a if a is b else None


def _extreme(act: Callable[..., float]) -> Callable[[Node, Node], Node | None]:
    def simpler(a: Node, b: Node) -> Node | None:
        if a is b:
            return a
        both = a.op == "constant" and b.op == "constant"
        return constant(act(float(a), float(b))) if both else None

    return simpler


_SIMPLER: dict[str, Callable[..., Node | None]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "power": _power,
    "neg": _neg,
    "where": _where,
    "maximum": _extreme(max),
    "minimum": _extreme(min),
}


def build(op: str, *args: Any) -> Any:
    """Apply the primitive `op`; on numbers alone the answer is a number's node."""
    return _build(op, *args)


def where(condition: Any, a: Any, b: Any) -> Node:
    """`a` where the condition holds, else `b`; a nan in the condition takes `b`."""
    return _build("where", condition, a, b)


_NUMPY: dict[str, Callable[..., Node]] = {
    **{
        name: lambda *args, op=op: _build(op, *args)
        for name, op in {
            "add": "add", "subtract": "sub", "multiply": "mul", "divide": "div", "power": "power", "negative": "neg",
            "float_power": "power", "absolute": "abs", "fabs": "abs", "maximum": "maximum", "minimum": "minimum",
            "exp": "exp", "expm1": "expm1", "log": "log", "log1p": "log1p", "sqrt": "sqrt", "tanh": "tanh",
            "less": "lt", "less_equal": "le", "equal": "eq", "logical_and": "and", "logical_or": "or",
            "logical_not": "not",
        }.items()
    },
    "square": lambda x: x * x,
    "positive": lambda x: x,
    "greater": lambda a, b: _build("lt", b, a),
    "greater_equal": lambda a, b: _build("le", b, a),
    "not_equal": lambda a, b: _build("not", _build("eq", a, b)),
}  # fmt: skip


def nodes_of(roots: Iterable[Node]) -> list[Node]:
    """Every node under `roots` once, arguments before their users."""
    order: list[Node] = []
    seen: set[int] = set()
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((a, False) for a in reversed(node.args))
    return order


def substitute(root: Node, replacements: dict[Node, Node]) -> Node:
    """`root` with each node of `replacements` replaced."""
    done = {id(old): new for old, new in replacements.items()}
    for node in nodes_of([root]):
        if id(node) not in done:
            args = tuple(done[id(a)] for a in node.args)
            same = all(a is b for a, b in zip(args, node.args, strict=True))
            done[id(node)] = node if same else _build(node.op, *args)
    return done[id(root)]
