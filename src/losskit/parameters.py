"""Parameters by annotation: `delta: Positive = 1.0` says the domain, and values are checked against it."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from losskit.errors import ParameterError


@cache
def parameter_domains(cls: Any) -> dict[str, tuple[Any, tuple[Any, ...]]]:
    """Each parameter's domain (what has `checked` and `describe`), and the other values its annotation allows."""
    hints = get_type_hints(cls, include_extras=True)
    found = {}
    for field in dataclasses.fields(cls):
        hint = hints[field.name]
        if hasattr(hint, "traits"):
            continue  # a loss inside a loss: its own parameters are checked where it is made
        domains = [m for m in getattr(hint, "__metadata__", ()) if hasattr(m, "checked")]
        if get_origin(hint) is not Annotated or not domains:
            raise ParameterError(
                f"{cls.__name__}.{field.name} needs a domain as its annotation, such as Positive; it is {hint!r}"
            )
        others: list[Any] = []
        for choice in get_args(get_args(hint)[0]):
            others += [None] if choice is type(None) else [a for a in get_args(choice) if isinstance(a, str)]
        found[field.name] = (domains[0], tuple(others))
    return found


def checked(owner: Any, name: str, value: Any, rule: tuple[Any, tuple[Any, ...]]) -> Any:
    """`value` as the parameter `name` of `owner`: of its domain, or one of the other values it may take.

    Raises
    ------
    ParameterError
        If it is neither.
    """
    domain, others = rule
    if (value is None or isinstance(value, str)) and value in others:
        return value
    if (found := domain.checked(value)) is not None:
        return found
    also = "".join(f' or {"None" if o is None else repr(o)}' for o in others)
    raise ParameterError(f"{type(owner).__name__} needs {domain.describe(name)}{also}; got {name}={value!r}")
