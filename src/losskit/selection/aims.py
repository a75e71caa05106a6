"""What `select` is to aim at: a metric by its name, the question it is consistent for, and how labels are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from losskit.errors import ParameterError, nearest
from losskit.models.labelling import KINDS, METRICS, beta_of
from losskit.question import Costs, Question, parse_question
from losskit.selection.metrics import (
    Metric,
    absolute_error,
    error_rate,
    expectile_score,
    interval_score,
    pinball,
    poisson_deviance,
    squared_error,
)
from losskit.selection.questions import Row, parse_costs
from losskit.selection.target import Target

_SCORES: dict[str, tuple[str, Callable[[float], Metric] | None]] = {  # the question each is lowest for; None: as it is
    "squared_error": ("mean", lambda level: squared_error()),
    "poisson_deviance": ("mean", lambda level: poisson_deviance()),
    "absolute_error": ("median", lambda level: absolute_error()),
    "pinball": ("quantile", pinball),
    "expectile_score": ("expectile", expectile_score),
    "interval_score": ("interval", interval_score),
    "quantile_score": ("distribution", None),
    "log_loss": ("probability", None),
    "ranked_probability_score": ("ordinal", None),
    "error_rate": ("label", lambda level: error_rate()),
    "ranking_error": ("ranking", None),
}
_SAME = {"mse": "squared_error", "mae": "absolute_error", "accuracy": "error_rate", "crps": "quantile_score",
         "rps": "ranked_probability_score", "auc": "ranking_error", "roc_auc": "ranking_error"}  # fmt: skip
_REFUSED = {
    "rmse": "it puts models in the order of squared_error; ask for that",
    "r2": "it puts models in the order of squared_error; ask for that",
    "mape": "it is lowest for predictions that are too low, neither mean nor median; ask for absolute_error, or give "
    "rows the weight 1/y",
    "precision": "it is best where hardly a row is called so; ask for f1, fbeta:B or costs",
    "recall": "it is best where every row is called so; ask for f1, fbeta:B or costs",
}


@dataclass(frozen=True)
class Aim:
    """What is asked, and what follows after the fit.

    Attributes
    ----------
    question : Question, or None where none was asked
    score : the metric that judges, by the level of the question, if not the contract's own
    labels : a metric of labels, for which a threshold on the winner's probabilities is chosen
    costs : of labels made from probabilities, where log loss judges
    recalibrate : a map, "auto", or nothing
    """

    question: Question | None
    score: Callable[[float], Metric] | None = None
    labels: str = ""
    costs: Costs | None = None
    recalibrate: str = ""

    def row(self, row: Row) -> Row:
        """The contract's row, judged by the metric asked."""
        return row if self.score is None or row.question != self._kind else replace(row, metric=self.score)

    @property
    def _kind(self) -> str:
        return "" if self.question is None else self.question.kind


def parse_aim(question: Any, metric: str | None, costs: Any, recalibrate: str | None) -> Aim:
    """What these options of `select` ask, before the target is known; the costs are read with it.

    Raises
    ------
    ParameterError
        If they contradict each other, or a metric is not consistent for the question.
    """
    asked = None if question is None else parse_question(question)
    made = Aim(asked) if metric is None else _of_metric(metric, asked)
    if (level := _level_of(costs)) is not None:
        if made.question not in (None, Question("quantile", level)):
            raise ParameterError(
                f"costs={costs!r} ask for the quantile at {level:g}, and question={str(made.question)!r} was asked; "
                "leave one of them out"
            )
        made = replace(made, question=Question("quantile", level))
    elif costs is not None:
        if made.question is not None and made.question.kind not in ("label", "probability"):
            raise ParameterError(
                f"costs are of labels, and question={str(made.question)!r} was asked; ask for label, or give no costs"
            )
        if made.labels:
            raise ParameterError(f"labels follow from costs or from metric={made.labels!r}, not from both; give one")
        made = replace(made, question=made.question or Question("label"))
    if recalibrate in (None, "none"):
        return made
    if recalibrate not in ("auto", *KINDS):
        raise ParameterError(f"recalibrate={recalibrate!r} is not known; use auto, none or {', '.join(KINDS)}")
    if made.question is not None and made.question.kind != "probability":
        raise ParameterError(
            f"recalibrate is of probabilities, and question={str(made.question)!r} was asked; ask for probability "
            "(costs and metrics of labels then decide by these)"
        )
    return replace(made, question=Question("probability"), recalibrate=recalibrate)


def _level_of(costs: Any) -> float | None:
    """The quantile that costs least where a unit too high and one too low have a price each; None of other costs."""
    if isinstance(costs, str):
        costs = dict(part.partition("=")[::2] for part in costs.replace(" ", "").split(","))
    if not isinstance(costs, dict) or not costs.keys() & {"over", "under"} or isinstance(costs.get("over"), dict):
        return None
    try:
        over, under = float(costs["over"]), float(costs["under"])
    except (KeyError, TypeError, ValueError):
        over = under = 0.0
    if not (0 < over < float("inf") and 0 < under < float("inf")):
        raise ParameterError(f"costs={costs!r}: give over=COST,under=COST, both above 0 and finite")
    return under / (over + under)


def _of_metric(name: str, asked: Question | None) -> Aim:
    name = _SAME.get(name, name)
    if name in _REFUSED:
        raise ParameterError(f"metric={name!r} tells no two losses apart fairly: {_REFUSED[name]}")
    if name in METRICS or beta_of(name) is not None:
        if asked is not None and asked.kind not in ("label", "probability"):
            raise ParameterError(f"metric={name!r} judges labels, and question={str(asked)!r} was asked; ask for label")
        return Aim(Question("probability"), labels=name)
    if name not in _SCORES:
        raise ParameterError(f"metric={name!r} is not known; {nearest(name, (*_SCORES, *METRICS, 'fbeta:B'))}")
    kind, score = _SCORES[name]
    if asked is None and kind in ("quantile", "expectile", "interval"):
        raise ParameterError(f"metric={name!r} needs a level; say question='{kind}:0.9'")
    if asked is not None and asked.kind != kind:
        fit = [each for each, (of, _) in _SCORES.items() if of == asked.kind]
        raise ParameterError(
            f"metric={name!r} is lowest for the {kind}, and question={str(asked)!r} was asked: it would reward another "
            f"prediction than the one wanted; ask for {' or '.join(fit)}, or for the {kind}"
        )
    return Aim(asked or Question(kind), score)


def of_target(aim: Aim, target: Target, costs: Any) -> Aim:
    """The aim once the target is known: costs by class, and what they and the metric do of these classes.

    Raises
    ------
    ParameterError
        If the costs are none, or the metric is not defined for the target.
    """
    if aim.labels and len(target.classes) > 2:
        if aim.labels != "balanced_accuracy":
            raise ParameterError(
                f"metric={aim.labels!r} is of two classes, and {target.name!r} has {len(target.classes)}; ask for "
                "balanced_accuracy, error_rate or log_loss, or give costs"
            )
        shares = np.bincount(target.y.astype(np.intp)) / len(target.y)  # a row of a class costs 1 over its share
        wrong = tuple(tuple(float(i != j) / s for j in range(len(shares))) for i, s in enumerate(shares))
        return replace(aim, question=Question("label", costs=wrong), labels="")
    if aim.score is not None and aim.score(0.5).name == poisson_deviance().name and target.problem == "real":
        raise ParameterError(
            f"metric='poisson_deviance' is of counts and amounts, and {target.name!r} is taken for real numbers; say "
            "problem='amount' if no value can be below 0, or ask for squared_error"
        )
    if costs is None or aim.question is None or aim.question.kind == "quantile":
        return aim
    read = parse_costs(costs, target.classes)
    if aim.question.kind == "label":
        return replace(aim, question=Question("label", costs=read))
    return replace(aim, costs=read)
