"""A check of a loss as text for a terminal of 80 columns or more, or for a pipe."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from losskit.report.console import printable

if TYPE_CHECKING:
    from losskit.checking.outcome import Check


def render(found: Check, width: int | None) -> str:
    """What the loss is, the verdict, then each finding; no line is longer than `width` unless a word is."""
    from rich.console import Console
    from rich.text import Text

    console = Console(width=width, highlight=False, emoji=False, markup=False)
    lines = [Text(line) for fact in found.facts() for line in _wrap(fact, console.width)]
    lines.append(Text(found.verdict(), "bold green" if found.ok else "bold red"))
    for each in found.findings:
        head, *rest = _wrap(f"! {each.code} {each.title}: {each.what}", console.width)
        lines += [Text(), Text(head, "bold"), *(Text(line, "bold") for line in rest)]
        for label, text in (("where", each.where), ("why", each.why), ("fix", each.fix)):
            lines += [Text(line) for line in _wrap(text, console.width, f"  {label:<6}")] if text else []
    if found.skipped:
        said = _wrap(f"not checked: {'; '.join(found.skipped)}", console.width)
        lines += [Text(), *(Text(line, "dim") for line in said)]
    with console.capture() as captured:
        for line in lines:
            console.print(line, soft_wrap=True)
    return "\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n"))


def _wrap(text: str, width: int, label: str = "") -> list[str]:
    indent = " " * len(label) if label else "  "
    return textwrap.wrap(
        label + printable(text), width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False,
        drop_whitespace=True,
    )  # fmt: skip
