"""Repeated cross-validation of all candidates on the same folds, each choosing its penalty by inner folds.

Nothing of a test fold is seen in training: medians, levels, means and deviations of the features, the scale of robust
losses, the penalty and the shift of a quantile all come from the training rows. What candidates share, the fold's
matrices, is made once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from losskit.constants import robust_scale, weighted_quantile
from losskit.errors import DataError, LosskitError, ParameterError
from losskit.losses.regression import Quantile
from losskit.objective import one_thread_each
from losskit.preprocess import Preprocessor
from losskit.rowwise import Rowwise
from losskit.selection.folds import Plan, round_rng
from losskit.selection.metrics import Metric
from losskit.selection.questions import Contender
from losskit.selection.resume import Shelf
from losskit.selection.training import (
    STEPS,
    Line,
    Loss,
    Rows,
    central,
    fit_path,
    metric_score,
    residual_quantile,
    score,
    unit_of_penalty,
)
from losskit.tables import Table

Array = np.ndarray
Progress = Callable[[int, int, str], object]
INNER = 3
_NO_SPREAD = 1e-6  # of y's deviation: residuals this small are a solver's rounding


@dataclass(frozen=True, eq=False)
class Task:
    """What is compared: a table, a target coded as numbers, a metric, and contenders, the default first."""

    table: Table
    y: Array
    w: Array | None
    classes: int
    metric: Metric
    level: float
    contenders: tuple[Contender, ...]
    plan: Plan

    @property
    def width(self) -> tuple[int, ...]:
        """How many scores a row has, if it has more than one."""
        return (self.classes,) if self.classes > 2 else (len(self.metric.levels),) if self.metric.levels else ()

    def rows(self, preprocessor: Preprocessor, at: Array) -> Rows:
        """The rows `at` as a fitted preprocessor makes them."""
        X = preprocessor.transform(self.table.take(at))
        return Rows(X, self.y[at], None if self.w is None else self.w[at], self.classes)

    def learn(self, at: Array) -> Preprocessor:
        """A preprocessor that has seen the rows `at` only."""
        made = Preprocessor().fit(self.table, at, self.w)
        if not made.feature_names:
            raise DataError(
                f"{self.table.source}: no feature varies over {len(at)} training rows; nothing to learn from"
            )
        return made

    def folds(self, at: Array, count: int, rng: np.random.Generator) -> list[tuple[Array, Array]]:
        """Training and test rows of `count` folds of the rows `at`."""
        return self.plan.split(at, count, rng)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A contender trained on some rows."""

    contender: Contender
    loss: Loss
    alpha: float
    step: float
    line: Line
    shift: Any  # added to scores: a quantile of residuals for each level, and what makes intervals reach theirs

    def metric_score(self, metric: Metric, X: Array) -> Array:
        """Predictions for rows, on the metric's scale."""
        return metric_score(self.contender, self.loss, metric, score(self.line, X), self.shift)


@dataclass(eq=False)
class Results:
    """What cross-validation found; arrays have one row a contender, the baseline being the last.

    Attributes
    ----------
    costs : (contenders + 1, folds): the metric of each test fold; whole rounds only
    outside : (contenders + 1,): test rows whose prediction cost infinity
    first : (contenders + 1, rows), and classes if they are more than two: the metric's scores of the first round, each
        row predicted from the others
    failed : contender -> why it could not be trained
    test_share : n_test / n_train
    """

    costs: Array
    outside: Array
    first: Array
    failed: dict[int, str] = field(default_factory=dict)
    rounds: int = 0
    test_share: float = 0.25

    @property
    def by_round(self) -> Array:
        """The metric of each round, a row a round."""
        return self.costs.reshape(len(self.costs), self.rounds, -1).mean(axis=2).T


class Trainer:
    """Trains every contender on the same rows; keeps the matrices of the inner folds."""

    def __init__(self, task: Task, at: Array, rng: np.random.Generator, keep: bool = False) -> None:
        self.task, self.keep = task, keep
        self.preprocessor = task.learn(at)
        self.rows = task.rows(self.preprocessor, at)
        self.inner: list[tuple[Rows, Rows]] = []
        for train, test in task.folds(at, INNER, rng):
            learned = task.learn(train)
            self.inner.append((task.rows(learned, train), task.rows(learned, test)))
        self._lines: dict[str, tuple[Line, list[Line]]] = {}  # by class: on all rows, and on each inner fold
        self._residuals: Array | None = None

    def train(self, contender: Contender) -> Fitted:
        """Choose the penalty by the inner folds, then fit all rows."""
        task, rows = self.task, self._weighed(self.rows, contender)
        loss = self._resolved(contender)
        constant = central(loss, rows.code(loss), rows.w, rows.classes)
        unit = unit_of_penalty(loss, rows.code(loss), rows.w, constant)
        alphas = [c * unit for c in STEPS]
        outer, inner = self._lines.get(contender.start or "", (None, [None] * INNER))
        paths = [
            self._fit(contender, loss, self._weighed(train, contender), alphas, constant, start)
            for (train, _), start in zip(self.inner, inner, strict=True)
        ]
        best = self._best(contender, loss, paths)
        start = outer or (None if contender.turn == "levels" else paths[0][best])
        line = self._fit(contender, loss, rows, [alphas[best]], constant, start, self.keep)[0]
        name = type(contender.loss).__name__
        self._lines.setdefault(name, (line, [path[best] for path in paths]))
        if self._residuals is None and not task.classes:
            self._residuals = rows.y - score(line, rows.X) if line[0].ndim == 1 else None
        shift = self._shift(contender, rows, line) + self._widening(contender, loss, [path[best] for path in paths])
        return Fitted(contender, loss, alphas[best], STEPS[best], line, shift)

    def _fit(
        self, contender: Contender, loss: Loss, rows: Rows, alphas: list[float], constant: Any,
        start: Line | None = None, keep: bool = False,
    ) -> list[Line]:  # fmt: skip
        """`fit_path`, once for each level where that is wanted."""
        if contender.turn != "levels":
            return fit_path(loss, rows, alphas, constant, start, keep)
        each = [
            fit_path(Quantile(level), rows, alphas, weighted_quantile(rows.y, level, rows.w), None, keep)
            for level in self.task.metric.levels
        ]
        return [(np.array([c for c, _ in at]), np.array([b for _, b in at])) for at in zip(*each, strict=True)]

    def _shift(self, contender: Contender, rows: Rows, line: Line) -> Any:
        """The quantiles of the residuals, one for each level asked."""
        if contender.turn != "quantile":
            return 0.0
        if not self.task.metric.levels:
            return residual_quantile(rows, line, self.task.level)
        return np.array([residual_quantile(rows, line, level) for level in self.task.metric.levels])

    def _widening(self, contender: Contender, loss: Loss, lines: list[Line]) -> Any:
        """What to add to both ends so that they hold the share asked of rows not seen: conformity over inner folds.

        Romano et al. (2019), arXiv:1905.03222, with cross-validation in place of a split.
        """
        task = self.task
        if len(task.metric.levels) != 2:
            return 0.0
        misses, weights = [], []
        for (train, test), line in zip(self.inner, lines, strict=True):
            shift = self._shift(contender, train, line)
            low, high = metric_score(contender, loss, task.metric, score(line, test.X), shift).T
            misses.append(np.maximum(low - test.y, test.y - high))
            weights.append(np.ones(len(test.y)) if test.w is None else test.w)
        miss, n = np.concatenate(misses), sum(map(len, misses))
        share = min(1.0, (task.metric.levels[1] - task.metric.levels[0]) * (1 + 1 / n))
        wider = weighted_quantile(miss, share, np.concatenate(weights))
        return np.array([-wider, wider])

    def _weighed(self, rows: Rows, contender: Contender) -> Rows:
        """The rows with the costs of an error in their weights, where the contender wants that."""
        if contender.turn != "weighted":
            return rows
        assert self.task.metric.costs is not None
        (right, false_alarm), (miss, hit) = self.task.metric.costs
        weights = np.where(rows.y > 0.5, miss - hit, false_alarm - right)
        return replace(rows, w=weights if rows.w is None else rows.w * weights)

    def _resolved(self, contender: Contender) -> Loss:
        """The loss with its open parameters set from the default's residuals, or the training rows of each class."""
        loss, rows = contender.loss, self.rows
        if contender.counted:
            counts = np.bincount(rows.y.astype(np.intp), minlength=rows.classes)
            return replace(loss, counts=tuple(float(max(c, 1)) for c in counts))  # type: ignore[call-arg]
        if self._residuals is None or isinstance(loss, Rowwise) or not loss._open():
            return loss
        if robust_scale(self._residuals, rows.w) <= _NO_SPREAD * float(np.std(rows.y)):
            raise ParameterError("the default leaves half of the rows or more without a residual, so there is no scale")
        return loss.resolve(self._residuals, rows.w)

    def _best(self, contender: Contender, loss: Loss, paths: list[list[Line]]) -> int:
        """The penalty of the lowest metric over the inner folds; the stronger where two are equal."""
        task, totals, weight = self.task, np.zeros(len(STEPS)), 0.0
        for (train, test), path in zip(self.inner, paths, strict=True):
            weight += len(test.y) if test.w is None else float(test.w.sum())
            for k, line in enumerate(path):
                shift = self._shift(contender, train, line)
                scores = metric_score(contender, loss, task.metric, score(line, test.X), shift)
                costs = task.metric.rows(test.y, scores)
                totals[k] += costs.sum() if test.w is None else float(test.w @ costs)
        return int(np.argmin(totals / weight))


def cross_validate(
    task: Task,
    folds: int,
    rounds: int,
    seed: int,
    deadline: float | None,
    progress: Progress | None,
    state: str | os.PathLike[str] | None = None,
) -> Results:
    """Compare the contenders over `rounds` rounds of `folds` folds; fewer rounds where the deadline comes first.

    The first round is always finished. Folds found in the folder `state` are not done again.
    """
    shelf = Shelf(state, task, (seed, folds, rounds))
    n, lines = task.table.n_rows, len(task.contenders) + 1
    results = Results(
        np.empty((lines, 0)), np.zeros(lines, dtype=np.int64), np.full((lines, n, *task.width), np.nan)
    )
    total = folds * rounds
    with one_thread_each():
        for number in range(rounds):
            costs, outside = np.full((lines, folds), np.inf), np.zeros(lines, dtype=np.int64)
            splits = task.folds(np.arange(n), folds, round_rng(seed, number))
            for k, (train, test) in enumerate(splits):
                done = shelf.find(number, k, results.failed)
                if done is None:
                    if number and deadline is not None and time.monotonic() > deadline:
                        return results
                    trainer = Trainer(task, train, round_rng(seed, number, k))
                    scores = _test(trainer, test, results.failed)
                    done = (*_judge(task, test, scores), scores)
                    shelf.keep(number, k, results.failed, *done)
                costs[:, k], bad, scores = done
                outside += bad
                if number == 0:
                    results.first[:, test] = scores
                if progress is not None:
                    progress(number * folds + k + 1, total, f"round {number + 1} of {rounds}")
            results.test_share = float(np.mean([len(test) / len(train) for train, test in splits]))
            results.costs = np.hstack([results.costs, costs])
            results.outside += outside
            results.rounds = number + 1
    return results


def _test(trainer: Trainer, test: Array, failed: dict[int, str]) -> Array:
    """The metric's scores of the test rows, one line a contender, the baseline last; nan where one failed."""
    task = trainer.task
    scores = np.full((len(task.contenders) + 1, len(test), *task.width), np.nan)
    X = trainer.preprocessor.transform(task.table.take(test))
    for i, contender in enumerate(task.contenders):
        if i in failed:
            continue
        try:
            scores[i] = trainer.train(contender).metric_score(task.metric, X)
        except LosskitError as error:
            if i == 0:
                raise
            failed[i] = str(error)
    scores[-1] = task.metric.constant(trainer.rows.y, trainer.rows.w, task.classes)
    return scores


def _judge(task: Task, test: Array, scores: Array) -> tuple[Array, Array]:
    """The metric over the test rows of each line of scores, and how many rows cost infinity."""
    y, w = task.y[test], None if task.w is None else task.w[test]
    costs = np.array([task.metric.rows(y, line) for line in scores])
    if w is None:
        return costs.mean(axis=1), np.isinf(costs).sum(axis=1)
    counted = w > 0
    return costs[:, counted] @ w[counted] / w.sum(), np.isinf(costs[:, counted]).sum(axis=1)
