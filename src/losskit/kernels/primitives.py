"""Where the stable scalar bodies behind a formula's primitives are: each in the module that defines it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from losskit.errors import FormulaError


@cache
def _homes() -> dict[str, list[str]]:
    """The modules that define a function, by its name: read, not imported, which would take Numba and half a second."""
    found: dict[str, list[str]] = {}
    for file in sorted(Path(__file__).parent.glob("*.py")):
        for name in re.findall(r"^def (\w+)\(", file.read_text(encoding="utf-8"), re.MULTILINE):
            found.setdefault(name, []).append(f"losskit.kernels.{file.stem}")
    return found


def homes_of(name: str) -> list[str]:
    """The modules that define a body: one, or none."""
    return _homes().get(name, [])


def home_of(name: str) -> str:
    """The module of a body.

    Raises
    ------
    FormulaError
        If there is none.
    """
    if not (homes := homes_of(name)):
        raise FormulaError(f"no compiled body for {name} in losskit.kernels")
    return homes[0]


def imports(names: Iterable[str]) -> list[str]:
    """The lines of a kernel's text that import these bodies."""
    homes: dict[str, list[str]] = {}
    for name in sorted(names):
        homes.setdefault(home_of(name), []).append(name)
    return [f"from {home} import {', '.join(found)}" for home, found in sorted(homes.items())]
