"""`module:object` as text to the object, from the current directory too."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from losskit.errors import DataError, ParameterError


def load(text: str) -> Any:
    """The object that `text` names: `module:object`, `package.module:Class.method`, or the name of a loss of ours.

    Raises
    ------
    ParameterError
        If the text has not that form, or names no loss.
    DataError
        If there is no such module or object, or importing it raised.
    """
    module, colon, path = text.partition(":")
    if not colon:
        from losskit.registry import get

        try:
            return get(text)
        except ParameterError as error:
            raise ParameterError(f"{error} A loss of your own is module:object, such as mylosses:focal") from None
    if not (path and all(part.isidentifier() for part in [*module.split("."), *path.split(".")])):
        raise ParameterError(f"{text!r} is not module:object; say it as Python would import it, such as mylosses:focal")
    found = _module(module)
    for part in path.split("."):
        if not hasattr(found, part):
            offered = ", ".join(n for n in vars(found) if n[0] != "_")[:200] if hasattr(found, "__dict__") else ""
            raise DataError(f"{module} has no {path!r}" + (f"; it has {offered}" if offered else ""))
        found = getattr(found, part)
    return found


def is_own(text: str) -> bool:
    """Whether a text says module:object, not a loss of ours with its parameters such as huber:delta=2."""
    module, colon, path = text.partition(":")
    return bool(colon and module and path) and "=" not in path


def _module(name: str) -> Any:
    here = os.getcwd()
    added = here not in sys.path and "" not in sys.path
    if added:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            raise DataError(f"there is no module {name!r} in {here} or among the installed ones; run this where "
                            f"{name.partition('.')[0]}.py lies") from None  # fmt: skip
        raise DataError(f"importing {name} failed: there is no module {error.name!r}; install it") from None
    except (Exception, SystemExit) as error:
        said = " ".join(str(error).split())[:300]
        raise DataError(f"importing {name} raised {type(error).__name__}: {said}; mend the module first") from None
    finally:
        if added:
            sys.path.remove(here)
