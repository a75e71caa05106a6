"""Our docstrings as MyST: plain text in numpydoc's sections. No role or markup is read into them but `code`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

_LISTS = ("Parameters", "Attributes", "Returns", "Raises", "Yields")


def api_entry(name: str, thing: Any) -> str:
    """A function or class of the door, with its own public methods, as Sphinx's directives."""
    if not inspect.isclass(thing):
        return _directive("function", f"losskit.{name}{_signature(thing)}", _body(thing), 4)
    kind = "exception" if issubclass(thing, BaseException) else "class"
    inner = [_member(each, act) for each, act in _members(thing).items()]
    signature = "" if kind == "exception" or inspect.isabstract(thing) else _signature(thing)
    return _directive(kind, f"losskit.{name}{signature}", "\n\n".join([_body(thing), *inner]), 5)


def _members(thing: type) -> dict[str, Any]:
    """What a class and its private bases define: public functions and properties, and being called."""
    found: dict[str, Any] = {}
    for base in thing.__mro__:
        if base is thing or (base.__name__.startswith("_") and base.__module__.startswith("losskit")):
            for name, act in vars(base).items():
                named = name == "__call__" or name[0] != "_"
                if named and (inspect.isfunction(act) or isinstance(act, (property, classmethod, staticmethod))):
                    found.setdefault(name, act)
    return {name: act for name, act in found.items() if inspect.getdoc(act)}


def _member(name: str, act: Any) -> str:
    if isinstance(act, property):
        return _directive("property", name, _body(act), 4)
    kind = {classmethod: "classmethod", staticmethod: "staticmethod"}.get(type(act), "method")
    plain = act.__func__ if kind != "method" else act
    return _directive(kind, name + _signature(plain, bound=kind != "staticmethod"), _body(plain), 4)


def _directive(kind: str, signature: str, body: str, depth: int) -> str:
    fence = "`" * depth
    return f"{fence}{{py:{kind}}} {signature}\n{body}\n{fence}\n"


def _signature(act: Any, bound: bool = False) -> str:
    """The parameters without their annotations, which would have to be links."""
    try:
        listed = list(inspect.signature(act).parameters.values())
    except (TypeError, ValueError):
        return "()"
    listed = listed[1:] if bound else listed
    return str(inspect.Signature([each.replace(annotation=inspect.Parameter.empty) for each in listed]))


def _body(thing: Any) -> str:
    return "\n".join(_rendered(inspect.cleandoc(thing.__doc__ or "").splitlines()))


def _rendered(lines: list[str]) -> Iterator[str]:
    for title, block in _sections(lines):
        if title in _LISTS:
            yield f"\n**{title}**\n"
            for line, after in zip(block, [*block[1:], ""], strict=True):
                broken = "\\" if after[:1].isspace() else ""
                yield _item(line) + broken if line and not line[0].isspace() else f"  {plain(line.strip())}"
        elif title:
            yield f"\n**{title}**\n\n```python\n" + "\n".join(block).strip() + "\n```" if ">>>" in "".join(block) else (
                f"\n**{title}**\n\n" + plain("\n".join(block).strip()))
        else:
            yield plain("\n".join(block).strip())


def _sections(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """(title, lines) of each section; the text before the first has no title."""
    title, block = "", []  # type: tuple[str, list[str]]
    for i, line in enumerate(lines):
        if re.fullmatch(r"-{3,}", line):
            continue
        if i + 1 < len(lines) and re.fullmatch(r"-{3,}", lines[i + 1]):
            yield title, block
            title, block = line.strip(), []
        else:
            block.append(line)
    yield title, block


def _item(line: str) -> str:
    name, colon, rest = line.partition(" : ")
    return f"* **{plain(name)}**{f': {plain(rest)}' if colon else ''}"


def plain(text: str) -> str:
    """`text` with what Markdown would read into it kept as it is, but for `code`."""
    parts = re.split(r"(`[^`\n]+`)", text)
    return "".join(part if part[:1] == "`" else re.sub(r"([\\*_\[\]<>$|#~{}`])", r"\\\1", part) for part in parts)
