"""An evaluation as text for a terminal or a pipe."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

from losskit.links import LOG, LOGIT, SOFTMAX
from losskit.report.console import printable
from losskit.selection.explain import number, percent

if TYPE_CHECKING:
    from losskit.selection.evaluation import Evaluation
    from losskit.selection.outcome import Selection


def render(found: Evaluation, width: int | None) -> str:
    """The figures, the parts, and the rows that cost most; no line is longer than `width`."""
    wide = width or 80
    figures = {printable(name): value for name, value in found.figures.items()}
    label = max(map(len, figures))
    lines = [f"{name:<{label}}  {number(value):>12}" for name, value in figures.items()]
    if found.parts:
        lines += ["", f"{'part':<28}{'rows':>8}{'metric':>12}{'prediction':>13}{'target':>12}"]
        for part in found.parts:
            name = printable(part["part"])
            cells = [number(part[key]) for key in ("metric", "prediction", "target")]
            lines.append(
                f"{name if len(name) < 28 else name[:26] + '~':<28}{part['rows']:>8,}{cells[0]:>12}{cells[1]:>13}"
                f"{cells[2]:>12}"
            )
    said = [line for text in (worst(found), *found.notes) for line in textwrap.wrap(text, wide)]
    return "\n".join([*(line[:wide] for line in lines), "", *said])


def in_unit(found: Selection) -> str:
    """What the winner's metric means: in the unit of the target, or as a probability."""
    metric, value, name = found.metric, found.winner.mean, found.target.name
    if not found.winner.valid:
        return ""
    if metric.power == 2:
        return f"its root, {number(value**0.5)}, is in the unit of {name}"
    if metric.link is LOG:
        missed = found.evaluated[0].figures["mean absolute error"]
        return f"predictions miss by {number(missed)} in the mean, in the unit of {name}"
    if metric.power == 1:
        return f"it is in the unit of {name}"
    if metric.ranked:
        return "it counts steps of the order (sure of a class one step off costs 1)"
    if metric.costs:
        return "it is in the unit of the costs, a row"
    if metric.loss is None:
        return f"of 100 rows, {number(100 * value)} are given the wrong label"
    told = metric.link in (LOGIT, SOFTMAX)
    return f"what happened was given a probability of {math.exp(-value):.1%}, in the geometric mean" if told else ""


def worst(found: Evaluation) -> str:
    """A sentence on the rows that cost most."""
    return f"{carried(found)} Rows that cost most: {', '.join(map(str, found.worst))}.".strip()


def carried(found: Evaluation) -> str:
    """What the hundredth of rows that cost most carries; nothing where that is not known."""
    share = found.share_of_worst
    return "" if math.isnan(share) else f"One row in a hundred carries {percent(share)} of the {found.metric}."
