"""The arguments of `select` as data, and the call that repeats a selection."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from losskit.base import Evaluated

if TYPE_CHECKING:
    from losskit.selection.outcome import Selection

_DATA = ("X", "y", "progress", "state")  # what is no choice
_FILES = (".csv", ".tsv", ".parquet", ".pq", ".feather", ".arrow")
_ONLY_PYTHON = ("sample_weight", "folds", "rounds")


def options_of(function: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """The arguments that were not left at their defaults, in plain JSON types; of arrays what they are alone."""
    defaults = {name: each.default for name, each in inspect.signature(function).parameters.items()}
    told = {name: _plain(value) for name, value in given.items() if name in defaults and name not in _DATA}
    return {name: value for name, value in told.items() if value not in (_plain(defaults[name]), [])}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value] if len(value) <= 100 else f"a {type(value).__name__}"
    if inspect.isfunction(value) or inspect.isclass(value):
        return f"{value.__module__}:{value.__qualname__}"
    from losskit.question import Question

    return repr(value) if isinstance(value, Evaluated) else str(value) if isinstance(value, Question) else (
        f"a {type(value).__name__}"
    )  # fmt: skip


def repeated(found: Selection) -> str:
    """The command that gives a selection again, or the call of `select` where the data were no file."""
    asked = {**found.asked, "seed": found.seed}
    plain = all(isinstance(v, str | int | float | list) and not str(v).startswith("a ") for v in asked.values())
    if PurePath(found.source).suffix.lower() in _FILES and plain and not set(_ONLY_PYTHON) & asked.keys():
        words = ["losskit", "select", found.source, "--target", found.target.name]
        for name, value in asked.items():
            for each in value if isinstance(value, list) else [value]:
                words += [f"--{name.replace('_', '-')}", str(each)]
        return shlex.join([*words, "--out", "report"])
    options = "".join(f", {name}={value!r}" for name, value in asked.items())
    return f"losskit.select(table, {found.target.name!r}{options})"
