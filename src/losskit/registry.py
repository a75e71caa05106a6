"""The registry: every loss of `losskit.losses`, found by name. Nothing is listed by hand."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from functools import cache
from typing import Any

from losskit.base import Evaluated, Pointwise
from losskit.errors import ParameterError, nearest, plain_name


@cache
def losses(tier: type[Evaluated] = Pointwise) -> dict[str, Any]:
    """The public losses of a tier (`Evaluated`: of all) by class name, in the order of the catalogue's files."""
    import losskit.losses as package

    found: dict[str, Any] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(package.__path__)):
        home = importlib.import_module(f"{package.__name__}.{module}")
        found |= {
            name: thing for name, thing in vars(home).items()
            if isinstance(thing, type) and issubclass(thing, tier) and thing.__module__ == home.__name__
        }
    return found


def get(name: str, **parameters: Any) -> Any:
    """The loss called `name` (in any case, with or without underscores): `get("huber", delta=1.35)`.

    Raises
    ------
    ParameterError
        If there is no such loss, naming the nearest; or if a parameter is not the loss's or outside its domain.
    """
    if not isinstance(name, str):
        raise ParameterError(f'there is no loss {name!r}; a loss is got by its name, a text such as "Logistic"')
    loss = {plain_name(known): loss for known, loss in losses(Evaluated).items()}.get(plain_name(name))
    if loss is None:
        raise ParameterError(f"there is no loss {name!r}; {nearest(name, losses(Evaluated))}")
    names = [field.name for field in dataclasses.fields(loss)]
    if unknown := sorted(set(parameters) - set(names)):
        known = ", ".join(names) or "none"
        raise ParameterError(f"{loss.__name__} has no parameter {unknown[0]!r}; its parameters: {known}")
    return loss(**parameters)


def find_losses(family: str | None = None, **traits: Any) -> list[Any]:
    """The losses of a family and with given traits, judged at their default parameters.

    Parameters
    ----------
    family : str, optional
        The file of the catalogue: "regression", "robust", "counts" ...
    **traits
        Values that fields of `Traits` must have, such as `convex=True, elicits="mean"`; `lipschitz=True` asks for a
        finite bound, `strong=True` for a positive one.

    Raises
    ------
    ParameterError
        If the family or a trait is not known.
    """
    families = sorted({family_of(loss) for loss in losses(Evaluated).values()})
    if family is not None and family not in families:
        raise ParameterError(f"there is no family {family!r}; families: {', '.join(families)}")
    found = []
    for loss in losses(Evaluated).values():
        known = loss().traits()
        for name in traits:
            if name not in known.__dataclass_fields__:
                fields = ", ".join(known.__dataclass_fields__)
                raise ParameterError(f"there is no trait {name!r}; traits: {fields}")
        if family in (None, family_of(loss)) and all(_has(n, getattr(known, n), v) for n, v in traits.items()):
            found.append(loss)
    return found


def family_of(loss: type[Evaluated]) -> str:
    """The name of the catalogue's file a loss is written in."""
    return loss.__module__.rpartition(".")[2]


def _has(name: str, known: Any, wanted: Any) -> bool:
    if isinstance(wanted, bool) and isinstance(known, float):
        if name == "strong":
            return (known > 0) == wanted
        return (known < float("inf")) == wanted
    return bool(known == wanted)
