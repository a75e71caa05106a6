"""`select`: profile, shortlist, compare, explain, refit. Each step has its own file; this one puts them in order."""

from __future__ import annotations

import os
import time as clock
from dataclasses import replace
from typing import Any

import numpy as np

from losskit.base import Evaluated
from losskit.data.preprocess import _weights
from losskit.data.tables import Column, Table, as_table
from losskit.errors import DataError, ParameterError, ShapeError
from losskit.question import Question
from losskit.selection.aims import of_target, parse_aim
from losskit.selection.answering import Inquiry, folds_of
from losskit.selection.compare import INNER, MANY, Progress
from losskit.selection.course import about_time
from losskit.selection.findings import profile_table
from losskit.selection.folds import Plan, round_rng
from losskit.selection.hurry import within
from losskit.selection.options import options_of
from losskit.selection.outcome import Selection
from losskit.selection.questions import (
    ENOUGH,
    infer_question,
    models_of,
)
from losskit.selection.refit import Part
from losskit.selection.target import label_of, order_of_labels, read_target, split_target

Array = np.ndarray
FOLDS, ROUNDS = 5, 5
SAMPLE = 100_000
_FEW_LABELS = 30
FEW = (
    f"Model: linear. Boosted trees were not compared, since there are fewer than {ENOUGH} rows; --model both does."
)


def select(
    X: Any,
    y: Any,
    question: str | Question | None = None,
    problem: str | None = None,
    sample_weight: Any = None,
    *,
    order: Any = None,
    model: str | None = None,
    metric: str | None = None,
    costs: Any = None,
    recalibrate: str | None = None,
    include: Any = (),
    exclude: Any = (),
    groups: Any = None,
    time: Any = None,
    holdout: float = 0.0,
    sample: int = SAMPLE,
    seed: int = 0,
    folds: int = FOLDS,
    rounds: int | None = None,
    time_limit: float | None = None,
    progress: Progress | None = None,
    state: str | os.PathLike[str] | None = None,
) -> Selection:
    """Say which loss fits a table and a column to predict, show it by cross-validation, and train the model.

    Parameters
    ----------
    X : Table, dataframe, dict of columns or 2-D array
    y : array_like of numbers or labels, or the name of a column of X
    question : {"mean", "median", "quantile:LEVEL", "expectile:LEVEL", "interval:LEVEL", "distribution",
        "count", "probability", "label", "ranking", "ordinal"}, optional
        What of y is wanted. By default the mean of numbers and the probability of classes; labels if costs are given.
        "ordinal", the probabilities of ordered classes, where their order is known. "count" is the mean of a target
        that holds counts; "ranking" the order of two classes, the second above the first.
    problem : {"real", "count", "amount", "binary", "multiclass"}, optional
        What y is; found if None.
    sample_weight : array_like, optional
        A row of weight 2 counts twice in training and in the metric; one of weight 0 is left out.
    order : str or sequence of labels, optional
        "low,mid,high": the classes from the lowest to the highest. Known by itself of numbers and ordered categoricals.
    model : {"linear", "boosted", "both"}, optional
        The models to train with each loss: linear ones, trees boosted by LightGBM, or both. By default both from 500
        rows on, and linear ones of fewer. The loss is chosen within each kind, then the kind.
    metric : str, optional
        What judges, where a question has several metrics or none is asked: "squared_error", "poisson_deviance",
        "absolute_error", "pinball", "expectile_score", "interval_score", "quantile_score", "log_loss",
        "ranked_probability_score", "error_rate", "ranking_error" (also "auc"). One that is lowest for another
        prediction than the one asked is refused. With "f1", "fbeta:2", "balanced_accuracy" or "mcc" log loss judges,
        and the threshold for labels is the best of rows that the models had not seen.
    costs : str, dict or matrix, optional
        What labels cost: "fp=1,fn=5" for false alarms and misses of the second of two classes, or a matrix with a row
        for each actual and a column for each predicted class, sorted. They choose the loss and the threshold; with
        question="probability" the threshold alone. Of numbers "over=1,under=5", what a unit too high or too low costs:
        the question is then the quantile at under/(over + under), which costs least.
    recalibrate : {"platt", "beta", "isotonic", "temperature", "auto"}, optional
        Mend the winner's probabilities by a map fitted on rows that its models had not seen; "auto" takes the best
        where a test finds that they do not hold, and it helps. Without it, this is offered only.
    include : losses, optional
        To compare too, as values or as texts such as "huber:delta=2". Scales that a text leaves open are set from the
        data, and a level as asked.
    exclude : names of losses, optional
        Challengers to leave out.
    groups : array_like or name of a column, optional
        Rows of one group are never in training and test rows at once. A column named is no feature.
    time : array_like or name of a column, optional
        Training rows are earlier than test rows, in 2 `folds` steps of one round; with `groups` also of other groups.
        A column named is no feature.
    holdout : float
        A share of the rows, the latest or whole groups if these are given, that is looked at once, after the verdict;
        the model is trained without them.
    sample : int
        Of more rows than this, so many drawn at random are compared, of each class its share; the winner is then
        trained on all rows, with the penalty, rounds and parameters chosen.
    seed : int
        Decides the folds. The same seed gives the same result unless the time limit is hit.
    folds, rounds : int
        Cross-validation is repeated `rounds` times: by default 5, and once if trees are compared on more than 20 000
        rows.
    time_limit : float, optional
        Seconds. Of 2000 rows or more, 500 are compared for the clock, then as many as the limit allows, and the model
        is trained on all. No further fold begins after that time once a round is whole; the first round and the
        training on all rows are always finished, and it is said where they took longer.
    progress : callable, optional
        Called as progress(done, total, text).
    state : path of a folder, optional
        Finished folds are kept there: the same call goes on where it was stopped.

    Returns
    -------
    Selection

    Raises
    ------
    DataError, DomainError, ParameterError, ShapeError

    Examples
    --------
    >>> import losskit as lk
    >>> table = {"x": list(range(1, 13)), "y": [1.1, 2, 3, 4.2, 5, 6, 7.1, 8, 9, 9.7, 11, 12]}
    >>> found = lk.select(table, "y")
    >>> found.loss
    SquaredError()
    """
    asked_for = options_of(select, locals())
    began = clock.monotonic()
    _check_options(seed, folds, rounds, sample, time_limit, holdout)
    table, column = split_target(X, y)
    if question == "count":
        if problem not in (None, "count"):
            raise ParameterError(f"question='count' is of counts, and problem={problem!r} was told; leave one out")
        question, problem = "mean", "count"
    aim = parse_aim(question, metric, costs, recalibrate)
    problem = _of_classes(column, problem, aim.question)
    labels = order_of_labels(column, order, aim.question == Question("ordinal"))
    target = read_target(column, problem, labels)
    aim = of_target(aim, target, costs)
    asked = aim.question
    table, group_of, group_names = _taken(table, groups, "groups")
    table, time_of, _ = _taken(table, time, "time")
    w = _weights(sample_weight, table.n_rows) if sample_weight is not None else None
    plan = Plan(None, group_of, time_of)
    if w is not None and not w.all():
        kept = w > 0
        table, plan, w = table.take(kept), plan.take(kept), w[kept]
        target = read_target(replace(column, values=column.values[kept]), problem, labels)
    plan = replace(plan, classes=target.y if target.classes else None)
    whole, tested = Part(table, target.y, w), None
    if holdout:
        kept, late = plan.last(holdout, table.n_rows, round_rng(seed, 1 << 21))
        whole, tested, plan = whole.take(kept), whole.take(late), plan.take(kept)
    findings = profile_table(whole.table, replace(target, y=whole.y))
    compared = whole
    if whole.table.n_rows > sample:
        drawn = plan.draw(sample, whole.table.n_rows, round_rng(seed, 1 << 23))
        compared, plan = whole.take(drawn), plan.take(drawn)
    target = replace(target, y=compared.y)
    numbers = target.inferred and target.problem == "binary" and column.kind == "numeric"
    if asked is not None and asked.kind == "mean" and numbers:
        target = replace(target, problem="real", classes=())
        plan = replace(plan, classes=None)
    deadline = _until(began, time_limit, 0.85)  # what is left is for training on all rows
    both = asked is None and findings.has("outliers")
    chosen = asked or infer_question(target.problem, bool(labels))
    added, unwanted = _listed(include), tuple(map(str, _listed(exclude)))
    rows = len(target.y)
    models = models_of(model, rows)
    rounds = rounds or (1 if rows > MANY and "boosted" in models else ROUNDS)
    if plan.times is not None:
        folds, rounds = max(2, min(2 * folds, len(np.unique(plan.times)) // (2 * INNER + 2))), 1
    folds = folds_of(target, folds, plan)
    inquiry = Inquiry(compared, target, whole, findings, plan, seed, folds, rounds, state, tested, added, unwanted, aim,
                      group_names)  # fmt: skip

    def ask(part: Inquiry, progress: Progress | None = None) -> Selection:
        until = _until(began, time_limit, 0.5) if both else deadline
        found = part.answer(chosen, models, until, _part(progress, 0, 1 + both))
        if both:  # with the kind of model that was chosen
            kind = next(each for each in models if each == found.verdict.model)
            found.also = part.answer(Question("median"), (kind,), deadline, _part(progress, 1, 2), strict=False)
        return found

    hurried = inquiry if deadline is None else within(inquiry, ask, deadline)
    found = ask(hurried, progress)
    found.question_inferred = asked is None
    if model is None and len(models) == 1:
        found.verdict = replace(found.verdict, kinds=FEW)
    found.seconds, found.asked = clock.monotonic() - began, asked_for
    if time_limit is not None and (hurried is not inquiry or found.seconds > time_limit):
        why = about_time(time_limit, found.seconds, found.rounds, rounds, hurried is not inquiry)
        found.verdict = replace(found.verdict, why=(*found.verdict.why, why))
    return found


def _listed(given: Any) -> tuple[Any, ...]:
    return (given,) if isinstance(given, str | Evaluated) or callable(given) else tuple(given)


def _taken(table: Table, given: Any, what: str) -> tuple[Table, Array | None, list[str]]:
    """The features, codes or moments of the rows from a column, which is then no feature, or an array, and names."""
    if given is None:
        return table, None, []
    if isinstance(given, str):
        column = table.column(given)
        table = table.drop([given])
        if not table.names:
            raise DataError(f"{table.source} has no feature but {given!r}, which holds the {what}")
    else:
        column = as_table({what: given}).column(what)
    if len(column.values) != table.n_rows:
        raise ShapeError(f"{what} has {len(column.values)} rows and X has {table.n_rows}; they must be equal")
    if column.nulls().any():
        raise DataError(f"{what}: {int(column.nulls().sum())} rows are null; fill them in, or leave these rows out")
    if what == "time" and column.kind == "text":
        raise DataError(f"time: column {column.name!r} is text; give dates as 2024-01-31, or numbers")
    values = column.values.astype(str) if column.kind == "text" else column.values
    found, codes = np.unique(values, return_inverse=True)
    return table, codes, [str(v) if column.kind in ("text", "datetime") else label_of(column, v) for v in found]


def _of_classes(column: Column, problem: str | None, asked: Question | None) -> str | None:
    """The problem told; that of classes for a column of few whole numbers whose labels or probabilities are asked."""
    of_classes = asked is not None and asked.kind in ("probability", "label", "ordinal")
    if problem is not None or not of_classes or column.kind != "numeric":
        return problem
    values = np.unique(column.values)
    return "multiclass" if len(values) <= _FEW_LABELS and (values == np.floor(values)).all() else None


def _until(began: float, time_limit: float | None, share: float) -> float | None:
    return None if time_limit is None else began + share * time_limit


def _part(progress: Progress | None, number: int, parts: int) -> Progress | None:
    """The progress of one part of several alike."""
    if progress is None or parts == 1:
        return progress
    return lambda done, total, text: progress(number * total + done, parts * total, text)


def _check_options(seed: Any, folds: Any, rounds: Any, sample: Any, time_limit: Any, holdout: Any) -> None:
    rounds = ROUNDS if rounds is None else rounds
    for name, value, least in (("seed", seed, 0), ("folds", folds, 2), ("rounds", rounds, 1), ("sample", sample, 100)):
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
            raise ParameterError(f"{name} is a whole number of at least {least}; got {name}={value!r}")
    if time_limit is not None and not (isinstance(time_limit, int | float) and time_limit > 0):
        raise ParameterError(f"time_limit is a number of seconds above 0; got {time_limit!r}")
    if not (isinstance(holdout, int | float) and 0 <= holdout <= 0.5):
        raise ParameterError(f"holdout is a share of the rows from 0 to 0.5; got {holdout!r}")
