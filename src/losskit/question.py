"""What of the target is wanted, as a value and as a text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from losskit.errors import ParameterError

Costs = tuple[tuple[float, ...], ...]  # of each label (column) given to a row of each class (row)
DISTRIBUTION = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


@dataclass(frozen=True)
class Question:
    """What is asked of a prediction: "mean", "median", "quantile", "expectile" or "interval" at a level,
    "distribution", "probability", "ordinal" (of each of ordered classes), "label" under costs, or "ranking" of two
    classes."""

    kind: str
    level: float | None = None
    costs: Costs | None = None

    @property
    def levels(self) -> tuple[float, ...]:
        """The quantiles that an interval or a distribution is made of."""
        if self.kind == "interval" and self.level is not None:
            return (0.5 - self.level / 2, 0.5 + self.level / 2)
        return DISTRIBUTION if self.kind == "distribution" else ()

    def __str__(self) -> str:
        short = self.level is not None and float(f"{self.level:g}") == self.level
        level = f"{self.level:g}" if short else str(self.level)
        return self.kind if self.level is None else f"{self.kind}:{level}"


_KNOWN = (
    "mean, median, quantile:LEVEL (such as quantile:0.9), expectile:LEVEL, interval:LEVEL (such as "
    "interval:0.9), distribution, count (the mean of a count), probability, label, ranking (the order of two classes), "
    "or ordinal (probabilities of ordered classes)"
)


def parse_question(text: Any) -> Question:
    """The question that a text such as "quantile:0.9" asks.

    Raises
    ------
    ParameterError
        If it is none, naming those there are.
    """
    if isinstance(text, Question):
        return text
    if text in ("mean", "median", "probability", "label", "distribution", "ordinal", "ranking"):
        return Question(text)
    match = re.fullmatch(r"(quantile|expectile|interval):([0-9.eE+-]+)", text) if isinstance(text, str) else None
    try:
        level = float(match[2]) if match else 0.0
    except ValueError:
        level = 0.0
    if match is None or not 0 < level < 1:
        hint = "; the level lies between 0 and 1" if str(text).startswith(("quantile", "expectile", "interval")) else ""
        raise ParameterError(f"question={text!r} is not known{hint}; ask for {_KNOWN}")
    return Question(match[1], level)


def is_answered(text: str, elicited: str, classes: bool, levels: tuple[float, ...]) -> bool:
    """Whether a fitted model answers this question: one of `select`, or what its own loss elicits.

    Parameters
    ----------
    classes : whether the model is of classes
    levels : of the quantiles it predicts, if these are more than one
    """
    if text == elicited and not levels:
        return True
    try:
        asked = parse_question(text)
    except ParameterError:
        return False
    kinds = ("probability", "label", "ordinal", "ranking") if classes else ("mean", "median", "quantile", "expectile")
    return str(asked) == text and (asked.levels == levels if levels else asked.kind in kinds)
