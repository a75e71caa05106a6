"""The closer look at a selection in words and rows, for the page and for Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from losskit.selection.explain import number

if TYPE_CHECKING:
    from losskit.selection.outcome import Selection
    from losskit.selection.scrutiny import Scrutiny


def content(found: Selection) -> dict[str, Any]:
    """What the report says of it; numbers as text."""
    look, decision = found.scrutiny, found.decision
    other = "" if look is None or not look.rival else look.rival
    if other and found.winner is not found.default:
        other = found.default.label
    target, metric = found.target, found.metric
    told = metric.loss is not None and len(target.classes) == 2
    return {
        "firm": [] if look is None else look.sentences(),
        "rival": "" if look is None else look.rival,
        "other": other,
        "target": target.name,
        "predicted": f"probability of {target.classes[1]}" if told else
        "predicted label" if target.classes else "prediction",
        "tables": [] if look is None else _tables(found, look),
        "costliest": [] if look is None else [_written(each) for each in look.costliest],
        "moved": [] if look is None else [_written(each) for each in look.moved],
        "decision": [] if decision is None else decision.sentences(),
        "maps": [] if decision is None else [
            ("as they are", number(decision.before)), *((k, number(v)) for k, v in decision.after.items())],
    }  # fmt: skip


def _tables(found: Selection, look: Scrutiny) -> list[tuple[str, str, list[dict[str, str]]]]:
    """What parts of the rows cost: title, lead and rows."""
    clear = "Parts of the rows, by a feature, that cost clearly more a row than the others."
    if not look.groups:
        clear = "No part of the rows, by any feature, costs clearly more a row than the others."
    tables = [("Where it costs most", clear, [_costs(each) for each in look.groups])]
    if look.by_group:
        name = found.asked.get("groups", "group")
        lead = f"By {name}, which the folds keep whole: those that carry most, the dearest first."
        tables.append(("What each group costs", lead, [_costs(each) for each in look.by_group]))
    return tables


def _costs(part: dict[str, Any]) -> dict[str, str]:
    return {
        "part": part["part"], "rows": f"{part['rows']:,}", "metric": number(part["metric"]),
        "share": f"{part['share']:.0%}", "other": number(part["other"]),
    }  # fmt: skip


def _written(row: dict[str, Any]) -> dict[str, str]:
    """The cells of a row, its number as it is."""
    return {k: str(v) if k == "row" or isinstance(v, str) else number(v) for k, v in row.items()}
