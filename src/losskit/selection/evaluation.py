"""How good a fitted model is on rows with known targets: its metric, its bias, and where they come from."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.corp import decomposition
from losskit.data.tables import Column, Table, as_table
from losskit.errors import CapabilityError, DataError
from losskit.labelling import log_loss, worth
from losskit.links import LOG
from losskit.model import TableModel, cheapest
from losskit.selection.metrics import (
    Metric,
    absolute_error,
    error_rate,
    expectile_score,
    interval_score,
    labels,
    mean_cost,
    metric_of_probabilities,
    pinball,
    poisson_deviance,
    quantile_score,
    ranked_probability_score,
    squared_error,
)
from losskit.selection.questions import parse_question
from losskit.selection.training import rescale

Array = np.ndarray
_LISTED, _PARTS, _MOST = 10, 5, 12


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
    """

    metric: str
    mean: float
    figures: dict[str, float]
    parts: list[dict[str, Any]] = field(default_factory=list)
    worst: tuple[int, ...] = ()
    share_of_worst: float = math.nan

    def to_dict(self) -> dict[str, Any]:
        """In plain JSON types; what has no finite value is None."""
        parts = [{k: plain_value(v) for k, v in part.items()} for part in self.parts]
        return {
            "schema": "losskit.evaluation/1", "metric": self.metric, "mean": plain_value(self.mean),
            "figures": {k: plain_value(v) for k, v in self.figures.items()}, "parts": parts,
            "worst_rows": list(self.worst), "share_of_worst": plain_value(self.share_of_worst),
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
    table = as_table(X)
    y = _coded(table.target(model.target), model)
    metric = metric_of(model)
    told = model.read_prior(prior)
    f = model.scores(table)
    scores = _metric_scores(model, metric, table, f, told)
    costs = metric.rows(y, scores)
    prediction = _central(model, table, f, told)
    figures = _of_numbers(y, prediction) if not model.classes else _of_classes(y, model, f, told)
    if model.levels:
        figures |= _of_levels(y, model.quantiles(table), model.levels)
        figures["rows whose levels cross"] = model.crossing(table) or 0.0
    figures |= parts_of_score(metric, y, scores)
    groups = groups_of(table.column(by)) if by is not None else _fifths(prediction)
    made = judged(metric, y, prediction, costs, {metric.name: float(costs.mean()), **figures}, groups)
    if len(model.classes) > 2 and by is None:
        made = replace(made, parts=_by_class(y, prediction, costs, model.classes))
    return made


def judged(
    metric: Metric, y: Array, prediction: Array, costs: Array, figures: dict[str, float],
    groups: tuple[Array, list[str]],
) -> Evaluation:  # fmt: skip
    """The evaluation of rows whose costs are known, by groups (a code a row, and names)."""
    codes, names = groups
    parts = []
    for code, name in enumerate(names):
        rows = codes == code
        if rows.any():
            parts.append({
                "part": name, "rows": int(rows.sum()), "metric": float(costs[rows].mean()),
                "prediction": float(prediction[rows].mean()), "target": float(y[rows].mean()),
            })  # fmt: skip
    order = np.argsort(-costs, kind="stable")
    few = max(1, len(costs) // 100)
    total = float(costs.sum())
    share = float(costs[order[:few]].sum() / total) if total > 0 and math.isfinite(total) else math.nan
    worst = tuple(int(i) + 1 for i in order[:_LISTED])
    return Evaluation(metric.name, float(costs.mean()), figures, parts, worst, share)


def parts_of_score(metric: Metric, y: Array, scores: Array) -> dict[str, float]:
    """The mean metric as miscalibration - discrimination + uncertainty, where it has such parts (CORP)."""
    if not isinstance(metric.loss, Pointwise) or scores.ndim > 1 or not np.isfinite(scores).all():
        return {}
    try:
        found = decomposition(metric.loss, y, scores)
    except CapabilityError:
        return {}
    return {
        "lost by miscalibration": found.miscalibration, "gained by discrimination": found.discrimination,
        "of the best constant": found.uncertainty,
    }  # fmt: skip


def _by_class(y: Array, chosen: Array, costs: Array, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """A part for each class: its rows and their metric, and of all rows the share called so and the share that is."""
    return [
        {"part": name, "rows": int((y == i).sum()), "metric": float(costs[y == i].mean()),
         "prediction": float((chosen == i).mean()), "target": float((y == i).mean())}
        for i, name in enumerate(classes) if (y == i).any()
    ]  # fmt: skip


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


def _coded(column: Column, model: TableModel) -> Array:
    """The target as the model's codes."""
    if not model.classes:
        if column.kind == "text":
            raise DataError(f"the target {column.name!r} holds text, and the model predicts numbers")
        return np.array(column.values, dtype=np.float64)
    from losskit.selection.target import label_of

    place = {label: i for i, label in enumerate(model.classes)}
    found = [place.get(label_of(column, value), -1) for value in column.values]
    if -1 in found:
        row = found.index(-1)
        raise DataError(
            f"the target {column.name!r} is {label_of(column, column.values[row])!r} in row {row + 1}, and the model "
            f"knows {', '.join(model.classes[:6])}{' ...' if len(model.classes) > 6 else ''}"
        )
    return np.array(found, dtype=np.float64)


def _metric_scores(model: TableModel, metric: Metric, table: Table, f: Array, prior: Array | None) -> Array:
    if model.levels:
        return model.quantiles(table)
    if not model.has_probabilities:
        return f if metric.loss is None else rescale(f, model.loss.link, metric.link)
    return cheapest(model.probabilities(f, prior), np.array(metric.costs)) if metric.costs else model.log_odds(f, prior)


def _central(model: TableModel, table: Table, f: Array, prior: Array | None) -> Array:
    """One number a row: the prediction, of two classes the probability of the second, of more the label's code."""
    if not model.classes:
        return np.asarray(model.predict(table), dtype=np.float64)
    if len(model.classes) == 2 and model.has_probabilities:
        return model.probabilities(f, prior)[:, 1]
    return model.codes(f, prior).astype(np.float64)


def _of_numbers(y: Array, p: Array) -> dict[str, float]:
    total = float(y.sum())
    return {
        "mean absolute error": float(np.abs(p - y).mean()),
        "root mean squared error": float(((p - y) ** 2).mean() ** 0.5),
        "mean prediction": float(p.mean()), "mean target": float(y.mean()),
        "predictions over targets": float(p.sum()) / total if total else math.nan,
        "share of targets below": float((y < p).mean() + 0.5 * (y == p).mean()),
    }  # fmt: skip


def _of_classes(y: Array, model: TableModel, f: Array, prior: Array | None) -> dict[str, float]:
    chosen = model.codes(f, prior)
    figures = {"error rate": float((chosen != y).mean())}
    if model.question == "ordinal":
        figures["mean distance in classes"] = float(np.abs(chosen - y).mean())
    if model.labelling.metric:
        hits, alarms = float(chosen[y == 1].mean()), float(chosen[y == 0].mean())
        figures[model.labelling.metric] = float(worth(model.labelling.metric, hits, alarms, float(y.mean())))
    p = model.probabilities(f, prior) if model.has_probabilities else None
    if p is not None:
        figures["log loss"] = log_loss(model.log_odds(f, prior), y)
    for i, label in enumerate(model.classes[:_MOST]):
        own = y == i
        figures[f"found of {label}"] = float((chosen[own] == i).mean()) if own.any() else math.nan
        if p is not None:
            figures[f"mean probability of {label}"] = float(p[:, i].mean())
            figures[f"share of {label}"] = float(own.mean())
    return figures


def _of_levels(y: Array, q: Array, levels: tuple[float, ...]) -> dict[str, float]:
    figures = {f"share below {level:g}": float((y <= q[:, i]).mean()) for i, level in enumerate(levels)}
    inside = (y >= q[:, 0]) & (y <= q[:, -1])
    return figures | {"share inside": float(inside.mean()), "mean width": float((q[:, -1] - q[:, 0]).mean())}


def groups_of(column: Column) -> tuple[Array, list[str]]:
    """A code a row and the names of the parts: the most frequent values, or fifths of many numbers."""
    if column.kind in ("numeric", "datetime"):
        values = column.values.astype(np.float64)
        distinct = np.unique(values[~np.isnan(values)])
        if len(distinct) > _MOST:
            return _fifths(values)
        names = [f"{v:g}" for v in distinct]
        return np.where(np.isnan(values), -1, np.searchsorted(distinct, values)), names
    values = np.array(["(null)" if v is None else str(v) for v in column.values])
    found, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_MOST]
    place = np.full(len(found), len(order))
    place[order] = np.arange(len(order))
    return place[codes], [str(found[i]) for i in order] + (["(others)"] if len(found) > len(order) else [])


def _fifths(values: Array) -> tuple[Array, list[str]]:
    known = np.isfinite(values)
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, _PARTS + 1)))
    if len(edges) < 3:
        return np.where(known, 0, -1), ["all"]
    codes = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    names = [f"{a:.4g} to {b:.4g}" for a, b in pairwise(edges)]
    return np.where(known, codes, -1), names


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
    costs = metric.rows(y, scores)
    central = middle(metric, scores)
    figures: dict[str, float] = {metric.name: float(costs.mean())}
    if not found.target.classes:
        figures |= _of_numbers(y, central)
    figures |= parts_of_score(metric, y, scores)
    if metric.levels:
        figures |= _of_levels(y, scores, metric.levels)
        figures["rows whose levels cross"] = found.crossing or 0.0
    made = judged(metric, y, central, costs, figures, _fifths(central))
    made = replace(made, worst=tuple(int(found.numbers[where[i - 1]]) for i in made.worst))
    if len(found.target.classes) > 2:
        made = replace(made, parts=_by_class(y, labels(scores).astype(np.float64), costs, found.target.classes))
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
