"""The contract of `select` as one table: a question and a kind of target give a metric, a default and challengers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from losskit.base import Pointwise
from losskit.errors import ParameterError
from losskit.losses.binary import BinaryFocal, Hinge, Logistic, SquaredHinge
from losskit.losses.counts import Gamma, Poisson, Tweedie
from losskit.losses.regression import (
    AbsoluteError,
    Huber,
    LogCosh,
    PseudoHuber,
    Quantile,
    SquaredError,
)
from losskit.losses.robust import Tukey
from losskit.selection.metrics import (
    Metric,
    absolute_error,
    error_rate,
    log_loss,
    pinball,
    poisson_deviance,
    squared_error,
)

Problem = Literal["real", "count", "amount", "binary"]
PROBLEMS: tuple[Problem, ...] = ("real", "count", "amount", "binary")
_NUMBERS: tuple[Problem, ...] = ("real", "count", "amount")
_SKEWED: tuple[Problem, ...] = ("count", "amount")


@dataclass(frozen=True)
class Question:
    """What is asked of a prediction: "mean", "median", "quantile" at a level, "probability" or "label"."""

    kind: str
    level: float | None = None

    def __str__(self) -> str:
        return self.kind if self.level is None else f"{self.kind}:{self.level:g}"


@dataclass(frozen=True)
class Contender:
    """A loss in the table and how its score becomes a prediction.

    Attributes
    ----------
    loss : Pointwise
        A parameter may be "auto": it is set from the residuals of the default.
    turn : {"link", "quantile", "posterior"}
        Through the loss's link; shifted by the quantile of the training residuals; or through the loss's own optimum.
    start : the class of an earlier contender whose fit a loss that is not convex starts from
    positive : whether y must be positive
    """

    loss: Pointwise
    turn: Literal["link", "quantile", "posterior"] = "link"
    start: str | None = None
    positive: bool = False


@dataclass(frozen=True)
class Row:
    """One row of the contract. The makers take the level of the question."""

    question: str
    problems: tuple[Problem, ...]
    metric: Callable[[float], Metric]
    default: Callable[[float], Pointwise]
    challengers: tuple[Contender, ...]


_HUBER, _PSEUDO, _LOGCOSH = Contender(Huber("auto")), Contender(PseudoHuber("auto")), Contender(LogCosh("auto"))
_TUKEY = Contender(Tukey("auto"), start="Huber")

CONTRACT = (
    Row("mean", ("real",), lambda q: squared_error(), lambda q: SquaredError(), (_HUBER, _PSEUDO, _LOGCOSH, _TUKEY)),
    Row("mean", _SKEWED, lambda q: poisson_deviance(), lambda q: Poisson(),
        (Contender(SquaredError()), Contender(Tweedie(1.5)), Contender(Gamma(), positive=True))),
    Row("median", _NUMBERS, lambda q: absolute_error(), lambda q: AbsoluteError(),
        (Contender(SquaredError()), _HUBER, _LOGCOSH, _TUKEY)),
    Row("quantile", _NUMBERS, pinball, Quantile, (Contender(SquaredError(), turn="quantile"),)),
    Row("probability", ("binary",), lambda q: log_loss(), lambda q: Logistic(),
        (Contender(BinaryFocal(), turn="posterior", start="Logistic"),)),
    Row("label", ("binary",), lambda q: error_rate(), lambda q: Logistic(),
        (Contender(Hinge()), Contender(SquaredHinge()), Contender(BinaryFocal(), start="Logistic"))),
)  # fmt: skip

_KNOWN = "mean, median, quantile:LEVEL (such as quantile:0.9), probability or label"


def parse_question(text: Any) -> Question:
    """The question that a text such as "quantile:0.9" asks.

    Raises
    ------
    ParameterError
        If it is none, naming those there are.
    """
    if isinstance(text, Question):
        return text
    if text in ("mean", "median", "probability", "label"):
        return Question(text)
    match = re.fullmatch(r"quantile:([0-9.eE+-]+)", text) if isinstance(text, str) else None
    try:
        level = float(match[1]) if match else 0.0
    except ValueError:
        level = 0.0
    if not 0 < level < 1:
        hint = "; the level lies between 0 and 1" if str(text).startswith("quantile") else ""
        raise ParameterError(f"question={text!r} is not known{hint}; ask for {_KNOWN}")
    return Question("quantile", level)


def infer_question(problem: Problem) -> Question:
    """The question where none was asked: the mean of numbers, the probability of two classes."""
    return Question("probability" if problem == "binary" else "mean")


def contract(question: Question, problem: Problem) -> Row:
    """The row of the table for a question and a kind of target.

    Raises
    ------
    ParameterError
        If the question cannot be asked of such a target.
    """
    for row in CONTRACT:
        if row.question == question.kind and problem in row.problems:
            return row
    wanted = "probability or label" if problem == "binary" else "mean, median or quantile:LEVEL"
    kind = "two classes" if problem == "binary" else "numbers"
    raise ParameterError(f"question={str(question)!r} cannot be asked of {kind}; ask for {wanted}")
