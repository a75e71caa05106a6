"""What `profile` found, as text for a terminal or a pipe."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from losskit.selection.findings import Findings


def render(found: Findings, width: int | None) -> str:
    """A head line, then a paragraph a finding, warnings first; no line is longer than `width`."""
    from rich.console import Console

    wide = width or min(Console().width, 100)
    lines = textwrap.wrap(
        f"{found.rows} rows, {found.columns} columns; target {found.target} ({found.problem})", wide
    )
    for item in found.items:
        sign = "!" if item.level == "warning" else "-"
        lines += ["", *textwrap.wrap(f"{sign} {item.code} {item.what}", wide, subsequent_indent="  ")]
        rest = f"{item.why} {item.do}" + (f" Rows: {', '.join(map(str, item.rows))}." if item.rows else "")
        lines += textwrap.wrap(rest, wide, initial_indent="  ", subsequent_indent="  ")
    return "\n".join(lines if found.items else [*lines, "Nothing found that bears on the choice of a loss."])
