"""A selection as text for a terminal of 80 columns or more, or for a pipe."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from losskit.report.console import printable
from losskit.report.evaluated import in_unit
from losskit.report.profiled import grouped
from losskit.selection.explain import number, shown

if TYPE_CHECKING:
    from rich.table import Table

    from losskit.selection.outcome import Candidate, Selection

_LONG = 26  # characters of a loss that leave room for the numbers in 80 columns


def render(found: Selection, width: int | None) -> str:
    """The verdict first, then the leaderboard, then what to look at; no line is longer than `width`."""
    from rich.console import Console

    console = Console(width=width, highlight=False, emoji=False, markup=False)
    lines = [*_wrap(found.verdict.sentence, console.width)]
    if found.verdict.caution:
        lines += _wrap(f"! {found.verdict.caution}", console.width)
    whys = [why for why in (*found.verdict.why, found.verdict.kinds) if why]
    if unit := in_unit(found):
        whys.insert(0, f"Its {found.metric.name} is {number(found.winner.mean)}: {unit}.")
    if found.scrutiny is not None and found.winner is not found.default:
        whys += found.scrutiny.sentences()
    whys += [] if found.decision is None else found.decision.sentences()
    lines += [line for why in whys for line in _wrap(f"- {why}", console.width)]
    if found.question_inferred:
        usual = _USUAL[found.target.problem]
        taken = f"The question was not given: {found.question} was taken, as is usual for {usual}."
        lines += _wrap(f"{taken} {found.verdict.would_change[0]}", console.width)
    if found.also is not None:
        lines += _wrap(f"Outliers were found, so also: {found.also.verdict.sentence}", console.width)
    with console.capture() as captured:
        console.print(leaderboard(found))
    lines += ["", *(line.rstrip() for line in captured.get().rstrip("\n").split("\n"))]
    legend = "> the verdict; * the top group, of which one may be the best of all"
    if _kinds(found) > 1:
        legend += "; each is set against the default of its kind of model"
    lines += [*_wrap(legend, console.width), ""]
    for item, what in grouped(found.findings.warnings):
        lines += _wrap(f"! {what} {item.do}", console.width)
    return "\n".join([*lines, ""] if found.findings.warnings else lines)


_USUAL = {
    "real": "numbers", "count": "counts", "amount": "amounts", "binary": "two classes", "multiclass": "classes",
}  # fmt: skip


def leaderboard(found: Selection) -> Table:
    """The candidates, best first."""
    from rich.table import Table
    from rich.text import Text

    several = _kinds(found) > 1
    counted = f"{found.folds} folds x {found.rounds} round{'s' if found.rounds > 1 else ''}"
    table = Table(
        box=None,
        header_style="bold",
        pad_edge=False,
        padding=(0, 1),
        title_justify="left",
        title=Text(f"{found.metric.name}, {counted}; smaller is better", "italic"),
    )
    for heading in ("", "loss", "model" if several else "link"):
        table.add_column(heading, overflow="fold")
    for heading in ("mean", "+- error", "vs default", "p (Holm)"):
        table.add_column(heading, justify="right", no_wrap=True)
    top = found.top_group
    for candidate in found.candidates:
        chosen, bold = candidate is found.winner, "bold"
        p = shown(candidate.p_holm).removeprefix("p = ").removeprefix("p ")
        note = "not ranked" if not candidate.valid else change(-candidate.gain(found.against(candidate)))
        table.add_row(
            (">" if chosen else " ") + "*" * (candidate in top), Text(_name(candidate), bold if chosen else ""),
            candidate.model if several else candidate.link,
            number(candidate.mean), number(candidate.standard_error),
            "default" if candidate.role == "default" else note,
            p if candidate.role == "challenger" and candidate.valid else "",
        )  # fmt: skip
    return table


def _name(candidate: Candidate) -> str:
    """The label; a long one on two lines."""
    text = printable(candidate.label)
    return text if len(text) <= _LONG else text.replace("(", "\n  (", 1).replace(" + ", "\n  + ", 1)


def _kinds(found: Selection) -> int:
    return len({c.model for c in found.candidates} - {"constant"})


def change(share: float) -> str:
    """A relative change with its sign: +3.1 %."""
    return "-" if share != share else f"{share:+.2%}" if abs(share) < 0.0995 else f"{share:+.0%}"


def _wrap(text: str, width: int) -> list[str]:
    indent = "  " if text[:2] in ("- ", "! ") else ""
    return textwrap.wrap(
        printable(text), width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
