"""The report of a selection as Markdown: the same numbers as the page, without pictures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from losskit.report.console import printable
from losskit.report.evaluated import carried, in_unit
from losskit.report.html import REPEATS, decomposed, details, how, part_headings
from losskit.report.profiled import grouped
from losskit.report.scrutinised import content
from losskit.report.terminal import change
from losskit.selection.explain import number, shown
from losskit.selection.options import repeated

if TYPE_CHECKING:
    from losskit.selection.outcome import Selection

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$])")


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
    lines += [*([_t(decomposed(made)), ""] if decomposed(made) else []), *_closer(found), "## For and against", ""]
    for c in found.candidates:
        reasons = [*(f"- for: {_t(x)}" for x in c.pros), *(f"- against: {_t(x)}" for x in c.cons)]
        reasons += [f"- source: {_t(c.source)}"] if c.source else []
        lines += [f"### {_t(c.label)}{' (boosted)' if c.model == 'boosted' else ''}", "", *reasons, ""]
    lines += ["### Not compared", "", *(f"- {_t(each.reason)} {_t(', '.join(each.losses))}" for each in found.left_out)]
    lines += ["", "## What the data holds", ""]
    items = [f"- {i.code} {_t(what)} {_t(i.why)} {_t(i.do)}" for i, what in grouped(found.findings.items)]
    lines += items or ["Nothing to look at."]
    lines += ["", "## How to reproduce it", "", REPEATS, "", *_code(repeated(found))]
    lines += ["", "## Details", "", *(f"- {label}: {_t(value)}" for label, value in details(found))]
    return printable("\n".join(lines)) + "\n"


def _closer(found: Selection) -> list[str]:
    """The closer look."""
    told = content(found)
    lines = ["## Rows to look at", "", _t(carried(found.evaluated[0])), ""]
    if told["costliest"]:
        head = ["row", _t(told["target"]), _t(told["predicted"]), _t(found.metric.name)]
        lines += [*_table(head, [[_t(cell) for cell in each.values()] for each in told["costliest"]]), ""]
    for name, sentences in (("How firm it is", told["firm"]), ("Probabilities and labels", told["decision"])):
        lines += [f"## {name}", "", *(f"- {_t(each)}" for each in sentences), ""] if sentences else []
    if told["maps"]:
        kinds, values = zip(*told["maps"], strict=True)
        lines += [*_table(["log loss", *kinds], [["on rows not used for it", *values]]), ""]
    for title, lead, parts in told["tables"]:
        head = ["part", "rows", _t(found.metric.name), "share of all"]
        head += [f"by {_t(told['other'])}"] if told["other"] else []
        rows = [[_t(cell) for cell in each.values()][: len(head)] for each in parts]
        lines += [f"## {title}", "", _t(lead), "", *([*_table(head, rows), ""] if rows else [])]
    if told["moved"]:
        head = ["row", _t(told["target"]), _t(found.default.label), _t(told["rival"])]
        lead = f"The rows whose {told['predicted']} differs most between {found.default.label} and {told['rival']}."
        rows = [[_t(cell) for cell in each.values()] for each in told["moved"]]
        lines += ["## What the choice moves", "", _t(lead), "", *_table(head, rows), ""]
    return lines


def _code(text: str) -> list[str]:
    """A block of code, fenced by more backticks than it holds."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return [fence, text, fence]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    """The lines of a table."""
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def _t(text: str) -> str:
    """Text in which nothing is markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))
