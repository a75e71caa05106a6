"""What is known of each loss from outside: one module a family of the catalogue.

Each module has, keyed by class name, TEXTBOOK (the loss as textbooks write it, in mpmath: no text shared with the
package) and ANCHORS (three independent numbers: a published value, an identity, another library's with its factor);
keyed by a sentence, IDENTITIES (identities and limits between losses); and where defaults and draws do not tell,
TELLING (class name to a list of parameter settings the laws try instead of draws) and INSTANCES (the same for the
mutants, where the default does not show every branch).
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any


@cache
def collected(table: str) -> dict[str, Any]:
    """The table of this name from all families."""
    found: dict[str, Any] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
        found |= getattr(importlib.import_module(f"{__name__}.{module}"), table, {})
    return found
