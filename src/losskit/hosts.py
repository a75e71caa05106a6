"""Loading an adapter by name, when a framework is asked for: the one road from losses to other libraries."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from losskit.errors import MissingExtra

# the extra that brings each adapter's library, and the library's own name
_LIBRARIES = {
    "torch": "torch", "jax": "jax", "keras": "keras",
    "lightgbm": "lightgbm", "xgboost": "xgboost", "catboost": "catboost", "sklearn": "sklearn",
}  # fmt: skip


def adapter(name: str) -> ModuleType:
    """The module `losskit.adapters.<name>`.

    Raises
    ------
    MissingExtra
        If the library it needs is not installed.
    """
    try:
        return import_module(f"losskit.adapters.{name}")
    except ModuleNotFoundError as error:
        library = _LIBRARIES[name]
        if error.name is None or error.name.partition(".")[0] != library:
            raise
        raise MissingExtra(f"{library} is not installed; pip install 'losskit[{name}]' brings it") from error
