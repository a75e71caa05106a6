"""The contract of `select` as one table: a question and a kind of target give a metric, a default and challengers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from losskit.base import Evaluated, Pointwise
from losskit.errors import ParameterError
from losskit.expressions import parse_loss
from losskit.losses.binary import BinaryFocal, Logistic
from losskit.losses.counts import Gamma, Poisson, Tweedie
from losskit.losses.distributions import GaussianNLL, StudentTNLL
from losskit.losses.margin import Hinge, SquaredHinge
from losskit.losses.multiclass import LDAM, FocalSoftmax, SoftmaxCrossEntropy
from losskit.losses.ordinal import Coral, Ordinal
from losskit.losses.regression import (
    AbsoluteError,
    Huber,
    LogCosh,
    PseudoHuber,
    Quantile,
    SquaredError,
)
from losskit.losses.robust import Tukey
from losskit.own import loss as own_loss
from losskit.question import DISTRIBUTION, Costs, Question
from losskit.rowwise import Rowwise
from losskit.selection.metrics import (
    Metric,
    absolute_error,
    error_rate,
    expectile_loss,
    expectile_score,
    interval_score,
    log_loss,
    log_loss_of_classes,
    mean_cost,
    pinball,
    poisson_deviance,
    quantile_score,
    ranked_probability_score,
    ranking_error,
    squared_error,
)

Problem = Literal["real", "count", "amount", "binary", "multiclass"]
PROBLEMS: tuple[Problem, ...] = ("real", "count", "amount", "binary", "multiclass")
Turn = Literal["link", "quantile", "expectile", "levels", "density", "posterior", "weighted"]
ModelKind = Literal["linear", "boosted"]
MODELS: tuple[ModelKind, ...] = ("linear", "boosted")
ENOUGH = 500  # rows from which trees are compared too where nothing is said
_NUMBERS: tuple[Problem, ...] = ("real", "count", "amount")
_SKEWED: tuple[Problem, ...] = ("count", "amount")
CLASSES: tuple[Problem, ...] = ("binary", "multiclass")


@dataclass(frozen=True)
class Family:
    """Other values of a loss's parameter, to be chosen from by inner folds.

    Attributes
    ----------
    name : the parameter
    values : to try beside the loss's own; of a parameter "auto" they multiply what it was set to
    of_scale : whether all values, the loss's own included, are in units of the default's residuals
    """

    name: str
    values: tuple[float, ...]
    of_scale: bool = False


@dataclass(frozen=True)
class Contender:
    """A loss in the table, a model to train by it, and how its score becomes a prediction.

    Attributes
    ----------
    loss : Pointwise or Rowwise
        A parameter may be "auto": it is set from the residuals of the default.
    turn : {"link", "quantile", "expectile", "levels", "density", "posterior", "weighted"}
        Through the loss's link; shifted by the quantiles, or an expectile, of the training residuals; a fit for each
        level; through the density's quantiles; through the loss's own optimum; or trained on rows that weigh what an
        error on them costs, where a score tells no probability.
    start : the class of an earlier contender whose fit a loss that is not convex starts from
    positive : whether y must be positive
    counted : whether the parameter `counts` is the number of training rows of each class
    family : other values of a parameter to choose from
    model : {"linear", "boosted"}
    unit : a parameter that is in units of the default's residuals
    """

    loss: Pointwise | Rowwise
    turn: Turn = "link"
    start: str | None = None
    positive: bool = False
    counted: bool = False
    family: Family | None = None
    model: ModelKind = "linear"
    unit: str = ""


@dataclass(frozen=True)
class Row:
    """One row of the contract. The makers take the level of the question."""

    question: str
    problems: tuple[Problem, ...]
    metric: Callable[[float], Metric]
    default: Callable[[float], Pointwise | Rowwise]
    challengers: tuple[Contender, ...]
    turn: Turn = "link"  # of the default


FAMILIES = {
    "Huber": Family("delta", (0.5, 2.0)), "Tweedie": Family("power", (1.2, 1.8)),
    "BinaryFocal": Family("gamma", (0.5, 1.0)), "FocalSoftmax": Family("gamma", (0.5, 1.0)),
    "SmoothedQuantile": Family("bandwidth", (0.1, 0.3), of_scale=True),
    "Barron": Family("alpha", (0.0, -2.0)),
}  # fmt: skip
_UNITS = {
    "Barron": "scale", "HuberQuantile": "delta", "EpsilonInsensitive": "epsilon",
    "SquaredEpsilonInsensitive": "epsilon",
}  # fmt: skip
_HUBER = Contender(Huber("auto"), family=FAMILIES["Huber"])
_PSEUDO, _LOGCOSH = Contender(PseudoHuber("auto")), Contender(LogCosh("auto"))
_TUKEY = Contender(Tukey("auto"), start="Huber")
_SHIFTED = Contender(SquaredError(), turn="quantile")
_GAUSSIAN, _STUDENT = Contender(GaussianNLL(), turn="density"), Contender(StudentTNLL(), turn="density")
_FOCAL = Contender(BinaryFocal(), start="Logistic", family=FAMILIES["BinaryFocal"])
_SOFT_FOCAL = Contender(FocalSoftmax(), start="SoftmaxCrossEntropy", family=FAMILIES["FocalSoftmax"])
_SMOOTHED = Contender(SoftmaxCrossEntropy(label_smoothing=0.05))

CONTRACT = (
    Row("mean", ("real",), lambda q: squared_error(), lambda q: SquaredError(), (_HUBER, _PSEUDO, _LOGCOSH, _TUKEY)),
    Row("mean", _SKEWED, lambda q: poisson_deviance(), lambda q: Poisson(),
        (Contender(SquaredError()), Contender(Tweedie(1.5), family=FAMILIES["Tweedie"]),
         Contender(Gamma(), positive=True))),
    Row("median", _NUMBERS, lambda q: absolute_error(), lambda q: AbsoluteError(),
        (Contender(SquaredError()), _HUBER, _LOGCOSH, _TUKEY)),
    Row("quantile", _NUMBERS, pinball, Quantile, (_SHIFTED,)),
    Row("expectile", _NUMBERS, expectile_score, expectile_loss, (Contender(SquaredError(), turn="expectile"),)),
    Row("interval", _NUMBERS, interval_score, Quantile, (_SHIFTED, _GAUSSIAN, _STUDENT), "levels"),
    Row("distribution", _NUMBERS, lambda q: quantile_score(DISTRIBUTION), lambda q: GaussianNLL(),
        (_SHIFTED, _STUDENT, Contender(Quantile(0.5), turn="levels")), "density"),
    Row("probability", ("binary",), lambda q: log_loss(), lambda q: Logistic(),
        (replace(_FOCAL, turn="posterior"),)),
    Row("label", ("binary",), lambda q: error_rate(), lambda q: Logistic(),
        (Contender(Hinge()), Contender(SquaredHinge()), _FOCAL)),
    Row("ranking", ("binary",), lambda q: ranking_error(), lambda q: Logistic(), (Contender(SquaredHinge()), _FOCAL)),
    Row("probability", ("multiclass",), lambda q: log_loss_of_classes(), lambda q: SoftmaxCrossEntropy(),
        (replace(_SOFT_FOCAL, turn="posterior"), _SMOOTHED)),
    Row("label", ("multiclass",), lambda q: error_rate(), lambda q: SoftmaxCrossEntropy(),
        (_SOFT_FOCAL, _SMOOTHED, Contender(LDAM(scale=1.0), counted=True))),
    Row("ordinal", ("multiclass",), lambda q: ranked_probability_score(), lambda q: Ordinal(),
        (Contender(Coral()), Contender(SoftmaxCrossEntropy()))),
)  # fmt: skip

def infer_question(problem: Problem, ordered: bool = False) -> Question:
    """The question where none was asked: the mean of numbers, the probability of classes, with regard to an order."""
    if ordered and problem == "multiclass":
        return Question("ordinal")
    return Question("probability" if problem in CLASSES else "mean")


def contract(question: Question, problem: Problem) -> Row:
    """The row of the table for a question and a kind of target; with costs, judged and decided by them.

    Raises
    ------
    ParameterError
        If the question cannot be asked of such a target.
    """
    for row in CONTRACT:
        if row.question == question.kind and problem in row.problems:
            return row if question.costs is None else _under_costs(row, question.costs)
    if question.kind == "ranking":
        how = "numbers come in the order of their mean: ask for mean, and sort by the prediction"
        if problem == "multiclass":
            how = "more than two classes have no one order: predict one class against the rest, or ask for ordinal"
        raise ParameterError(f"question='ranking' is of two classes; {how}")
    numbers = "mean, median, quantile:LEVEL, expectile:LEVEL, interval:LEVEL or distribution"
    of_classes = {"binary": "probability, label or ranking", "multiclass": "probability, label or ordinal"}
    wanted = of_classes.get(problem, numbers)
    kind = {"binary": "two classes", "multiclass": "classes"}.get(problem, "numbers")
    raise ParameterError(f"question={str(question)!r} cannot be asked of {kind}; ask for {wanted}")


def shortlist(
    row: Row, question: Question, include: tuple[Any, ...], exclude: tuple[str, ...], strict: bool = True
) -> Row:
    """The row with losses added to its challengers, and others left out; if not `strict`, as far as they are meant.

    Raises
    ------
    ParameterError
        If a loss does not answer the question, or none of those to leave out is there.
    """
    known = {_plain(type(c.loss).__name__): c for c in row.challengers}
    names = [_plain(name) for name in exclude]
    if strict and (missing := [name for name, plain in zip(exclude, names, strict=True) if plain not in known]):
        there = ", ".join(type(c.loss).__name__ for c in row.challengers)
        raise ParameterError(f"exclude: {missing[0]!r} is no challenger here; these are {there}")
    kept = [c for plain, c in known.items() if plain not in names]
    for each in include:
        try:
            kept.append(_added(row, question, each))
        except ParameterError:
            if strict:
                raise
    return replace(row, challengers=tuple(kept))


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


def _added(row: Row, question: Question, given: Any) -> Contender:
    """A loss of the user's as a contender, where its predictions can be judged by the metric."""
    loss = _filled_in(parse_loss(given), given, question) if isinstance(given, str) else as_loss(given)
    wanted = row.default(question.level or 0.5)
    tells = loss.link.gives
    fits = (tells == "number") == (wanted.link.gives == "number")
    if question.kind in ("probability", "ordinal"):
        fits = tells == "probability"
    same = isinstance(loss, Rowwise) == isinstance(wanted, Rowwise) and len(loss.outputs) == 1
    if not fits or not same or question.levels:
        raise ParameterError(
            f"include: {loss!r} does not answer the question {str(question)!r}, whose default is {wanted!r}; give a "
            "loss of the same kind of prediction"
        )
    turn: Turn = "posterior" if question.kind == "probability" and loss.link.name in ("logit", "softmax") else "link"
    if question.costs is not None:
        turn = "posterior" if tells == "probability" else "weighted"
    if question.kind in ("quantile", "expectile") and loss.traits().elicits != question.kind:
        turn = question.kind  # type: ignore[assignment]
    unit = _UNITS.get(type(loss).__name__, "")
    return Contender(loss, turn, family=_family_of(loss), unit=unit if _is_left(loss, unit) else "")


def _filled_in(loss: Any, text: str, question: Question) -> Any:
    """What a text leaves open: scales are set from the data, never at a default in raw units; the level as asked."""
    told = {name for name in loss.parameters if "(" in text or re.search(rf"\b{name}\s*=", text)}
    changes: dict[str, Any] = {name: "auto" for name in loss.tuning if name not in told}
    if "level" in loss.parameters.keys() - told and question.level is not None and not question.levels:
        changes["level"] = question.level
    return replace(loss, **changes)


def as_loss(given: Any) -> Pointwise | Rowwise:
    """A loss from a loss, a class of losses with defaults, or a function that is a formula.

    Raises
    ------
    ParameterError
        If it is none of these, or a loss that couples rows.
    FormulaError
        If a function cannot be traced or differentiated.
    """
    if isinstance(given, type) and issubclass(given, Evaluated):
        given = given()
    elif inspect.isfunction(given):
        given = own_loss(given)()
    if not isinstance(given, Pointwise | Rowwise):
        raise ParameterError(
            f"include: {given!r:.80} is no loss of rows; give a loss, a class of losses, or a function of (y, f) that "
            "is its formula"
        )
    return given


def _family_of(loss: Pointwise | Rowwise) -> Family | None:
    """The values to choose from, where the parameter was left at its default or at "auto"."""
    family = FAMILIES.get(type(loss).__name__)
    return family if family is not None and _is_left(loss, family.name) else None


def _is_left(loss: Pointwise | Rowwise, name: str) -> bool:
    """Whether a parameter is at its default, or "auto"; without a name, not."""
    return bool(name) and loss.parameters[name] in (type(loss)().parameters[name], "auto")


def models_of(asked: str | None, rows: int) -> tuple[ModelKind, ...]:
    """The kinds of models to compare: those asked for, else the linear one and, of enough rows, boosted trees.

    Raises
    ------
    ParameterError
        If there is no such kind.
    """
    if asked is None:
        return MODELS if rows >= ENOUGH else MODELS[:1]
    if asked not in (*MODELS, "both"):
        raise ParameterError(f"model={asked!r} is not known; say linear, boosted or both")
    return MODELS if asked == "both" else tuple(kind for kind in MODELS if kind == asked)


def _under_costs(row: Row, costs: Costs) -> Row:
    """Losses that tell probabilities decide by them; the others need two classes, and weigh rows by their costs."""
    able = [c for c in row.challengers if c.loss.link.gives == "probability" and not c.counted]
    told = [replace(c, turn="posterior") for c in able]
    weighed = [replace(c, turn="weighted") for c in row.challengers if c.loss.link.gives == "label"]
    return replace(row, metric=lambda q: mean_cost(costs), challengers=(*told, *weighed))


def parse_costs(given: Any, classes: tuple[str, ...]) -> Costs:
    """The costs of each label for rows of each class, in the order of `classes`.

    Parameters
    ----------
    given : "fp=1,fn=5", a dict of these, a matrix (actual, predicted), or a dict {actual: {predicted: cost}}
        fp is the cost of a false alarm for the second class, fn that of missing it.
    classes : the labels, sorted

    Raises
    ------
    ParameterError
        If a right label costs as much as a wrong one, or more, or there are no two classes for fp and fn.
    """
    if isinstance(given, str):
        given = dict(part.partition("=")[::2] for part in given.replace(" ", "").split(","))
    try:
        if isinstance(given, dict) and given.keys() == set(classes):
            given = [[given[actual].get(predicted) for predicted in classes] for actual in classes]
        if isinstance(given, dict):
            if given.keys() != {"fp", "fn"} or len(classes) != 2:
                raise ValueError
            given = ((0.0, given["fp"]), (given["fn"], 0.0))
        costs = tuple(tuple(float(c) for c in row) for row in given)
    except (TypeError, ValueError):
        wanted = "fp=COST,fn=COST (false alarms and misses of the second class)" if len(classes) == 2 else ""
        raise ParameterError(
            f"costs={given!r} are none; give {wanted or 'a matrix'}{', or a matrix' if wanted else ''} with a row for "
            f"each actual and a column for each predicted class, in the order {', '.join(classes)}"
        ) from None
    if [len(row) for row in costs] != [len(classes)] * len(classes):
        raise ParameterError(f"costs need {len(classes)} rows and columns, one a class ({', '.join(classes)})")
    for i, row in enumerate(costs):
        if not all(0 <= c < float("inf") for c in row) or any(row[i] >= c for j, c in enumerate(row) if j != i):
            raise ParameterError(
                f"costs of class {classes[i]!r} are {list(row)}; they are finite, from 0 up, and the right label costs "
                "less than any wrong one"
            )
    return costs
