"""Printing: a console that neither colours nor wraps into a pipe, and lines without the spaces rich fills them with."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

# control characters but for tabs and line ends, and marks that turn the direction of writing
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Text in which what would steer a terminal, or hide, is written as its escape."""
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)


def piped() -> bool:
    """Whether output goes to no terminal, and COLUMNS asks for no width."""
    return not (sys.stdout.isatty() or "COLUMNS" in os.environ)


def console() -> Console:
    """A console as wide as the terminal, or as wide as need be for a pipe."""
    from rich.console import Console

    return Console(width=10_000 if piped() else None, highlight=False, emoji=False, markup=False, soft_wrap=False)


def write(*things: Any) -> None:
    """Print what rich renders."""
    to = console()
    with to.capture() as captured:
        to.print(*things, sep="\n")
    print("\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n")))


def write_json(content: dict[str, Any]) -> None:
    """Print JSON."""
    import json

    print(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False))
