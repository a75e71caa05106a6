"""The errors losskit raises. Every message says what came, where, what is wanted and what to do.

LosskitError
 +-- ParameterError (ValueError)    a loss, penalty or option was given a value outside its domain
 +-- DomainError (ValueError)       a target, prediction or weight lies where the loss is not defined
 +-- ShapeError (ValueError)        shapes that do not belong together
 +-- CapabilityError (TypeError)    a thing was asked for what it cannot do
 +-- FormulaError (TypeError)       a formula that cannot be traced, derived or emitted
 +-- DataError (ValueError)         a file or table that cannot be used as it is
 +-- ModelFileError (ValueError)    a model file that is damaged, foreign or too new
 +-- MissingExtra (ImportError)     an optional library is not installed
 +-- CheckFailed (AssertionError)   a loss was checked and something was found
ConvergenceWarning (UserWarning)    a solver stopped before its certificate was good
CacheWarning (UserWarning)          compiled kernels cannot be kept where they should be
"""

from __future__ import annotations

import re
from typing import Any


class LosskitError(Exception):
    """Base of every error losskit raises on purpose."""


class ParameterError(LosskitError, ValueError):
    """A parameter outside its domain, or still open."""


class DomainError(LosskitError, ValueError):
    """Data outside the domain of a loss; the message names the first bad row and how many there are."""


class ShapeError(LosskitError, ValueError):
    """Shapes that do not belong together; nothing is ever broadcast in silence."""


class CapabilityError(LosskitError, TypeError):
    """What was asked for is not something this object can do."""


class FormulaError(LosskitError, TypeError):
    """A formula that cannot be traced, derived or emitted."""


class DataError(LosskitError, ValueError):
    """A file or table that cannot be used as it is."""


class ModelFileError(LosskitError, ValueError):
    """A model file that is damaged, foreign or from a newer losskit."""


class MissingExtra(LosskitError, ImportError):
    """An optional library is not installed; the message names the extra that brings it."""


class CheckFailed(LosskitError, AssertionError):
    """`check_loss(...).raise_for_findings()` found something; the message lists all of it."""


class ConvergenceWarning(UserWarning):
    """A solver stopped before its certificate met the tolerance."""


class CacheWarning(UserWarning):
    """Compiled kernels cannot be kept in the usual folder."""


_SHOWN = 20  # names in a message


def plain_name(name: str) -> str:
    """`name` as names are compared: in small letters, without underscores."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def nearest(name: str, known: Any) -> str:
    """A hint for a misspelt name."""
    import difflib

    plain = {plain_name(k): k for k in known}
    names = [plain[k] for k in difflib.get_close_matches(plain_name(name), plain, n=3, cutoff=0.5)]
    if names:
        return f"did you mean {' or '.join(names)}?"
    some = list(known)[:_SHOWN]
    return f"known: {', '.join(some)}" + (f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else "")
