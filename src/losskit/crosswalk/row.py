"""A row of the crosswalk: one spelling of a loss in another library; and how that library does it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

OBJECTIVE = ("objective", "loss_function", "loss")  # options whose value is a loss's name
_OPTION = re.compile(r"""(\w+)=("[^"]*"|(?:[^,()"]|\([^()]*\))+)""")
_HOLE = re.compile(r"\{(\w+)\}")
_LOG_DENSITIES = ("logpdf", "logpmf")  # methods of a distribution, which has the name


class Row:
    """One spelling of a loss in another library.

    Parameters
    ----------
    ours : the name of our loss
    code : what is typed there; {name} stands for a parameter of ours
    factor : theirs = factor * ours + offset; a number, or a function of our loss
    offset : what theirs adds, as an expression in y
    call : how it is called on y and f, where it is not as the library's other losses
    reduction : likewise what it does with the rows
    only : what our parameters must be for the row to hold: a number, None, or a domain
    also : other names that the library gives it
    must : options without which their configuration says too little, and why
    note : what else differs, at the extremes above all
    per_class : whether theirs is divided by the number of classes on top
    **options : their options, with their defaults; `...` for one that may have any value, "{name}" for one that
        `code` has by its place
    """

    def __init__(
        self, ours: str, code: str, factor: float | Callable[[Any], float] = 1.0, *, offset: str = "",
        call: str | None = None, reduction: str | None = None, only: Mapping[str, Any] | None = None,
        also: tuple[str, ...] = (), must: Mapping[str, str] | None = None, note: str = "", per_class: bool = False,
        **options: Any,
    ) -> None:
        self.ours, self.code, self.factor, self.offset, self.call = ours, code, factor, offset, call
        self.reduction, self.only, self.also, self.must, self.note = reduction, only or {}, also, must or {}, note
        self.per_class, self.options = per_class, options

    @property
    def callee(self) -> str:
        """The dotted name of what is called."""
        return self.code.partition("(")[0]

    @property
    def holes(self) -> dict[str, str]:
        """Their options that carry a parameter: the option's name, and the parameter's."""
        return {name: hole[1] for name, text in self._written() if (hole := _HOLE.search(text))}

    @property
    def complements(self) -> set[str]:
        """Those of the options in `holes` that are 1 less the parameter."""
        return {name for name, text in self._written() if text.startswith(("1 - {", "1 - array({"))}

    @property
    def fixed(self) -> dict[str, Any]:
        """Their options that must have one value."""
        literal = {"None": None, "True": True, "False": False}
        said = {name: text for name, text in self._written() if not _HOLE.search(text)}
        typed = {name: literal.get(text, text.strip('"')) for name, text in said.items()}
        return {**{n: v for n, v in self.options.items() if n not in self.holes}, **typed}

    @property
    def names(self) -> tuple[str, ...]:
        """What it is called there: the name of the objective if there is one, else of the function or distribution."""
        text = dict(self.written)
        said = [text[key].strip('"') for key in OBJECTIVE if key in text]
        said = [each.partition(":")[0] if "loss_function" in text else each for each in said]
        *home, function = self.callee.split(".")
        own = home[-1] if function in _LOG_DENSITIES else function
        return (said[0] if said else own, *self.also)

    @property
    def written(self) -> list[tuple[str, str]]:
        """The options typed in `code`, as they stand there."""
        return _OPTION.findall(self.code)

    def _written(self) -> Iterator[tuple[str, str]]:
        yield from ((name, text) for name, text in self.options.items() if isinstance(text, str) and "{" in text)
        for name, text in self.written:
            if name not in OBJECTIVE:
                yield name, text
            for part in text.strip('"').partition(":")[2].split(";") if name == "loss_function" else ():
                if "=" in part:
                    yield part.partition("=")[0], part.partition("=")[2]


@dataclass(frozen=True)
class Library:
    """How a library does it, and its rows.

    Attributes
    ----------
    title : its name in full
    call : how its losses are called on targets y and predictions f; empty where they are an option of training
    reduction : what it does with the rows by default
    rows : the spellings
    ignored : options that do not change the loss of a row
    training : whether a configuration may hold options that have nothing to do with the loss
    """

    title: str
    call: str
    reduction: str
    rows: tuple[Row, ...] = field(repr=False)
    ignored: tuple[str, ...] = ()
    training: bool = False
