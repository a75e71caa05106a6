"""The report of a selection as Markdown: the same numbers as the page, without pictures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from losskit.report.evaluated import worst
from losskit.report.html import details
from losskit.report.scrutinised import as_markdown
from losskit.report.terminal import change
from losskit.selection.evaluation import of_selection
from losskit.selection.explain import number, shown

if TYPE_CHECKING:
    from losskit.selection.outcome import Selection

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&])")


def page(found: Selection) -> str:
    """The page as text; every text from outside is escaped."""
    verdict = found.verdict
    lines = [f"# Which loss for {text(found.target.name)}?", ""]
    lines += [f"**{text(verdict.sentence)}** {text(verdict.meaning)}", ""]
    lines += [f"- {text(each)}" for each in verdict.why]
    lines += ["", "What would change it:", "", *(f"- {text(each)}" for each in verdict.would_change), ""]
    if found.also is not None:
        lines += [f"Outliers were found, so also: {text(found.also.verdict.sentence)}", ""]
    lines += ["## Candidates", "", f"{text(found.metric.name)}: {text(found.metric.words)}. Smaller is better.", ""]
    head = ["loss", "link", "mean", "error", "change", "after Holm"]
    rows = [
        [f"{text(c.label)}{' (chosen)' if c is found.winner else ''}", c.link, number(c.mean), number(c.standard_error),
         "default" if c.role == "default" else change(-c.gain(found.default)) if c.valid else "not ranked",
         shown(c.p_holm) if c.role == "challenger" else ""]
        for c in found.candidates
    ]  # fmt: skip
    lines += [*table(head, rows), ""]
    made, changes = of_selection(found)
    lines += ["## On rows not seen in training", ""]
    figures = {**made.figures, **changes}
    lines += [*table(["figure", "value"], [[text(name), number(value)] for name, value in figures.items()]), ""]
    parts = [[text(p["part"]), f"{p['rows']:,}", *(number(p[k]) for k in ("metric", "prediction", "target"))]
             for p in made.parts]  # fmt: skip
    lines += [*table(["predictions", "rows", text(made.metric), "mean prediction", "mean target"], parts), ""]
    lines += [text(worst(made)), "", *as_markdown(found), "## For and against", ""]
    for c in found.candidates:
        reasons = [*(f"- for: {text(x)}" for x in c.pros), *(f"- against: {text(x)}" for x in c.cons)]
        lines += [f"### {text(c.label)}", "", *reasons, ""]
    lines += ["## What the data holds", ""]
    items = [f"- {i.code} {text(i.what)} {text(i.why)} {text(i.do)}" for i in found.findings.items]
    lines += items or ["Nothing to look at."]
    lines += ["", "## Details", "", *(f"- {label}: {text(value)}" for label, value in details(found))]
    return "\n".join(lines) + "\n"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """The lines of a table."""
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def text(value: str) -> str:
    """Text in which nothing is markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(value).split()))
