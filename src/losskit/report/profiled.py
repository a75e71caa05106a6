"""What `profile` found, as text for a terminal or a pipe."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from losskit.report.console import printable
from losskit.selection.codes import ALARMS, Code, Finding

if TYPE_CHECKING:
    from losskit.selection.findings import Findings

_SHOWN = 4  # columns with the same finding


def render(found: Findings, width: int | None) -> str:
    """A head line, then a paragraph a finding, warnings first; no line is longer than `width`."""
    from rich.console import Console

    wide = width or min(Console().width, 100)
    lines = textwrap.wrap(
        printable(f"{found.rows} rows, {found.columns} columns; target {found.target} ({found.problem})"), wide
    )
    for item, what in grouped(found.items):
        sign = "!" if item.level == "warning" else "-"
        lines += ["", *textwrap.wrap(printable(f"{sign} {item.code} {what}"), wide, subsequent_indent="  ")]
        rest = f"{item.why} {item.do}" + (f" Rows: {', '.join(map(str, item.rows))}." if item.rows else "")
        lines += textwrap.wrap(rest, wide, initial_indent="  ", subsequent_indent="  ")
    if not found.items:
        return "\n".join([*lines, "Nothing found that bears on the choice of a loss."])
    more = f"{ALARMS}. More on a code: losskit show {found.items[0].code}"
    return "\n".join([*lines, "", *textwrap.wrap(more, wide)])


def grouped(items: Sequence[Finding]) -> list[tuple[Finding, str]]:
    """The first finding of each code and level, and what was seen of all of them: of many columns the first few."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for item in items:
        alike.setdefault((item.code, item.level), []).append(item)
    made = []
    for each in alike.values():
        what = " ".join(item.what for item in each[:_SHOWN])
        rest = len(each) - _SHOWN
        made.append((each[0], what + (f" So it is with {rest:,} more column{'s' * (rest > 1)}." if rest > 0 else "")))
    return made


def code_page(code: Code, wide: int = 80) -> str:
    """The help page of one code."""
    paragraphs = [textwrap.fill(text, wide) for text in code.paragraphs()]
    return "\n\n".join([f"{code.code} {code.title}", *paragraphs])
