"""The report of a selection as Markdown: the same numbers as the page, without pictures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from losskit.report.evaluated import in_unit, worst
from losskit.report.html import details, how, part_headings
from losskit.report.profiled import grouped
from losskit.report.scrutinised import content
from losskit.report.terminal import change
from losskit.selection.explain import number, shown

if TYPE_CHECKING:
    from losskit.selection.outcome import Selection

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&])")


def page(found: Selection) -> str:
    """The page as text; every text from outside is escaped."""
    verdict = found.verdict
    lines = [f"# Which loss for {_t(found.target.name)}?", "", f"**{_t(verdict.sentence)}** {_t(verdict.meaning)}", ""]
    lines += [f"**{_t(verdict.caution)}**", ""] if verdict.caution else []
    lines += [f"- {_t(each)}" for each in (*verdict.why, verdict.kinds) if each]
    lines += ["", "What would change it:", "", *(f"- {_t(each)}" for each in verdict.would_change), ""]
    if found.also is not None:
        lines += [f"Outliers were found, so also: {_t(found.also.verdict.sentence)}", ""]
    lines += ["## Candidates", "", f"{_t(found.metric.name)}: {_t(found.metric.words)}. Smaller is better.", ""]
    lines += [f"Of the chosen it is {number(found.winner.mean)}: {_t(unit)}.", ""] if (unit := in_unit(found)) else []
    head = ["loss", "the best", "link", "model", "mean", "error", "change", "after Holm"]
    rows = [
        [f"{_t(c.label)}{' (chosen)' if c is found.winner else ''}", f"{c.chance:.0%}", c.link, how(c), number(c.mean),
         number(c.standard_error),
         "default" if c.role == "default" else change(-c.gain(found.against(c))) if c.valid else "not ranked",
         shown(c.p_holm) if c.role == "challenger" else ""]
        for c in found.candidates
    ]  # fmt: skip
    lines += [*_table(head, rows), ""]
    made, changes = found.evaluated
    lines += ["## On rows not seen in training", ""]
    figures = {**made.figures, **changes}
    lines += [*_table(["figure", "value"], [[_t(name), number(value)] for name, value in figures.items()]), ""]
    parts = [[_t(p["part"]), f"{p['rows']:,}", *(number(p[k]) for k in ("metric", "prediction", "target"))]
             for p in made.parts]  # fmt: skip
    lines += [*_table([_t(heading) for heading in part_headings(found)], parts), ""]
    lines += [_t(worst(made)), "", *_closer(found), "## For and against", ""]
    for c in found.candidates:
        reasons = [*(f"- for: {_t(x)}" for x in c.pros), *(f"- against: {_t(x)}" for x in c.cons)]
        reasons += [f"- source: {_t(c.source)}"] if c.source else []
        lines += [f"### {_t(c.label)}{' (boosted)' if c.model == 'boosted' else ''}", "", *reasons, ""]
    lines += ["## What the data holds", ""]
    items = [f"- {i.code} {_t(what)} {_t(i.why)} {_t(i.do)}" for i, what in grouped(found.findings.items)]
    lines += items or ["Nothing to look at."]
    lines += ["", "## Details", "", *(f"- {label}: {_t(value)}" for label, value in details(found))]
    return "\n".join(lines) + "\n"


def _closer(found: Selection) -> list[str]:
    """The closer look."""
    told = content(found)
    lines = ["## A closer look", "", *(f"- {_t(each)}" for each in (*told["firm"], *told["decision"])), ""]
    if told["groups"]:
        head = ["rows with", "rows", _t(found.metric.name), "share of all"]
        head += [f"by {_t(told['other'])}"] if told["other"] else []
        rows = [[_t(each[k]) for k in ("part", "rows", "metric", "share", "other")][: len(head)]
                for each in told["groups"]]  # fmt: skip
        lines += ["Rows that cost most:", "", *_table(head, rows), ""]
    if told["moved"]:
        head = ["row", _t(told["target"]), _t(found.default.label), _t(told["rival"])]
        rows = [list(each.values()) for each in told["moved"]]
        lines += ["Rows that the choice moves most:", "", *_table(head, rows), ""]
    return lines if len(lines) > 3 or told["firm"] or told["decision"] else []


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    """The lines of a table."""
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def _t(text: str) -> str:
    """Text in which nothing is markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))
