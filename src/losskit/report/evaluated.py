"""An evaluation as text for a terminal or a pipe."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from losskit.selection.explain import number, percent

if TYPE_CHECKING:
    from losskit.selection.evaluation import Evaluation


def render(found: Evaluation, width: int | None) -> str:
    """The figures, the parts, and the rows that cost most; no line is longer than `width`."""
    wide = width or 80
    label = max(map(len, found.figures))
    lines = [f"{name:<{label}}  {number(value):>12}" for name, value in found.figures.items()]
    if found.parts:
        lines += ["", f"{'part':<28}{'rows':>8}{'metric':>12}{'prediction':>13}{'target':>12}"]
        for part in found.parts:
            name = part["part"] if len(part["part"]) < 28 else part["part"][:26] + "~"
            figures = [number(part[key]) for key in ("metric", "prediction", "target")]
            lines.append(f"{name:<28}{part['rows']:>8,}{figures[0]:>12}{figures[1]:>13}{figures[2]:>12}")
    return "\n".join([*(line[:wide] for line in lines), "", *textwrap.wrap(worst(found), wide)])


def worst(found: Evaluation) -> str:
    """A sentence on the rows that cost most."""
    rows = f"Rows that cost most: {', '.join(map(str, found.worst))}."
    if found.share_of_worst != found.share_of_worst:
        return rows
    return f"One row in a hundred carries {percent(found.share_of_worst)} of the {found.metric}. {rows}"
