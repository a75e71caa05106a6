"""How good a fitted model is on rows with known targets: its metric, its bias, and where they come from."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.corp import Decomposition
from losskit.data.batches import kind_in
from losskit.data.columns import Kind
from losskit.data.tables import Column, Table, as_table
from losskit.errors import DataError
from losskit.links import LOG
from losskit.models.labelling import worth
from losskit.models.table import TableModel, cheapest, quantiles
from losskit.partial import Partial
from losskit.question import parse_question
from losskit.selection.metrics import (
    Metric,
    absolute_error,
    error_rate,
    expectile_score,
    interval_score,
    labels,
    mean_cost,
    metric_of_probabilities,
    misordered,
    pinball,
    poisson_deviance,
    quantile_score,
    ranked_probability_score,
    squared_error,
)
from losskit.selection.tally import NAMED, ByValue, Ranked, Score, Worst
from losskit.selection.target import label_of
from losskit.selection.training import rescale

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a model does on rows with known targets.

    Attributes
    ----------
    metric, mean : the name of the main metric, and its mean
    figures : names and values of all figures
    parts : rows of a table: what part, how many rows, the metric there, mean prediction and mean target; of more than
        two classes for each the shares predicted and there
    worst : numbers of the rows that cost most, from 1, worst first
    share_of_worst : of the whole metric, by the hundredth of rows that cost most
    notes : what is to be known of how the figures were found
    """

    metric: str
    mean: float
    figures: dict[str, float]
    parts: list[dict[str, Any]] = field(default_factory=list)
    worst: tuple[int, ...] = ()
    share_of_worst: float = math.nan
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """In plain JSON types; what has no finite value is None."""
        parts = [{k: plain_value(v) for k, v in part.items()} for part in self.parts]
        return {
            "schema": "losskit.evaluation/1", "metric": self.metric, "mean": plain_value(self.mean),
            "figures": {k: plain_value(v) for k, v in self.figures.items()}, "parts": parts,
            "worst_rows": list(self.worst), "share_of_worst": plain_value(self.share_of_worst),
            "notes": list(self.notes),
        }  # fmt: skip


def plain_value(value: Any) -> Any:
    """A value for JSON: None for a number that is not finite."""
    return (float(value) if math.isfinite(value) else None) if isinstance(value, float) else value


def evaluate(
    model: TableModel, X: Any, by: str | None = None, prior: dict[str, float] | None = None
) -> Evaluation:
    """Compare the predictions for a table with its column of the target.

    Parameters
    ----------
    model : TableModel
    X : Table, dataframe or dict of columns, the target among them
    by : name of a column, optional
        The metric is also given for each of its values, or fifths of its range; by default fifths of the prediction.
    prior : dict, optional
        The shares of classes where the rows are from, if they are not those of training.

    Raises
    ------
    DataError
        If the target is missing, holds nulls, or a label that the model does not know.
    """
    judge = _Judge(model, by, model.read_prior(prior))
    judge.add(as_table(X))
    return judge.result()


def evaluate_file(
    model: TableModel, path: str | os.PathLike[str], by: str | None = None, prior: dict[str, float] | None = None,
    progress: Callable[[int, float], object] | None = None,
) -> Evaluation:  # fmt: skip
    """`evaluate` for a file that need not fit into memory: a batch of rows is held at a time.

    Parameters
    ----------
    path : path of a table with the columns of the fit and the target
    progress : callable, optional
        Called as progress(rows so far, share of the file read).
    """
    judge = _Judge(model, by, model.read_prior(prior))
    more = {model.target: _kind_of_target(model.classes)}
    if by is not None and by not in (*model.preprocessor.kinds, model.target):
        more[by] = kind_in(path, by)
    for table, share in model.read_batches(path, more):
        judge.add(table)
        if progress is not None:
            progress(judge.rows, share)
    return judge.result()


class _Judge:
    """Judges a model batch by batch."""

    def __init__(self, model: TableModel, by: str | None, prior: Array | None) -> None:
        self.model, self.by, self.prior, self.rows = model, by, prior, 0
        self.metric, self.order = metric_of(model), Ranked()
        self.tally = Tally(self.metric, by, model.classes)

    def add(self, table: Table) -> None:
        """The rows of a table with the features and the target."""
        model, metric = self.model, self.metric
        y = _coded(table, model)
        f = model.scores(table)
        q = quantiles(model.turn, model.loss, f, model.levels, model.shift) if model.levels else None
        scores = q if q is not None else _metric_scores(model, metric, f, self.prior)
        p = _central(model, f, q, self.prior)
        sums = _of_classes(y, model, f, self.prior) if model.classes else _of_numbers(y, p)
        if q is not None:
            crossed = model.crossed(f)
            sums |= {**_of_levels(y, q, model.levels), "rows whose levels cross": Partial.of(crossed)}
        self.tally.add(y, scores, p, metric.rows(y, scores), table.numbers, sums,
                       None if self.by is None else table.column(self.by))  # fmt: skip
        if len(model.classes) == 2:
            self.order.add(f, y)
        self.rows += table.n_rows

    def result(self) -> Evaluation:
        """The evaluation of all rows so far."""
        more = _worth(self.model.labelling.metric, self.model.classes, self.tally.sums)
        if len(self.model.classes) == 2:
            more["ranking error"] = _ranking_error(self.order)
        made = self.tally.result(more)
        return replace(made, notes=(*made.notes, *filter(None, [self.order.note])))


class Tally:
    """Everything that is told of rows judged, added up batch by batch."""

    def __init__(self, metric: Metric, by: str | None = None, classes: tuple[str, ...] = ()) -> None:
        self.metric, self.classes = metric, classes if len(classes) > 2 and by is None else ()
        self.sums: dict[str, Partial] = {}
        self.score, self.worst = Score(metric.loss if not metric.ranked else None), Worst()
        self._parts: Ranked | ByValue = Ranked() if by is None else ByValue(by)
        self._by_class = np.zeros((3, len(classes)))

    def add(
        self, y: Array, scores: Array, prediction: Array, costs: Array, numbers: Array, sums: dict[str, Partial],
        part: Column | None = None,
    ) -> None:  # fmt: skip
        """Rows: targets, the metric's scores, one prediction each, costs, numbers, figures, and what they are by."""
        for name, each in sums.items():
            self.sums[name] = self.sums[name] + each if name in self.sums else each
        self.score.add(y, scores, costs)
        self.worst.add(numbers, costs)
        if self.classes:
            for i, (codes, carried) in enumerate(((y, None), (y, costs), (prediction, None))):
                self._by_class[i] += np.bincount(codes.astype(np.intp), carried, len(self.classes))
        elif isinstance(self._parts, ByValue):
            assert part is not None
            self._parts.add(part, costs, prediction, y)
        else:
            self._parts.add(prediction, costs, prediction, y)

    def result(self, more: dict[str, float] | None = None) -> Evaluation:
        """The evaluation of all rows so far, with more figures."""
        name, apart = self.metric.name, self.score.apart()
        figures = {name: float(self.score.mean.mean), **_told(self.sums), **(more or {}), **parts_of_score(apart[0])}
        return Evaluation(
            name, figures[name], figures, self._told_parts(), tuple(self.worst.rows.tolist()), self.worst.share(),
            tuple(filter(None, [apart[1]])),
        )  # fmt: skip

    def _told_parts(self) -> list[dict[str, Any]]:
        if self.classes:
            rows, costs, called = self._by_class
            return [_part(name, rows[i], costs[i] / rows[i], called[i] / rows.sum(), rows[i] / rows.sum())
                    for i, name in enumerate(self.classes) if rows[i]]  # fmt: skip
        return [_part(name, sums[0], *(sums[1:] / sums[0])) for name, sums in self._parts.parts()]


def _part(name: str, rows: float, metric: float, prediction: float, target: float) -> dict[str, Any]:
    numbers = {"metric": float(metric), "prediction": float(prediction), "target": float(target)}
    return {"part": name, "rows": int(rows), **numbers}


def parts_of_score(found: Decomposition | None) -> dict[str, float]:
    """The mean metric as miscalibration - discrimination + uncertainty, where it has such parts (CORP)."""
    return {} if found is None else {
        "lost by miscalibration": found.miscalibration, "gained by discrimination": found.discrimination,
        "of the best constant": found.uncertainty,
    }  # fmt: skip


def metric_of(model: TableModel) -> Metric:
    """What a model is judged by: the metric of its question, or its own loss where it answers none of ours."""
    if model.classes and model.costs is not None:
        return mean_cost(tuple(map(tuple, model.costs.tolist())))
    if model.question == "ordinal":
        return ranked_probability_score()
    if model.classes:
        return metric_of_probabilities(len(model.classes)) if model.has_probabilities else error_rate()
    kind, _, level = model.question.partition(":")
    at_level = {"quantile": pinball, "expectile": expectile_score, "interval": interval_score}
    if kind in at_level and level:
        return at_level[kind](parse_question(model.question).level or 0.5)
    if kind == "distribution":
        return quantile_score(model.levels)
    if kind == "median":
        return absolute_error()
    if kind == "mean":
        return poisson_deviance() if model.loss.link is LOG else squared_error()
    assert isinstance(model.loss, Pointwise)
    return Metric(f"{model.loss!r}", "the loss the model was trained by", model.loss.link, model.loss)


def _kind_of_target(classes: tuple[str, ...]) -> Kind:
    """How a file's column of the target is read: as what prints as the labels."""
    if not classes:
        return "numeric"
    if {*classes} <= {"true", "false"}:
        return "boolean"
    try:
        numbers = Column("", "numeric", np.array(classes, dtype=np.float64))
        plain = [label_of(numbers, value) for value in numbers.values]
    except (ValueError, OverflowError):
        return "text"
    return "numeric" if plain == list(classes) else "text"


def _coded(table: Table, model: TableModel) -> Array:
    """The target as the model's codes."""
    column = table.target(model.target)
    if not model.classes:
        if column.kind == "text":
            raise DataError(f"the target {column.name!r} holds text, and the model predicts numbers")
        return np.array(column.values, dtype=np.float64)
    known = {label: i for i, label in enumerate(model.classes)}
    cells = column.values.astype(str) if column.kind == "text" else column.values
    values, place = np.unique(cells, return_inverse=True)
    codes = np.array([known.get(label_of(column, value), -1) for value in values])[place]
    if (codes < 0).any():
        row = int(np.argmax(codes < 0))
        raise DataError(
            f"the target {column.name!r} is {label_of(column, column.values[row])!r} in {table.where(row)}, and the "
            f"model knows {', '.join(model.classes[:6])}{' ...' if len(model.classes) > 6 else ''}"
        )
    return codes.astype(np.float64)


def _metric_scores(model: TableModel, metric: Metric, f: Array, prior: Array | None) -> Array:
    if not model.has_probabilities:
        return f if metric.loss is None else rescale(f, model.loss.link, metric.link)
    return cheapest(model.probabilities(f, prior), np.array(metric.costs)) if metric.costs else model.log_odds(f, prior)


def _central(model: TableModel, f: Array, q: Array | None, prior: Array | None) -> Array:
    """One number a row: the prediction, of two classes the probability of the second, of more the label's code."""
    if q is not None:
        return model.middle(q)
    if not model.classes:
        return np.asarray(model.loss.predict(f), dtype=np.float64)
    if len(model.classes) == 2 and model.has_probabilities:
        return model.probabilities(f, prior)[:, 1]
    return model.codes(f, prior).astype(np.float64)


def _of_numbers(y: Array, p: Array) -> dict[str, Partial]:
    return {
        "mean absolute error": Partial.of(np.abs(p - y)), "root mean squared error": Partial.of((p - y) ** 2),
        "mean prediction": Partial.of(p), "mean target": Partial.of(y),
        "share of targets below": Partial.of((y < p) + 0.5 * (y == p)),
    }  # fmt: skip


def _of_classes(y: Array, model: TableModel, f: Array, prior: Array | None) -> dict[str, Partial]:
    chosen = model.codes(f, prior)
    sums = {"error rate": Partial.of(chosen != y)}
    if model.question == "ordinal":
        sums["mean distance in classes"] = Partial.of(np.abs(chosen - y))
    p = model.probabilities(f, prior) if model.has_probabilities else None
    if p is not None:
        z = model.log_odds(f, prior)
        sums["log loss"] = metric_of_probabilities(len(model.classes)).loss.partial(y, z)  # type: ignore[union-attr]
    for i, label in enumerate(model.classes[:NAMED]):
        own = y == i
        sums[f"found of {label}"] = Partial.of((chosen == i)[own])
        if p is not None:
            sums[f"mean probability of {label}"] = Partial.of(p[:, i])
            sums[f"share of {label}"] = Partial.of(own)
    return sums


def _of_levels(y: Array, q: Array, levels: tuple[float, ...]) -> dict[str, Partial]:
    sums = {f"share below {level:g}": Partial.of(y <= q[:, i]) for i, level in enumerate(levels)}
    inside = (y >= q[:, 0]) & (y <= q[:, -1])
    return sums | {"share inside": Partial.of(inside), "mean width": Partial.of(q[:, -1] - q[:, 0])}


def _told(sums: dict[str, Partial]) -> dict[str, float]:
    """The figures of sums."""
    told: dict[str, float] = {}
    for name, each in sums.items():
        told[name] = float(each.mean)
        if name == "root mean squared error":
            told[name] **= 0.5
        if name == "mean target":
            told["predictions over targets"] = sums["mean prediction"].sum / each.sum if each.sum else math.nan
    return told


def _ranking_error(order: Ranked) -> float:
    """The share of pairs in the wrong order, from rows in order of their score that carry their class."""
    score, rows, ones = order.groups()
    both = np.repeat([1.0, 0.0], len(score)), np.tile(score, 2), np.r_[ones, rows - ones]
    kept = both[2] > 0
    y, f, w = (each[kept] for each in both)
    return float(np.average(misordered(y, f, w), weights=w)) if len(np.unique(y)) > 1 else math.nan


def _worth(metric: str, classes: tuple[str, ...], sums: dict[str, Partial]) -> dict[str, float]:
    """The metric of labels that a threshold was chosen for."""
    if not metric:
        return {}
    zero, one = (sums[f"found of {label}"] for label in classes)
    share = one.weight / (zero.weight + one.weight)
    return {metric: float(worth(metric, one.mean, 1 - zero.mean, share))}


def of_selection(found: Any) -> tuple[Evaluation, dict[str, float]]:
    """The winner's figures on rows it has not seen (the first round), and how far it is from the default's predictions.

    Parameters
    ----------
    found : Selection
    """
    metric, y = found.metric, found.target.y
    scores = found.winner.scores
    known = np.isfinite(scores) if scores.ndim == 1 else np.isfinite(scores).all(axis=1)
    where = np.flatnonzero(known)
    y, scores = y[known], scores[known]
    central, classes = middle(metric, scores), found.target.classes
    sums = {"error rate": Partial.of(labels(scores) != y)} if classes else _of_numbers(y, central)
    more: dict[str, float] = {}
    if metric.levels:
        sums |= _of_levels(y, scores, metric.levels)
        more["rows whose levels cross"] = found.crossing or 0.0
    tally = Tally(metric, None, classes)
    tally.add(y, scores, central, metric.rows(y, scores), found.numbers[where], sums)
    made = tally.result(more)
    other = found.default.scores
    if found.winner is found.default or other is None:
        return made, {}
    there = middle(metric, other[known])
    if (metric.loss is None and not metric.levels) or (found.target.classes and len(found.target.classes) > 2):
        moved = labels(scores) != labels(other[known])
        return made, {"share of rows with another label": float(moved.mean())}
    gap = np.abs(central - there)
    return made, {"median change of a prediction": float(np.median(gap)), "largest change": float(np.max(gap))}


def middle(metric: Metric, scores: Array) -> Array:
    """One number a row from the metric's scores: a prediction, a label's code, the middle of several."""
    if scores.ndim > 1:
        return labels(scores).astype(np.float64) if not metric.levels else scores.mean(axis=1)
    if metric.loss is None:
        return labels(scores).astype(np.float64)
    return np.asarray(metric.link.to_prediction(scores), dtype=np.float64)
