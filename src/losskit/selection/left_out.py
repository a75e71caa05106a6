"""Why the other losses of the catalogue were not compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from losskit.base import Evaluated, Pointwise
from losskit.errors import ParameterError, plain_name
from losskit.question import Question
from losskit.registry import losses
from losskit.rowwise import Rowwise
from losskit.selection.questions import CLASSES, Contender, Problem, Row, shortlist

Array = np.ndarray
_TOLD = {"probability": "probabilities", "label": "labels", "number": "numbers"}
_NEAR = (
    "They may serve as well; --include NAME compares them. Not by default, since Holm's correction asks more of each "
    "challenger the more there are."
)


@dataclass(frozen=True)
class LeftOut:
    """Losses that were not compared for one reason."""

    losses: tuple[str, ...]
    reason: str


def left_out(
    row: Row, question: Question, problem: Problem, y: Array, compared: Iterable[Contender], exclude: tuple[str, ...]
) -> tuple[LeftOut, ...]:  # fmt: skip
    """The losses of the catalogue that are not among the contenders, by reason.

    Parameters
    ----------
    row : of the contract, before losses were added or left out
    y : the target, classes as codes
    exclude : names of challengers left out on request
    """
    there = list(compared)
    names = {type(each.loss).__name__ for each in there}
    asked = {plain_name(name) for name in exclude}
    reasons: dict[str, list[str]] = {}
    for name, cls in losses(Evaluated).items():
        if name in names:
            continue
        why, told = ("They were left out as asked.", "") if plain_name(name) in asked else _why(
            cls(), row, question, problem, y)  # fmt: skip
        reasons.setdefault(why, []).append(f"{name} ({told})" if told else name)
    if any(each.model == "boosted" for each in there):
        grown = {type(each.loss).__name__ for each in there if each.model == "boosted"}
        kept = [n for n in dict.fromkeys(type(e.loss).__name__ for e in there) if n not in grown]
        if kept:
            reasons["Not with boosted trees, which have a score for each class and no thresholds to share."] = kept
    return tuple(LeftOut(tuple(each), why) for why, each in sorted(reasons.items(), key=lambda pair: len(pair[1])))


def _why(loss: Evaluated, row: Row, question: Question, problem: Problem, y: Array) -> tuple[str, str]:
    """The reason, and what is to be said of this loss beside its name."""
    wanted = row.default(question.level or 0.5)
    of = "labels" if question.kind == "label" else _TOLD[wanted.link.gives]
    if question.levels:
        return "One fit of theirs does not tell the quantiles that are asked.", ""
    if not isinstance(loss, Pointwise | Rowwise) or len(getattr(loss, "targets", ("y",))) > 1:
        return "They need another kind of target, such as bounds of durations.", ""
    one = isinstance(loss, Pointwise)
    if one != isinstance(wanted, Pointwise) or (one and len(loss.outputs) > 1):
        return "They take another number of scores a row.", ""
    if problem not in CLASSES and loss.link.gives == "number" and one and not loss.domain.contains(y).all():
        return f"This target, from {y.min():.4g} to {y.max():.4g}, has values outside their domain.", ""
    try:
        shortlist(row, question, (loss,), ())
    except ParameterError:
        return f"They predict {_TOLD[loss.link.gives]}, where {of} are asked.", ""
    best = loss.traits().elicits
    if problem not in CLASSES and best not in (None, question.kind):
        return f"Their best prediction is another than the {question.kind}; --include NAME compares them.", best
    return _NEAR, ""
