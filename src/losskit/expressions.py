"""Losses from their printed form: `read_loss(repr(loss)) == loss`, by an allow-list and never by executing it."""

from __future__ import annotations

import ast
import math
from typing import Any

from losskit import combine, domains, links, registry
from losskit.base import Evaluated, Pointwise
from losskit.domains import Domain
from losskit.errors import ParameterError
from losskit.links import Link
from losskit.own import from_formula
from losskit.rowwise import Rowwise

_LONGEST = 5000
_NAMED = {
    name: thing for room in (domains, links) for name, thing in vars(room).items() if isinstance(thing, (Domain, Link))
}


def combinators() -> dict[str, type[Pointwise]]:
    """The losses made of losses, by class name."""
    ours = (cls for cls in combine.Combined.__subclasses__() if cls.__module__.startswith(combine.__name__))
    return {cls.__name__: cls for cls in ours}


def is_known(loss: Any) -> bool:
    """Whether `read_loss` can make this loss from what it prints: it is ours, a combination, or from a formula."""
    makers = {**registry.losses(Evaluated), **combinators()}
    parts = [value for value in loss.parameters.values() if isinstance(value, Pointwise)]
    return (makers.get(type(loss).__name__) is type(loss) or hasattr(loss, "text")) and all(map(is_known, parts))


def read_loss(text: str) -> Any:
    """The loss that `text` prints, such as ``"2.0 * Huber(delta=1.0) + Quantile(level=0.9)"``.

    Raises
    ------
    ParameterError
        If the text is not such an expression, names no loss, or has parameters that the loss refuses.
    FormulaError
        If it holds a formula that cannot be read.
    """
    if len(text) > _LONGEST:
        raise ParameterError(f"the loss has {len(text)} characters; at most {_LONGEST} are read")
    try:
        tree = ast.parse(text.strip(), mode="eval")
        found = _read(tree.body, text)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"{text!r:.80} cannot be read as a loss: {getattr(error, 'msg', error)}") from None
    if not isinstance(found, Evaluated):
        raise ParameterError(f"{text!r} is no loss; write one as it prints, such as Huber(delta=1.5)")
    return found


def _read(node: ast.AST, text: str) -> Any:
    match node:
        case ast.Constant(value=None | str() | float()):
            return node.value
        case ast.Constant(value=int() as whole) if not isinstance(whole, bool):
            return whole
        case ast.Tuple():
            return tuple(_number(each, text) for each in node.elts)
        case ast.Name(id="inf"):
            return math.inf
        case ast.Name() if node.id in _NAMED:
            return _NAMED[node.id]
        case ast.UnaryOp(op=ast.USub()):
            value = _read(node.operand, text)
            return -value if isinstance(value, int) else -_number(node.operand, text)
        case ast.BinOp(op=ast.Add()):
            return _loss(node.left, text) + _loss(node.right, text)
        case ast.BinOp(op=ast.Mult()):
            return _number(node.left, text) * _loss(node.right, text)
        case ast.BinOp(op=ast.Div()):
            return _loss(node.left, text) / _number(node.right, text)
        case ast.Call(func=ast.Name(id="from_formula")):
            positional, named = _arguments(node, text)
            return from_formula(*positional, **named)
        case ast.Call(func=ast.Name()):
            return _made(node, text)
    raise ParameterError(
        f"{text!r} has {ast.unparse(node)!r}, which no loss is made of; a formula of y and f is written "
        "from_formula('abs(f - y)')"
    )


def _made(node: ast.Call, text: str) -> Any:
    positional, named = _arguments(node, text)
    name = node.func.id  # type: ignore[attr-defined]
    made = combinators().get(name) or type(registry.get(name))
    try:
        return made(*positional, **named)
    except TypeError as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"{text!r}: {error}") from None


def _arguments(node: ast.Call, text: str) -> tuple[list[Any], dict[str, Any]]:
    if any(keyword.arg is None for keyword in node.keywords):
        raise ParameterError(f"{text!r} has **, which no loss is made of")
    return [_read(a, text) for a in node.args], {str(k.arg): _read(k.value, text) for k in node.keywords}


def _number(node: ast.AST, text: str) -> float:
    value = _read(node, text)
    if not isinstance(value, (float, int)):
        raise ParameterError(f"{text!r} has {ast.unparse(node)!r} where a number is wanted")
    return float(value)


def _loss(node: ast.AST, text: str) -> Pointwise:
    value = _read(node, text)
    if not isinstance(value, Pointwise):
        raise ParameterError(f"{text!r} has {ast.unparse(node)!r} where a loss is wanted")
    return value


def parse_loss(text: str) -> Pointwise | Rowwise:
    """The loss that "huber:delta=1.35", "poisson", "formula: abs(f - y)" or "2 * Huber() + Quantile(0.9)" names.

    After a name, several parameters are separated by commas.
    """
    name, _, given = text.partition(":")
    if name.strip().lower() == "formula":
        return from_formula(given.strip())
    if "(" in text:
        return read_loss(text)
    parameters: dict[str, Any] = {}
    for part in filter(None, given.split(",")):
        key, equals, value = part.partition("=")
        if not (key and equals and value):
            raise ParameterError(f"--loss takes NAME:param=value, such as huber:delta=1.35; got {text!r}")
        try:
            parameters[key.strip()] = None if value.lower() == "none" else float(value)
        except ValueError:
            parameters[key.strip()] = value
    return registry.get(name, **parameters)
