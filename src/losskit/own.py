"""Losses of one's own: `@loss` on a function, `from_formula` on a text. What is built in goes the same road."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

from losskit import domains, links
from losskit.base import Margin, Pointwise, Residual
from losskit.calculus.graph import BOOLEAN, nodes_of, symbol
from losskit.domains import REAL, Domain
from losskit.errors import FormulaError, nearest
from losskit.links import IDENTITY, Link
from losskit.reading import FUNCTIONS, Reader, parsed

_FAMILIES: dict[tuple[str, ...], type[Pointwise]] = {("r",): Residual, ("m",): Margin, ("y", "f"): Pointwise}


def loss(
    function: Callable[..., Any] | None = None, *, domain: Domain = REAL, link: Link = IDENTITY
) -> Any:
    """Make a loss class of a function that is its formula.

    Parameters
    ----------
    function : callable
        Of `(y, f)`, of the residual `(r)` or of the margin `(m)`, then parameters with defaults. It is called once,
        with symbols; write `where(condition, a, b)` where it depends on the data. A parameter's annotation may be a
        domain (`a: Positive = 2.0`); without one it is any finite number.
    domain : Domain, optional
        Of y. Margins take -1 and +1.
    link : Link, optional
        What the score f means.

    Returns
    -------
    type
        A class as the built-in losses are: `asymmetric(a=3.0)` is a loss.

    Raises
    ------
    FormulaError
        If the function's arguments are not as above, or the formula cannot be traced or differentiated.

    Examples
    --------
    >>> import losskit as lk
    >>> from losskit.calculus import where
    >>> @lk.loss
    ... def asymmetric(y, f, a=2.0):
    ...     return where(f > y, a, 1) * abs(f - y)
    >>> asymmetric(a=3.0)([0.0, 0.0], [1.0, -1.0])
    2.0
    """
    if function is None:
        return lambda written: loss(written, domain=domain, link=link)
    arguments = list(inspect.signature(function).parameters.values())
    required = tuple(a.name for a in arguments if a.default is a.empty)
    if required not in _FAMILIES or any(a.kind not in (a.POSITIONAL_OR_KEYWORD, a.KEYWORD_ONLY) for a in arguments):
        raise FormulaError(
            f"{function.__name__} takes ({', '.join(map(str, arguments))}); a loss is a function of (y, f), of the "
            "residual (r) or of the margin (m), and parameters with defaults after these"
        )
    hints = get_type_hints(function, include_extras=True)
    defaults = {a.name: a.default for a in arguments[len(required) :]}
    annotations = {name: _annotation(hints.get(name)) for name in defaults}

    def formula(self: Any, *variables: Any) -> Any:
        return function(*variables, **self.parameters)

    return _class(function.__name__, required, defaults, annotations, formula, domain, link, {
        "__doc__": function.__doc__, "__module__": function.__module__, "__qualname__": function.__qualname__,
    })  # fmt: skip


def _annotation(hint: Any) -> Any:
    return hint if any(isinstance(m, Domain) for m in getattr(hint, "__metadata__", ())) else Annotated[float, REAL]


def _class(
    name: str, variables: tuple[str, ...], defaults: dict[str, Any], annotations: dict[str, Any],
    formula: Callable[..., Any], domain: Domain, link: Link, more: dict[str, Any],
) -> type[Pointwise]:  # fmt: skip
    family = _FAMILIES[variables]
    own = {"domain": family.domain if family is Margin else domain, "link": link, "formula": formula}
    made: type[Pointwise] = type(name, (family,), {**defaults, "__annotations__": annotations, **own, **more})
    trace = made().trace()  # what cannot be traced or differentiated is said here, not at the first call
    if trace.value.op in BOOLEAN:
        raise FormulaError(f"the formula of {name} is a condition; write where(condition, a, b)")
    if not any(node is symbol("f") for node in nodes_of([trace.value])):
        raise FormulaError(f"the formula of {name} does not depend on the prediction")
    return made


def from_formula(text: str, *, domain: Domain = REAL, link: Link = IDENTITY, **parameters: float) -> Pointwise:
    """The loss that a text describes, such as ``"where(f < y, 5, 1) * abs(f - y)"``.

    Parameters
    ----------
    text : str
        Of y and f, of the residual r = f - y alone, or of the margin m = y f alone; numbers, named parameters,
        ``+ - * / **``, comparisons, ``and or not``, ``a if condition else b`` and the functions where, abs, max, min,
        exp, log, sqrt, tanh and the steady ones of `losskit.calculus`. It is parsed, never executed.
    domain, link : optional
        As for `loss`.
    **parameters : float
        The values of the other names in the text.

    Returns
    -------
    Pointwise

    Raises
    ------
    FormulaError
        If the text is too long, is not such a formula, or has no derivative; it says where.

    Examples
    --------
    >>> import losskit as lk
    >>> stock = lk.from_formula("where(f < y, under, 1) * abs(f - y)", under=5.0)
    >>> stock([10.0, 10.0], [8.0, 12.0], reduction="none")
    array([10.,  2.])
    """
    return _formula_class(text, tuple(parameters), domain, link)(**parameters)


class _Written:
    """What losses made from a text share: they print, compare and travel as the call that makes them."""

    text: str
    asked: dict[str, Any]

    def __repr__(self) -> str:
        named = {id(thing): name for room in (domains, links) for name, thing in vars(room).items()}
        given = {k: named.get(id(v), repr(v)) for k, v in self.asked.items()}
        given |= {k: repr(v) for k, v in self.parameters.items()}  # type: ignore[attr-defined]
        return f"from_formula({', '.join([repr(self.text), *(f'{k}={v}' for k, v in given.items())])})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.text, self.asked, self.parameters)  # type: ignore[attr-defined]


def _again(text: str, asked: dict[str, Any], parameters: dict[str, float]) -> Pointwise:
    return from_formula(text, **asked, **parameters)  # type: ignore[arg-type]


@functools.lru_cache(maxsize=256)
def _formula_class(text: str, parameters: tuple[str, ...], domain: Domain, link: Link) -> type[Pointwise]:
    tree = parsed(text)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - FUNCTIONS.keys()
    variables = next((v for v in (("r",), ("m",)) if set(v) & names), ("y", "f"))
    if other := {"y", "f", "r", "m"} & names - set(variables):
        raise FormulaError(
            f"{text!r} has {variables[0]} and {min(other)}; a formula is of y and f, of the residual r = f - y alone, "
            "or of the margin m = y f alone"
        )
    if missing := sorted(names - set(variables) - set(parameters)):
        raise FormulaError(
            f"{text!r} has the name {missing[0]!r}, which is neither a variable (y, f, r, m) nor a given parameter; "
            f"write from_formula(text, {missing[0]}=1.0), or for a function {nearest(missing[0], FUNCTIONS)}"
        )
    if unused := sorted(set(parameters) - names):
        raise FormulaError(f"{text!r} does not use the parameter {unused[0]!r}")

    def formula(self: Any, *own: Any) -> Any:
        return Reader(text, dict(zip(variables, own, strict=True)) | self.parameters).read(tree.body)

    asked = {k: v for k, v, usual in (("domain", domain, REAL), ("link", link, IDENTITY)) if v != usual}
    annotations = dict.fromkeys(parameters, Annotated[float, REAL])
    more = {"text": text, "asked": asked, "__repr__": _Written.__repr__, "__reduce__": _Written.__reduce__,
            "__doc__": f"The loss {text}", "__module__": __name__}  # fmt: skip
    return _class("Formula", variables, dict.fromkeys(parameters, 1.0), annotations, formula, domain, link, more)
