"""The closer look at a selection in words and rows, for the page and for Markdown."""

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
