"""The closer look at a selection in words and rows, for the page, for Markdown and for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from losskit.selection.explain import number

if TYPE_CHECKING:
    from losskit.selection.outcome import Selection


def content(found: Selection) -> dict[str, Any]:
    """What the report says of it; numbers as text."""
    look, decision = found.scrutiny, found.decision
    other = "" if look is None or not look.rival else look.rival
    if other and found.winner is not found.default:
        other = found.default.label
    target = found.target
    return {
        "firm": [] if look is None else look.sentences(),
        "rival": "" if look is None else look.rival,
        "other": other,
        "target": f"probability of {target.classes[1]}, actual" if target.classes else target.name,
        "groups": [] if look is None else [
            {"part": each["part"], "rows": f"{each['rows']:,}", "metric": number(each["metric"]),
             "share": f"{each['share']:.0%}", "other": number(each["other"])} for each in look.groups],
        "moved": [] if look is None else [
            {k: str(v) if k == "row" else number(v) for k, v in each.items()} for each in look.moved],
        "decision": [] if decision is None else decision.sentences(),
        "maps": [] if decision is None else [
            ("as they are", number(decision.before)), *((k, number(v)) for k, v in decision.after.items())],
    }  # fmt: skip


def as_markdown(found: Selection) -> list[str]:
    """The same as lines of Markdown."""
    from losskit.report.markdown import table, text

    told = content(found)
    lines = ["## A closer look", "", *(f"- {text(each)}" for each in (*told["firm"], *told["decision"])), ""]
    if told["groups"]:
        head = ["rows with", "rows", text(found.metric.name), "share of all"]
        head += [f"by {text(told['other'])}"] if told["other"] else []
        rows = [[text(each[k]) for k in ("part", "rows", "metric", "share", "other")][: len(head)]
                for each in told["groups"]]  # fmt: skip
        lines += ["Rows that cost most:", "", *table(head, rows), ""]
    if told["moved"]:
        head = ["row", text(told["target"]), text(found.default.label), text(told["rival"])]
        rows = [list(each.values()) for each in told["moved"]]
        lines += ["Rows that the choice moves most:", "", *table(head, rows), ""]
    return lines if len(lines) > 3 or told["firm"] or told["decision"] else []
